"""Packaging: metadata, extras, and what mim needs below `.mim`."""
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM_CONTENT = ('tools', 'configs', 'model-index.yml')


def read_version() -> str:
    """Version of the package, without importing it."""
    names = {}
    exec((ROOT / 'mmseg_anomaly' / 'version.py').read_text(), names)
    return names['__version__']


def read_requirements(name: str) -> list[str]:
    """Lines of a requirements file that name a distribution.

    Other files that it includes by `-r` are not followed.
    """
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    lines = [line.partition('#')[0].strip() for line in lines]
    return [line for line in lines if line and not line.startswith('-')]


def add_mim_extension(package_dir: Path, link: bool) -> None:
    """Put what mim looks for into `.mim` of a package.

    Args:
        package_dir: Folder of the package, in the sources or in a build.
        link: Link to the sources, for an editable install, or copy them.
    """
    mim_dir = package_dir / '.mim'
    shutil.rmtree(mim_dir, ignore_errors=True)
    mim_dir.mkdir(parents=True)
    for name in MIM_CONTENT:
        source, target = ROOT / name, mim_dir / name
        if link:
            target.symlink_to(Path('..', '..', name))
        elif source.is_dir():
            shutil.copytree(source, target,
                            ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copyfile(source, target)


class BuildWithMim(build_py):
    """Add `.mim` to wheels and to editable installs (PEP 660) alike."""

    def run(self) -> None:
        super().run()
        folder = ROOT if self.editable_mode else Path(self.build_lib)
        add_mim_extension(folder / 'mmseg_anomaly', link=self.editable_mode)


if __name__ == '__main__':
    mminstall = read_requirements('mminstall')
    optional = read_requirements('optional')
    tests = read_requirements('tests')
    setup(
        name='mmseg_anomaly',
        version=read_version(),
        description='MMSegmentation plugin that finds what does not belong '
        'in a road scene: EoMT, outlier exposure, anomaly metrics',
        long_description=(ROOT / 'README.md').read_text()
        if (ROOT / 'README.md').is_file() else '',
        long_description_content_type='text/markdown',
        license='Apache-2.0',
        keywords='semantic segmentation, anomaly segmentation, '
        'out-of-distribution detection, MMSegmentation, EoMT',
        classifiers=[
            'Development Status :: 4 - Beta',
            'Operating System :: OS Independent',
            'Programming Language :: Python :: 3',
            'Topic :: Scientific/Engineering :: Artificial Intelligence',
        ],
        python_requires='>=3.10',
        packages=find_packages(include=['mmseg_anomaly', 'mmseg_anomaly.*']),
        # Which distribution serves mmcv, mmengine and mmseg is the user's
        # choice; importing the package checks what is there.
        install_requires=[
            'filelock', 'matplotlib', 'numpy>=1.26', 'opencv-python',
            'packaging', 'Pillow>=9.4', 'pycocotools>=2.0.7', 'safetensors',
            'scipy>=1.10', 'tensorboard', 'timm>=1.0.31,<2', 'torch>=2.6',
            'torchvision',
        ],
        extras_require={
            'all': mminstall + optional,
            'dev': mminstall + optional + tests,
            'mminstall': mminstall,
            'optional': optional,
            'tests': optional + tests,
        },
        cmdclass={'build_py': BuildWithMim},
        zip_safe=False)
