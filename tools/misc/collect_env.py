"""Print what a bug report needs: versions, devices, what the CPU can do.

It runs also where mmseg_anomaly cannot be imported, and then says why.
"""
import argparse
import re
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path

from mmengine.utils.dl_utils import collect_env as collect_mmengine_env

# Each library by the names it is published under; all that are there count.
LIBRARIES = {
    'mmsegmentation': ('mmsegmentation', 'onedl-mmsegmentation'),
    'mmcv': ('mmcv', 'mmcv-lite', 'onedl-mmcv'),
    'mmengine': ('mmengine', 'onedl-mmengine', 'mmengine-lite'),
    'mmpretrain': ('mmpretrain', 'onedl-mmpretrain'),
    'mim': ('openmim', 'onedl-mim'),
    'timm': ('timm', ),
    'transformers': ('transformers', ),
    'numpy': ('numpy', ),
    'setuptools': ('setuptools', ),
}
# What decides how fast bfloat16 is on a CPU.
CPU_FLAGS = ('avx2', 'avx512f', 'avx512_bf16', 'amx_tile', 'amx_bf16')
CPU_INFO = Path('/proc/cpuinfo')


def library_version(distributions: tuple[str, ...]) -> str:
    """Name and version of each distribution that is there."""
    found = []
    for name in distributions:
        try:
            found.append(f'{name} {metadata.version(name)}')
        except metadata.PackageNotFoundError:
            continue
    return ', '.join(found) or 'not installed'


def cpu_flags(cpu_info: str) -> str:
    """Which of `CPU_FLAGS` a Linux `/proc/cpuinfo` names."""
    lines = re.findall(r'^flags\s*:(.*)$', cpu_info, re.MULTILINE)
    if not lines:
        return 'unknown'
    there = lines[0].split()
    return ', '.join(
        f'{"" if flag in there else "no "}{flag}' for flag in CPU_FLAGS)


def plugin_state() -> str:
    """Version and folder of mmseg_anomaly, or why it cannot be imported."""
    try:
        plugin = import_module('mmseg_anomaly')
    except ImportError as error:
        return f'cannot be imported: {error}'
    return f'{plugin.__version__}, {Path(plugin.__file__).parent}'


def collect_env() -> dict[str, str]:
    """Return what a bug report needs, by name."""
    env = {name: str(value)
           for name, value in collect_mmengine_env().items()
           if name != 'numpy_random_seed'}
    env |= {name: library_version(distributions)
            for name, distributions in LIBRARIES.items()}
    info = CPU_INFO.read_text() if CPU_INFO.is_file() else ''
    env['CPU flags'] = cpu_flags(info)
    env['mmseg_anomaly'] = plugin_state()
    return env


def main(argv: Sequence[str] | None = None) -> None:
    argparse.ArgumentParser(
        description=__doc__.splitlines()[0]).parse_args(argv)
    for name, value in collect_env().items():
        print(f'{name}: {value}')


if __name__ == '__main__':
    main()
