"""Fixtures that every test may use."""
from pathlib import Path

import pytest

SHARED_DIR = Path(__file__).resolve().parents[2] / 'shared'


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f'{folder.name} files are not beside this checkout')
    return folder


@pytest.fixture(scope='session')
def reference_dir() -> Path:
    """Folder of inputs and outputs made with the peers' own code."""
    return _existing(SHARED_DIR / 'reference')


@pytest.fixture(scope='session')
def shared_data_dir() -> Path:
    """Folder of real images and weights."""
    return _existing(SHARED_DIR / 'data')
