"""Which versions this package works with, checked before they are imported.

First only metadata is read: an unsupported library may fail while it is
imported, and its own traceback would hide the reason. ``version_of`` maps a
distribution's name to its version, None if it is absent.
"""
from collections.abc import Callable
from importlib import import_module, metadata
from typing import Any, NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

VersionOf = Callable[[str], str | None]


class Requirement(NamedTuple):
    """A library that must be present, by any of its distributions."""

    distributions: tuple[str, ...]
    """Names it is published under, the usual one first."""
    versions: str
    """Supported versions, as in a requirements file."""
    remedy: str
    """What to install."""


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
    """Return the version of a distribution, or None if it is absent."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def require_compatible_versions() -> None:
    """Raise an ``ImportError`` unless the installed libraries fit."""
    problem = find_problem() or operators_problem()
    if problem:
        raise ImportError(problem)


def find_problem(version_of: VersionOf = installed_version) -> str | None:
    """Return the first reason why libraries do not fit together, or None.

    It is one sentence: what is expected, what is there and the remedy.
    """
    problems = [_requirement_problem(r, version_of) for r in REQUIREMENTS]
    mmsegmentation = version_of('mmsegmentation')
    if mmsegmentation:
        problems.append(
            _requirement_problem(MMCV_OF_MMSEGMENTATION, version_of,
                                 f'mmsegmentation {mmsegmentation}'))
    problems.append(_mmpretrain_problem(version_of))
    return next(filter(None, problems), None)


def _requirement_problem(requirement: Requirement, version_of: VersionOf,
                         owner: str = 'mmseg_anomaly') -> str | None:
    needs = (f'{owner} needs {requirement.distributions[0]} '
             f'{requirement.versions}')
    remedy = f'run `pip install {requirement.remedy}`'
    found = [(d, version_of(d)) for d in requirement.distributions
             if version_of(d)]
    if not found:
        return f'{needs}, but it is not installed: {remedy}.'
    for distribution, version in found:
        if not _matches(version, requirement.versions):
            return f'{needs}, got {distribution} {version}: {remedy}.'
    return None


def _mmpretrain_problem(version_of: VersionOf) -> str | None:
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
    """Return one sentence if mmcv's compiled operators cannot be used.

    A full mmcv is compiled for one release of torch, and pip replaces torch
    without a word about it. ``importer`` imports a module by its name.
    """
    owners = [d for d in ('mmcv', 'onedl-mmcv') if version_of(d)]
    if not owners:
        return None
    mmcv = f'{owners[0]} {version_of(owners[0])}'
    rebuild = ('run `pip install --force-reinstall --no-deps --no-cache-dir '
               f'--no-build-isolation {mmcv.replace(" ", "==")}`')
    importer('torch')
    try:
        importer('mmcv._ext')
    except ModuleNotFoundError:
        mmsegmentation = version_of('mmsegmentation')
        return mmsegmentation and (
            f'mmsegmentation {mmsegmentation} needs the compiled operators '
            f'of mmcv, and {mmcv} was built without them: {rebuild} without '
            'MMCV_WITH_OPS=0.')
    except ImportError as error:
        return (f'The operators of {mmcv} do not fit torch '
                f'{version_of("torch")} ({error}): build them for it, '
                f'{rebuild}, or go back to the torch they were built for.')
    return None


def _matches(version: str, specifier: str) -> bool:
    try:
        public = Version(Version(version).public)
    except InvalidVersion:
        return False
    return SpecifierSet(specifier).contains(public, prereleases=True)
