"""`sluice diff`: which decisions differ between two replays, or between a replay and what was decided live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def diff(
    before: Annotated[str, typer.Argument(help="Folder of a replay, or 'live': the decisions that were made live.")],
    after: Annotated[str, typer.Argument(help="The same; one side may be live.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV, JSONL or Parquet with the columns parent and label in [0,1]; also window, who, probability.",
            dir_okay=False,
        ),
    ] = None,
    topic_labels: Annotated[
        bool, typer.Option("--topic-labels", help="Hold both sides against the labels on the topic instead.")
    ] = False,
    bad_below: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="A lower label is bad; as the policy says if left out.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    flips: Annotated[
        int, typer.Option(min=0, help="How many flips of each kind and source are shown with their items.")
    ] = 10,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots and thumbnails.", dir_okay=False)] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write a summary for the text of a pull request.", dir_okay=False)
    ] = None,
    items: Annotated[
        bool, typer.Option(help="Ask the topics for what items look like, and for scores that no replay has.")
    ] = True,
    medical_thumbnails: Annotated[
        bool, typer.Option("--medical-thumbnails", help="Show slices on the page; whoever has the file sees them.")
    ] = False,
    fail_on_flips: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Exit code 22 where a larger share of decisions differs.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object, all flips.")] = False,
) -> None:
    """Tell which decisions differ between BEFORE and AFTER, from what to what, how sure, and which items are behind.

    Windows are matched by parent and window, the last revision of each. How sure a flip is: the distance of the nearer
    one of both scores to the edge at which its action changes. Against live decisions, windows that the wall clock had
    closed are counted apart.

    Two replays need no Kafka; a page (--html) asks it for thumbnails and excerpts, and goes without where it cannot.

    Exit code 21: a folder is no finished replay. 22: a larger share differs than --fail-on-flips allows.

    Example: sluice diff out/as-it-was out/night-4 --labels checked.csv --html diff.html --fail-on-flips 0.02
    """
    from deploy.cli.diffing import Wish, run

    run(
        Wish(
            names=(before, after),
            labels=labels,
            topic_labels=topic_labels,
            bad_below=bad_below,
            kind=kind,
            source=source,
            flips=flips,
            html=html,
            markdown=markdown,
            items=items,
            medical=medical_thumbnails,
            most_flips=fail_on_flips,
            force=force,
            as_json=as_json,
        )
    )
