"""The wiring of `sluice publish`: the readers of workers, the publisher of streams."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from deploy.errors import ConfigurationError, SluiceError
from deploy.settings import Settings
from streams import clients
from streams.claimfolder import ClaimFolder
from streams.publisher import OversizedError, Publisher, PublishError
from streams.topics import TopicNames
from workers.sources import Found, Parent, SourceError, SourceOptions, discover


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
    """What became of the files: the items of each parent, what could not be read, and how the rest was read.

    A problem names its file, and is for the person who published it. A note names a parent id at most.
    """

    parents: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def items(self) -> int:
        """How many items were sent."""
        return sum(self.parents.values())


def open_publisher(properties: clients.Properties, settings: Settings) -> Publisher:
    """Open a publisher for the topic of items; what is too large for a message goes to the folder of the settings."""
    claims = None if settings.claim_dir is None else ClaimFolder(settings.claim_dir)
    return Publisher(properties, TopicNames(settings.topic_prefix).items, claims)


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
    """Publish what is found among files and folders. What cannot be read is named, and the others go on.

    Raises:
        ConfigurationError: a parent id was given, and there are several parents.
        PublishingError: the brokers refused a record.
    """
    found = discover(paths, source=source, options=options)
    _check_one(found.found, options)
    published = Published(problems=[str(problem) for problem in found.problems], notes=list(found.notes))
    for each in found.found:
        try:
            publish_parent(each.open(), publisher, published, progress)
        except (SourceError, OversizedError) as error:
            published.problems.append(str(error))
    flush(publisher)
    return published


def _check_one(found: Sequence[Found], options: SourceOptions) -> None:
    if options.parent_id is not None and len(found) > 1:
        named = ", ".join(one.label for one in found[:3])
        raise ConfigurationError(f"--parent-id names one parent, and there are {len(found)}: {named}, ...")


def publish_parent(parent: Parent, publisher: Publisher, published: Published, progress: Progress) -> None:
    """Publish one parent, then its end.

    A source that breaks off is published as far as it can be read, with a count that says that more should have come:
    its decision is then a review, for the missing items.

    Raises:
        PublishingError: the brokers refused a record.
        SourceError: it broke off; what came before was published.
        OversizedError: an item is too large to be sent; what came before was published.
    """
    progress.parent(parent)
    published.parents[parent.parent_id] = 0
    published.notes += (f"{parent.parent_id}: {note}" for note in parent.notes)
    broken = 0
    try:
        for item in parent.items:
            publisher.item(item)
            published.parents[parent.parent_id] += 1
            progress.item()
    except (SourceError, OversizedError):
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
