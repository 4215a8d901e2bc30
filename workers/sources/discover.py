"""What there is to publish among files and folders: which of them belong together as one parent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from workers.sources import dicom, pictures
from workers.sources.dispatch import by_suffix, open_parent, what_is
from workers.sources.parent import Parent, SourceError, SourceOptions


@dataclass(frozen=True, slots=True)
class Found:
    """A parent that can be opened.

    Attributes:
        label: What to show a person: the path of its file or folder, or which series it is.
        open: Opens it when it is its turn; raises SourceError.
    """

    label: str
    open: Callable[[], Parent]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found.

    Attributes:
        found: In the order of the paths; within folders, in that of the names. Series of DICOM files come last.
        notes: What was left out on purpose, and why.
        problems: What cannot be read, each with its path.
    """

    found: tuple[Found, ...]
    notes: tuple[str, ...]
    problems: tuple[SourceError, ...]


class _File(NamedTuple):
    path: Path
    what: str
    named: bool  # by the caller, not found in a folder


def discover(paths: Iterable[Path], *, source: str, options: SourceOptions) -> Discovery:
    """Find the parents among files and folders. Hidden files in folders are passed over.

    Two or more pictures directly in one folder are one parent. DICOM files are grouped into their series, wherever they
    lie. Every other file is a parent, and so is a picture that is named itself. A file that is met twice counts once.
    """
    problems: list[SourceError] = []
    files = list(_known(_files(paths, problems), problems))
    series = [file.path for file in files if file.what == "series"]
    others = (file for file in files if file.what != "series")
    found = list(_parents(others, partial(_Opener, source=source, options=options)))
    notes: tuple[str, ...] = ()
    if series:
        read = dicom.find_series(series, source=source, options=options)
        total = len(read.parents)
        found += [Found(f"DICOM series {at} of {total}", opened) for at, opened in enumerate(read.parents, 1)]
        notes = tuple(f"DICOM: {note}" for note in read.skipped)
        problems += read.problems
    return Discovery(tuple(found), notes, tuple(problems))


@dataclass(frozen=True, slots=True)
class _Opener:
    paths: tuple[Path, ...]
    source: str
    options: SourceOptions

    def __call__(self) -> Parent:
        if len(self.paths) > 1:
            return pictures.read(self.paths, source=self.source, options=self.options)
        return open_parent(self.paths[0], source=self.source, options=self.options)


def _parents(files: Iterable[_File], opener: Callable[[tuple[Path, ...]], _Opener]) -> Iterator[Found]:
    """Yield a parent a file; those pictures of a folder that were found in it come as one, where the first one is."""
    for folder, run in groupby(files, key=lambda file: None if file.named else file.path.parent):
        together = list(run)
        album = tuple(file.path for file in together if file.what == "picture" and folder is not None)
        for file in together:
            if len(album) < 2 or file.what != "picture":  # noqa: PLR2004 (one picture is a parent like any file)
                yield Found(str(file.path), opener((file.path,)))
            elif file.path == album[0]:
                yield Found(str(folder), opener(album))


def _known(files: Iterable[tuple[Path, bool]], problems: list[SourceError]) -> Iterator[_File]:
    seen: set[str] = set()
    for path, named in files:
        whole = os.path.realpath(path)
        if whole in seen:
            continue
        seen.add(whole)
        try:
            yield _File(path, what_is(path), named)
        except SourceError as error:
            if not named and by_suffix(path.name.lower()) == "picture":
                yield _File(path, "picture", named)  # counts among its folder's; its problem comes up in its turn
            else:
                problems.append(error)


def _files(paths: Iterable[Path], problems: list[SourceError]) -> Iterator[tuple[Path, bool]]:
    for path in paths:
        if path.is_dir():
            yield from ((file, False) for file in _walk(path, problems))
        else:
            yield path, True


def _walk(folder: Path, problems: list[SourceError]) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        problems.append(SourceError(Path(error.filename), error.strerror or str(error)))

    for inner, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(inner, name) for name in sorted(names) if not name.startswith(".")):
            if path.is_file() or not path.exists():  # a link to nothing is a problem; a pipe or a socket is no file
                yield path
