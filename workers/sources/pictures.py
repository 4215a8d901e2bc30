"""A folder of pictures: one parent, its pictures in the order in which a person would count them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from schemas.items import RawItem
from workers.sources.image import KIND, content_type_of
from workers.sources.parent import STEM_LENGTH, ItemMaker, Parent, SourceError, SourceOptions, printable

_NUMBER = re.compile(r"(\d+)")


def read(paths: Sequence[Path], *, source: str, options: SourceOptions) -> Parent:
    """Return the pictures of one folder as a parent. Its id is the same for the same names and bytes, on any machine.

    The count is that of the files that are named: one that has vanished or cannot be read is missing, its problem is
    raised after the last of the others, and the parent's decision knows of the gap.
    """
    ordered = sorted(paths, key=natural_order)
    folder = ordered[0].resolve().parent
    make = ItemMaker(_parent_id(folder, ordered, options), KIND, source, len(ordered), "")
    return Parent(make.parent_id, KIND, source, len(ordered), _items(ordered, make))


def natural_order(path: Path) -> tuple[list[str | int], str]:
    """Return the key that sorts img2 before img10: numbers in a name by their value, letters whatever their case."""
    parts = _NUMBER.split(path.name.casefold())  # text and numbers by turns, so that each meets its like
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], path.name


def _parent_id(folder: Path, paths: Sequence[Path], options: SourceOptions) -> str:
    if options.parent_id:
        return options.parent_id
    digest = hashlib.sha256()
    for path in paths:
        name = path.name.encode(errors="surrogateescape")
        digest.update(len(name).to_bytes(8, "big") + name + _digest(path))
    return f"{printable(folder.name)[:STEM_LENGTH] or 'pictures'}-{digest.hexdigest()[:12]}"


def _digest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return bytes(32)  # its problem is raised when its turn comes


def _items(paths: Sequence[Path], make: ItemMaker) -> Iterator[RawItem]:
    problems: list[SourceError] = []
    for index, path in enumerate(paths):
        try:
            value = path.read_bytes()
        except OSError as error:
            problems.append(SourceError(path, error.strerror or str(error)))
            continue
        yield replace(make, content_type=content_type_of(path)).item(index, value)
    if problems:
        more = f" (and {len(problems) - 1} other pictures of its folder)" if len(problems) > 1 else ""
        raise SourceError(problems[0].path, problems[0].problem + more)
