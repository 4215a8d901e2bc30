"""The store of heads: a folder that whoever promotes writes and that workers read, each head under its digest.

The digest is of what a worker reads of a head: its manifest, weights and canaries. It is checked whenever a head is
taken out, so that a head in the store is the one that was promoted, or is refused.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Final

from workers.heads.store import MANIFEST, WEIGHTS
from workers.watch.store import FOLDER, ITEMS, RECORD

ESSENTIAL: Final = (MANIFEST, WEIGHTS, f"{FOLDER}/{ITEMS}", f"{FOLDER}/{RECORD}")
BESIDE: Final = ("evaluation.json", "report.json", "report.html")  # for people; workers do not need them
_LARGEST_BYTES: Final = 256 * 2**20  # of one file


class StoreError(Exception):
    """A head cannot be put into the store or taken out of it; the text says why."""


def digest_of(folder: Path) -> str:
    """Return the SHA-256 of the canonical JSON of each essential file's path and SHA-256.

    Raises:
        StoreError: a file is missing, too large, or cannot be read.
    """
    parts = {name: hashlib.sha256(_read(folder, name)).hexdigest() for name in ESSENTIAL}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class HeadStore:
    """Heads by their digests, in a folder that need not exist yet."""

    def __init__(self, root: Path) -> None:
        """Name the folder."""
        self.root = root

    def put(self, folder: Path) -> str:
        """Copy a head into the store and return its digest; one that is there already is left as it is.

        It appears whole or not at all, also where several put it there at once.

        Raises:
            StoreError: the head lacks a file, or the store cannot be written, or holds something else in its place.
        """
        digest = digest_of(folder)
        place = self.root / digest
        if not place.exists():
            try:
                self._copy(folder, place)
            except OSError as error:
                raise StoreError(f"the store {self.root} cannot be written: {error.strerror or error}") from error
        return self.get(digest).name

    def get(self, digest: str) -> Path:
        """Return the folder of a head, whose files are those that were put there.

        Raises:
            StoreError: it is not there, or was changed.
        """
        place = self.root / digest
        if not place.is_dir():
            raise StoreError(f"head {digest[:12]} is not in the store {self.root}")
        found = digest_of(place)
        if found != digest:
            raise StoreError(f"{place} was changed: its content has digest {found[:12]}. Delete it, and promote again")
        return place

    def _copy(self, folder: Path, place: Path) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".head-", dir=self.root))
        try:
            for name in (*ESSENTIAL, *(one for one in BESIDE if (folder / one).is_file())):
                (made / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(folder / name, made / name)
            made.chmod(0o755)
            made.rename(place)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            if not place.exists():  # else somebody else was first with the same head
                raise


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise StoreError(f"{path} has more than {_LARGEST_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
