"""The folder `canaries` beside a head: items.zip with their bytes, recorded.json with their scores. No pickles."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from schemas.canaries import Canary, CanaryRecord
from schemas.items import ItemEnvelope, RawItem, content_hash

if TYPE_CHECKING:
    from workers.domains import Domain

FOLDER: Final = "canaries"
RECORD: Final = "recorded.json"
ITEMS: Final = "items.zip"
PARENT: Final = "sluice-canary"
LEAST_PAIRS: Final = 16
_LARGEST_BYTES = 32 * 2**20  # of all items together
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a ZIP can hold: the same items make the same file


class CanaryError(Exception):
    """The canaries of a head cannot be read, or were recorded with another head; the text says what to do."""


@dataclass(frozen=True, slots=True)
class CanarySet:
    """The canaries of one kind, ready to be scored."""

    record: CanaryRecord
    items: tuple[RawItem, ...]  # in the order of the record


def load(folder: Path, domain: Domain) -> CanarySet | None:
    """Read the canaries of a head's folder, or return None where none were recorded.

    Raises:
        CanaryError: a file is missing or altered, or they were recorded with another head or encoder.
    """
    place = folder / FOLDER
    if not (place / RECORD).exists():
        return None
    record = read_record(place / RECORD)
    digest = domain.head.scorer_digest
    if record.scorer != digest or record.encoder != domain.encoder.digest:
        raise CanaryError(
            f"the canaries of {folder.name} were recorded with scorer {record.scorer[:12]}, and this head is "
            f"{digest[:12]}. Make sure that the head is the one that you mean, then: "
            f"sluice canary record --heads {folder.parent}"
        )
    values = read_items(place)
    return CanarySet(record, tuple(item_of(record.kind, one, _checked(one, values)) for one in record.canaries))


def load_all(heads: Path, domains: Mapping[str, Domain]) -> dict[str, CanarySet]:
    """Return the canaries of all heads in a folder that have some, by the heads' own kinds.

    Raises:
        CanaryError: those of one head cannot be used.
    """
    found: dict[str, CanarySet] = {}
    folders = {path.parent for path in heads.glob("*/manifest.json")}
    for folder in sorted(folders):
        record = folder / FOLDER / RECORD
        if not record.exists():
            continue
        kind = read_record(record).kind
        if kind not in domains:
            raise CanaryError(f"{folder.name}/{FOLDER}/{RECORD} is for {kind!r}, and no head is for that")
        own = load(folder, domains[kind])
        if own is not None:
            found[kind] = own
    return found


def read_items(place: Path) -> dict[str, bytes]:
    """Return the bytes of all items of a folder `canaries`, by their names.

    Raises:
        CanaryError: they are not there, too large, or not what a ZIP holds.
    """
    try:
        with zipfile.ZipFile(place / ITEMS) as archive:
            if sum(info.file_size for info in archive.infolist()) > _LARGEST_BYTES:
                raise CanaryError(f"{place / ITEMS} holds more than {_LARGEST_BYTES} bytes")
            return {info.filename: archive.read(info) for info in archive.infolist()}
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        raise CanaryError(f"{place / ITEMS} cannot be read: {error}") from error


def save(folder: Path, canaries: CanarySet) -> None:
    """Write canaries beside a head; the same canaries give the same files."""
    place = folder / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place / ITEMS, "w") as archive:
        for one, item in zip(canaries.record.canaries, canaries.items, strict=True):
            info = zipfile.ZipInfo(one.name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, item.value, compresslevel=9)
    text = canaries.record.model_dump_json(indent=2, exclude_none=True) + "\n"
    (place / RECORD).write_text(text, encoding="utf-8")


def item_of(kind: str, canary: Canary, value: bytes) -> RawItem:
    """Return a canary as the item that a producer would have sent."""
    envelope = ItemEnvelope(
        id=f"{PARENT}/{kind}/{canary.name}",
        source=PARENT,
        kind=kind,
        parent_id=f"{PARENT}/{kind}",
        index=0,
        content_type=canary.content_type,
        content_hash=canary.sha256,
        window_low=canary.window_low,
        window_high=canary.window_high,
    )
    return RawItem(envelope, value)


def read_record(path: Path) -> CanaryRecord:
    """Read recorded.json.

    Raises:
        CanaryError: it is missing or not valid.
    """
    try:
        return CanaryRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise CanaryError(f"{path} cannot be read: {error}") from error


def _checked(canary: Canary, values: Mapping[str, bytes]) -> bytes:
    value = values.get(canary.name)
    if value is None or content_hash(value) != canary.sha256:
        raise CanaryError(f"{ITEMS} does not hold canary {canary.name} as it was recorded; record them again")
    return value
