"""SHA-256 of files, by which results name what they were made with."""
import hashlib
from pathlib import Path

_CHUNK = 1 << 22


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open('rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
