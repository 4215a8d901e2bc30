"""How the items that labels are about are written as files."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import typer

from deploy.cli.labelslist import Wish, conflicts_of, fits, topics
from deploy.cli.progress import bars, show_notes
from deploy.items.times import moment
from deploy.labels import material
from deploy.labels.counting import counted, last_of_each
from deploy.labels.intake import log_of
from deploy.settings import Settings
from streams.topics import TopicNames


def write_files(wish: Wish) -> None:
    """Write the items of labelled parents, and their labels, to the folder of a wish.

    Raises:
        ConfigurationError: an option is wrong, or the folder is not empty.
        BrokerError: Kafka cannot be used.
    """
    folder = wish.out
    if folder is None:
        raise ValueError("a folder is needed")
    since = None if wish.since is None else moment(wish.since, "--since", datetime.now(UTC))
    settings = Settings.load()
    with topics(settings) as properties, bars() as shown:
        given = last_of_each(log_of(properties, settings).read())
        chosen = counted([one for one in given if fits(one, wish.guideline, since)], conflicts_of(wish), wish.cut)
        labels = [one.label for one in chosen.judged]
        task = shown.add_task("writing items", total=None)
        items = material.items_of(
            properties, TopicNames(settings.topic_prefix).items, settings.partitions, material.parents_of(labels)
        )
        found = material.write(items, labels, folder, partial(shown.advance, task))
    typer.echo(f"{len(set(found.items.values()))} items and {found.rows} labels in {folder}")
    show_notes(
        f"{count} {told}"
        for count, told in (
            (found.without, "labels have no row: their items are not kept any more, or are no files"),
            (chosen.dropped, "targets have no row: people disagree on them"),
            (chosen.not_judged, "targets have no row: nobody could judge them"),
        )
        if count
    )
    typer.echo(f"train:  sluice train {folder / material.LABELS_FILE}")
