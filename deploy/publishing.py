"""The wiring of `sluice publish`: the readers of workers, the publisher of streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from deploy.errors import SluiceError
from streams.publisher import Publisher, PublishError
from workers.sources import Parent, SourceError, SourceOptions, UnsupportedFileError, open_parent


class PublishingError(SluiceError):
    """Publishing could not go on."""

    exit_code = 8


class Progress(Protocol):
    """Told what was published."""

    def parent(self, parent: Parent) -> None:
        """A parent begins."""

    def item(self) -> None:
        """An item was sent."""


@dataclass(slots=True)
class Published:
    """What became of the files: the items of each parent, and what could not be read."""

    parents: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def items(self) -> int:
        """How many items were sent."""
        return sum(self.parents.values())


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that are named, and those in the folders that are named, in order of their names."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                found
                for found in path.rglob("*")
                if found.is_file() and not any(part.startswith(".") for part in found.relative_to(path).parts)
            )
        else:
            yield path


def renamed(parent: Parent, suffix: str) -> Parent:
    """Return the same content under another parent id."""
    if not suffix:
        return parent
    name = parent.parent_id + suffix
    items = (
        replace(
            item,
            envelope=item.envelope.model_copy(update={"parent_id": name, "id": f"{name}/{item.envelope.index}"}),
        )
        for item in parent.items
    )
    return replace(parent, parent_id=name, items=items)


def publish_files(
    paths: Iterable[Path], publisher: Publisher, source: str, options: SourceOptions, progress: Progress
) -> Published:
    """Publish every file as a parent. A file that cannot be read is named, and the others go on.

    Raises:
        PublishingError: the brokers refused a record.
    """
    published = Published()
    for path in files_of(paths):
        try:
            publish_parent(open_parent(path, source=source, options=options), publisher, published, progress)
        except (SourceError, UnsupportedFileError) as error:
            published.problems.append(str(error))
    flush(publisher)
    return published


def publish_parent(parent: Parent, publisher: Publisher, published: Published, progress: Progress) -> None:
    """Publish one parent, then its end.

    A source that breaks off is published as far as it can be read, with a count that says that more should have come:
    its decision is then a review, for the missing items.

    Raises:
        PublishingError: the brokers refused a record.
        SourceError: it broke off; what came before was published.
    """
    progress.parent(parent)
    published.parents[parent.parent_id] = 0
    broken = 0
    try:
        for item in parent.items:
            publisher.item(item)
            published.parents[parent.parent_id] += 1
            progress.item()
    except SourceError:
        broken = 1
        raise
    except PublishError as error:
        raise PublishingError(str(error)) from error
    finally:
        sent = published.parents[parent.parent_id]
        if sent:
            count = parent.count if parent.count is not None else sent + broken
            publisher.end(parent.parent_id, parent.kind, parent.source, count)


def flush(publisher: Publisher) -> None:
    """Wait until the brokers have everything.

    Raises:
        PublishingError: they refused a record, or did not answer.
    """
    try:
        publisher.flush()
    except PublishError as error:
        raise PublishingError(str(error)) from error
