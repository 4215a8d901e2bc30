"""The items that labels are about, as files, with a file of labels that `sluice train` reads."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from confluent_kafka import murmur2

from deploy.errors import ConfigurationError
from schemas.items import RawItem
from schemas.labels import LabelGiven
from streams import clients, envelope
from streams.history import read_from
from streams.messages import headers_of, value_of

LABELS_FILE: Final = "labels.csv"
ITEMS: Final = "items"
COLUMNS: Final = ("item", "parent", "label", "defects", "group", "kind")
_ENDINGS: Final = {"image/jpeg": ".jpg", "image/png": ".png", "text/plain": ".txt", "text/markdown": ".md"}
_PICTURES: Final = frozenset({".jpg", ".png"})

Advance = Callable[[], None]


@dataclass(slots=True)
class Material:
    """What was written.

    Attributes:
        items: files, by parent and by index or id of the item.
        folders: of parents that are pictures.
        unreadable: parents with items of which no file can be made: another content type, or a claim check.
        rows: of the file of labels.
        without: labels that have no row: their items have expired, or are unreadable, or a parent is no pictures.
    """

    items: dict[tuple[str, int | str], Path] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    rows: int = 0
    without: int = 0


def write(
    messages: Iterator[RawItem], labels: Sequence[LabelGiven], folder: Path, advance: Advance = lambda: None
) -> Material:
    """Write items to a folder, and the labels beside them, in `labels.csv`.

    A label of an item is about its file; one of a parent about the folder of its pictures. A parent is a group of its
    own where its label names none, so that its items are not torn apart.

    Args:
        messages: items of the labelled parents; see `items_of`.
        labels: those that count.
        folder: is made, and must be empty.
        advance: called for each item that is written.

    Raises:
        ConfigurationError: the folder is not empty.
        KafkaException: the brokers refused.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty. Name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    names = {parent: f"{place:05d}" for place, parent in enumerate(parents_of(labels))}
    found = Material()
    for item in messages:
        _write_item(item, folder, names[item.envelope.parent_id], found)
        advance()
    with (folder / LABELS_FILE).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for label in labels:
            place = _place(label, found)
            if label.value is None or place is None:
                found.without += 1
                continue
            rows.writerow([*place, label.value, ";".join(label.defects), label.group or label.parent_id, label.kind])
            found.rows += 1
    return found


def parents_of(labels: Sequence[LabelGiven]) -> list[str]:
    """Return the parents that labels are about, each once."""
    return list(dict.fromkeys(label.parent_id for label in labels))


def items_of(
    properties: clients.Properties, topic: str, partitions: int, parents: Collection[str]
) -> Iterator[RawItem]:
    """Yield the items of some parents that are still on `items`. What is no item is passed over.

    Raises:
        KafkaException: the brokers refused.
    """
    wanted = {parent.encode() for parent in parents}
    own = {murmur2(key, partitions) for key in wanted}
    for message in read_from(properties, topic, dict.fromkeys(own, 0)) if own else ():
        if message.key() not in wanted:
            continue
        try:
            item = envelope.parse(headers_of(message) or {}, message.key(), value_of(message))
        except envelope.EnvelopeError:  # it is among the dead letters
            continue
        if isinstance(item, RawItem) and not item.envelope.empty:
            yield item


def _write_item(item: RawItem, folder: Path, name: str, found: Material) -> None:
    own = item.envelope
    ending = _ENDINGS.get((own.content_type or "").partition(";")[0].strip().lower())
    if ending is None or item.is_claim:
        found.unreadable.add(own.parent_id)
        return
    place = Path(ITEMS) / name
    (folder / place).mkdir(parents=True, exist_ok=True)
    path = place / f"{own.index:06d}{ending}"
    (folder / path).write_bytes(item.value)
    found.items[own.parent_id, own.index] = found.items[own.parent_id, own.id] = path
    if ending in _PICTURES:
        found.folders[own.parent_id] = place


def _place(label: LabelGiven, found: Material) -> tuple[str, str] | None:
    """Return the columns `item` and `parent` of a label, or None where there is no file of it."""
    if label.of_parent:
        folder = found.folders.get(label.parent_id)
        return None if folder is None or label.window is not None else ("", str(folder))
    _, _, which = label.target
    path = None if which is None else found.items.get((label.parent_id, which))
    return None if path is None else (str(path), "")
