"""A folder of heads as a worker needs it: its own, with those that were released in the place of their kinds.

It is made of links, so that a repair, which loads from the disk again, finds the heads that are in force.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from workers.heads.store import MANIFEST, read_manifest

_CURRENT = "current"


class HeadLinks:
    """The links of one worker, in a folder of its own that goes with it."""

    def __init__(self, own: Path) -> None:
        """Begin with the worker's own heads.

        Args:
            own: a folder of heads, or the folder of one.

        Raises:
            HeadError: the manifest of one cannot be read.
        """
        folders = [own] if (own / MANIFEST).is_file() else sorted(path.parent for path in own.glob(f"*/{MANIFEST}"))
        self.own = {folder: read_manifest(folder).kind for folder in folders}
        self._root = Path(tempfile.mkdtemp(prefix="sluice-heads-"))
        self._laid = 0
        self.use(self.lay({}))

    @property
    def current(self) -> Path:
        """The folder of the heads that are in force."""
        return self._root / _CURRENT

    def lay(self, released: Mapping[str, Path]) -> Path:
        """Return a folder with a link to each head, for `use`.

        Args:
            released: their folders, by kind. Of other kinds the worker's own are taken.
        """
        self._laid += 1
        laid = self._root / str(self._laid)
        laid.mkdir()
        places = [folder for folder, kind in self.own.items() if kind not in released]
        for number, folder in enumerate([*places, *released.values()]):
            (laid / f"{number}-{folder.name[:40]}").symlink_to(folder.resolve())
        return laid

    def drop(self, laid: Path) -> None:
        """Take links away that are not used."""
        shutil.rmtree(laid, ignore_errors=True)

    def use(self, laid: Path) -> None:
        """Let what was laid be in force, in one step."""
        fresh = self._root / "fresh"
        fresh.symlink_to(laid.name)
        fresh.replace(self.current)

    def close(self) -> None:
        """Take the links away."""
        shutil.rmtree(self._root, ignore_errors=True)
