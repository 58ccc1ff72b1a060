"""The step of a build that mim needs; metadata are in pyproject.toml."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM_CONTENT = ('tools', 'configs', 'model-index.yml')


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
    setup(cmdclass={'build_py': BuildWithMim})
