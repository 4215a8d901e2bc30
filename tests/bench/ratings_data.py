"""Image quality measures and people's ratings of MRI scans, from the source package mriqc 0.16.1 (BSD-3).

The package is fetched by pip from whatever index it is set up with, checked against its SHA-256, and kept under
out/bench/data; nothing of it is committed, installed or imported. Four CSV files are read straight from the archive;
its pickles are never touched.
"""

from __future__ import annotations

import csv
import hashlib
import math
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

PACKAGE: Final = "mriqc==0.16.1"
ARCHIVE: Final = "mriqc-0.16.1.tar.gz"
SHA256: Final = "e70cf97093f5730add1b08d14acaa2a6f80f44372e632baa1eb21308d8efb945"
FOLDER: Final = Path("out/bench/data")
DATASETS: Final = ("abide", "ds030")
_INSIDE: Final = "mriqc-0.16.1/mriqc/data/csv"
MEMBERS: Final = {f"{kind}_{name}": f"{_INSIDE}/{kind}_{name}.csv" for kind in "xy" for name in DATASETS}
_MOST_BYTES: Final = 4 << 20
_SCANNER: Final = ("size_", "spacing_")
"""Measures that are left out: the size of a scan and its voxels tell the scanner, and nothing about this scan."""

Rule = Literal["majority", "any"]
RULES: Final[Mapping[Rule, str]] = {
    "majority": "bad: more raters exclude (-1) than accept (1); good: more accept; as many of both: dropped",
    "any": "bad: at least one rater excludes (-1); good: all others, doubtful (0) ones too; none is dropped",
}


class RatingsError(Exception):
    """The data cannot be had, or is not what it was."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan: of which data set and site, its measures in the order of their names, and its ratings by rater."""

    name: str
    dataset: str
    site: str
    measures: tuple[float, ...]
    ratings: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Data:
    """All scans that have measures and a rating, the names of the measures, and how many rows had only one of both."""

    scans: tuple[Scan, ...]
    names: tuple[str, ...]
    unmatched: Mapping[str, int]

    def of(self, dataset: str) -> list[Scan]:
        """Return the scans of a data set."""
        return [scan for scan in self.scans if scan.dataset == dataset]


def verdict(ratings: Sequence[int], rule: Rule) -> bool | None:
    """Return whether a scan with these ratings (-1, 0 or 1) is good by a rule, or None where that is not settled."""
    if rule == "any":
        return -1 not in ratings
    balance = sum(ratings)
    return None if balance == 0 else balance > 0


def fetch(folder: Path = FOLDER) -> Path:
    """Return where the archive is, fetching it if it is not there.

    Raises:
        RatingsError: it cannot be fetched, or is not the file that was pinned.
    """
    path = folder / ARCHIVE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as work:
            _download(Path(work))
            shutil.move(Path(work) / ARCHIVE, path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise RatingsError(f"{path} is not the file that was pinned: its SHA-256 is {found}. Remove it and try again.")
    return path


def _download(folder: Path) -> None:
    """Have pip fetch the archive. The hash is checked before pip asks the package what it is called."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n")
    options = ["--no-deps", "--no-binary", ":all:", "--require-hashes", "--disable-pip-version-check", "--quiet"]
    command = [_python(), "-m", "pip", "download", *options, "--dest", str(folder), "-r", str(wanted)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode or not (folder / ARCHIVE).exists():
        why = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise RatingsError(f"{ARCHIVE} cannot be fetched: {why}. Lay it into {FOLDER} by hand, or set up pip's index.")


def _python() -> str:
    """Return a Python that has pip: this one, or the one that this environment was made with."""
    candidates = [sys.executable, getattr(sys, "_base_executable", sys.executable), "python3"]
    for python in candidates:
        try:
            if not subprocess.run([python, "-m", "pip", "--version"], check=False, capture_output=True).returncode:
                return python
        except OSError:
            continue
    raise RatingsError(f"no pip to fetch {ARCHIVE} with. Lay it into {FOLDER} by hand.")


def read(archive: Path) -> Data:
    """Read the four CSV files, and no other member of the archive.

    Raises:
        RatingsError: one of them is missing, too large or not as expected.
    """
    texts: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        for name, member in MEMBERS.items():
            try:
                info = tar.getmember(member)
            except KeyError:
                raise RatingsError(f"{archive.name} holds no {member}") from None
            stream = tar.extractfile(info) if info.isreg() and info.size <= _MOST_BYTES else None
            if stream is None:
                raise RatingsError(f"{member} is no file of at most {_MOST_BYTES} bytes")
            texts[name] = stream.read().decode("utf-8")
    return parse(texts)


def parse(texts: Mapping[str, str]) -> Data:
    """Return the scans in CSV texts named as in `MEMBERS`.

    Raises:
        RatingsError: columns differ, a measure is no number, a rating is unknown, or a scan is there twice.
    """
    scans: list[Scan] = []
    names: tuple[str, ...] = ()
    unmatched: dict[str, int] = {}
    for dataset in DATASETS:
        measures = _table(texts[f"x_{dataset}"], dataset)
        ratings = _table(texts[f"y_{dataset}"], dataset)
        own = tuple(name for name in next(iter(measures.values())) if not name.startswith(_SCANNER))
        if names and names != own:
            raise RatingsError("the data sets have different measures")
        names = own
        rated = {name: _ratings(row) for name, row in ratings.items()}
        both = [name for name in measures if rated.get(name)]
        unmatched[dataset] = len(measures.keys() | ratings.keys()) - len(both)
        scans += [
            Scan(name, dataset, ratings[name]["site"], _numbers(measures[name], names), rated[name]) for name in both
        ]
    return Data(tuple(scans), names, unmatched)


def _table(text: str, dataset: str) -> dict[str, dict[str, str]]:
    rows = list(csv.DictReader(text.splitlines()))
    found = {row.pop("subject_id"): row for row in rows if "subject_id" in row}
    if not found or len(found) != len(rows):
        raise RatingsError(f"{dataset}: no rows, rows without subject_id, or a scan that is there twice")
    return found


def _numbers(row: Mapping[str, str], names: Sequence[str]) -> tuple[float, ...]:
    try:
        values = tuple(float(row[name]) for name in names)
    except ValueError as error:
        raise RatingsError(f"a measure is no number: {error}") from error
    if not all(math.isfinite(value) for value in values):
        raise RatingsError("a measure is not finite")
    return values


def _ratings(row: Mapping[str, str]) -> dict[str, int]:
    given = {name: value.strip() for name, value in row.items() if name.startswith("rater_") and value.strip()}
    unknown = sorted(set(given.values()) - {"-1", "0", "1"})
    if unknown:
        raise RatingsError(f"unknown ratings: {', '.join(unknown)}")
    return {name: int(value) for name, value in given.items()}
