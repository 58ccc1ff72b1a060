"""Which versions this package works with, checked before they are imported.

First only metadata is read: an unsupported library may fail while it is
imported, and its own traceback would hide the reason.
"""
from collections.abc import Callable, Iterable
from importlib import import_module, metadata
from typing import Any, NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

VersionOf = Callable[[str], str | None]


class Requirement(NamedTuple):
    """A library that must be present, by any of its distributions.

    Args:
        distributions: Names it is published under, the usual one first.
        versions: Supported versions, as in a requirements file.
        remedy: What to install.
    """

    distributions: tuple[str, ...]
    versions: str
    remedy: str


REQUIREMENTS = (
    Requirement(('torch',), '>=2.6', 'torch==2.14.1'),
    Requirement(('mmengine', 'onedl-mmengine', 'mmengine-lite'),
                '>=0.10.4,<0.11', 'mmengine==0.10.7'),
    Requirement(('mmcv', 'mmcv-lite', 'onedl-mmcv'),
                '>=2.0.0,<2.4', 'mmcv-lite==2.1.0'),
    Requirement(('mmsegmentation', 'onedl-mmsegmentation'),
                '>=1.2.2,<1.5', 'onedl-mmsegmentation==1.4.2'),
    Requirement(('timm',), '>=1.0.31,<2', 'timm==1.0.31'),
    Requirement(('numpy',), '>=1.26', '"numpy>=1.26"'),
)
# The first maker's mmsegmentation imports compiled operators, which mmcv-lite
# lacks, and refuses newer mmcv by an assertion.
MMCV_OF_MMSEGMENTATION = Requirement(
    ('mmcv', ), '>=2.0.0,<2.2',
    'mmcv==2.1.0` or, with mmcv-lite, `pip uninstall mmsegmentation` and '
    '`pip install onedl-mmsegmentation==1.4.2')


def installed_version(distribution: str) -> str | None:
    """Version of an installed distribution, or None if it is absent."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def requirement_problem(requirement: Requirement, version_of: VersionOf,
                        owner: str = 'mmseg_anomaly') -> str | None:
    """One sentence on what `owner` lacks, or None."""
    name = requirement.distributions[0]
    found = {d: version_of(d) for d in requirement.distributions}
    found = {d: version for d, version in found.items() if version}
    remedy = f'run `pip install {requirement.remedy}`'
    if not found:
        return (f'{owner} needs {name} {requirement.versions}, but it '
                f'is not installed: {remedy}.')
    for distribution, version in found.items():
        if not _matches(version, requirement.versions):
            return (f'{owner} needs {name} {requirement.versions}, got '
                    f'{distribution} {version}: {remedy}.')
    return None


def mmpretrain_problem(version_of: VersionOf) -> str | None:
    """One sentence if mmpretrain meets a transformers it cannot import."""
    transformers = version_of('transformers')
    owners = [d for d in ('mmpretrain', 'onedl-mmpretrain') if version_of(d)]
    if not owners or not transformers or _matches(transformers, '<5'):
        return None
    return (f'{owners[0]} needs transformers <5, got transformers '
            f'{transformers}: run `pip install "transformers<5"`, or '
            f'uninstall {owners[0]}, which mmseg_anomaly does not need.')


def operators_problem(version_of: VersionOf = installed_version,
                      importer: Callable[[str], Any] = import_module
                      ) -> str | None:
    """One sentence if the compiled operators of mmcv cannot be used.

    A full mmcv is compiled for one release of torch, and pip replaces torch
    without a word about it.

    Args:
        version_of: Maps a distribution's name to its version, None if it is
            absent.
        importer: Imports a module by its name.
    """
    owners = [d for d in ('mmcv', 'onedl-mmcv') if version_of(d)]
    if not owners:
        return None
    mmcv = f'{owners[0]} {version_of(owners[0])}'
    again = ('run `pip install --force-reinstall --no-deps --no-cache-dir '
             f'--no-build-isolation {mmcv.replace(" ", "==")}`')
    importer('torch')
    try:
        importer('mmcv._ext')
    except ModuleNotFoundError:
        mmsegmentation = version_of('mmsegmentation')
        return mmsegmentation and (
            f'mmsegmentation {mmsegmentation} needs the compiled operators '
            f'of mmcv, and {mmcv} was built without them: {again} without '
            'MMCV_WITH_OPS=0.')
    except ImportError as error:
        return (f'The operators of {mmcv} do not fit torch '
                f'{version_of("torch")} ({error}): build them for it, '
                f'{again}, or go back to the torch they were built for.')
    return None


def find_problem(version_of: VersionOf = installed_version) -> str | None:
    """First reason why the installed libraries do not fit together.

    Args:
        version_of: Maps a distribution's name to its version, None if it is
            absent.

    Returns:
        One sentence with what is expected, what is there and the remedy;
        None if all fit.
    """
    for problem in _problems(version_of):
        if problem:
            return problem
    return None


def require_compatible_versions() -> None:
    """Stop unless the installed libraries are supported.

    Raises:
        ImportError: If one is missing, unsupported, or clashes with another.
    """
    problem = find_problem() or operators_problem()
    if problem:
        raise ImportError(problem)


def _problems(version_of: VersionOf) -> Iterable[str | None]:
    for requirement in REQUIREMENTS:
        yield requirement_problem(requirement, version_of)
    mmsegmentation = version_of('mmsegmentation')
    if mmsegmentation:
        yield requirement_problem(MMCV_OF_MMSEGMENTATION, version_of,
                                  f'mmsegmentation {mmsegmentation}')
    yield mmpretrain_problem(version_of)


def _matches(version: str, specifier: str) -> bool:
    try:
        public = Version(Version(version).public)
    except InvalidVersion:
        return False
    return SpecifierSet(specifier).contains(public, prereleases=True)
