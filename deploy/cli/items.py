"""`sluice items`: scored items, sorted, filtered, exported, looked at."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.items.query import Query


class Per(StrEnum):
    """What a count can be of."""

    PARENT = "parent"
    KIND = "kind"
    SOURCE = "source"


def items(
    where: Annotated[
        str | None, typer.Option(help="Which items: score < 0.3 and kind == 'image' and 'blurry' in reasons.")
    ] = None,
    sort: Annotated[str | None, typer.Option(help="Metric or field that puts them in order, the lowest first.")] = None,
    desc: Annotated[bool, typer.Option("--desc", help="The highest first.")] = False,
    top: Annotated[int | None, typer.Option(min=1, help="The so many highest, by --sort or by score.")] = None,
    bottom: Annotated[int | None, typer.Option(min=1, help="The so many lowest, by --sort or by score.")] = None,
    per: Annotated[Per | None, typer.Option(help="So many of each of these: --bottom 3 --per parent.")] = None,
    outliers: Annotated[
        str | None, typer.Option(help="Only those whose metric lies outside of the fences of their kind.")
    ] = None,
    iqr: Annotated[
        float, typer.Option(min=0.0, help="How far the fences are from the quartiles, in interquartile ranges.")
    ] = 1.5,
    metric: Annotated[list[str] | None, typer.Option(help="A further column; may be repeated.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    parent: Annotated[str | None, typer.Option(help="Only this parent's; only its partition is read.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="Published at this time or later: 2026-05-31T08:30, or 2h ago as 2h.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Published before this time.")] = None,
    export: Annotated[
        Path | None, typer.Option(help="Write all rows and metrics to this .parquet or .csv file.", dir_okay=False)
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with thumbnails and excerpts.", dir_okay=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    medical_thumbnails: Annotated[
        bool, typer.Option("--medical-thumbnails", help="Show slices on the page; whoever has the file sees them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each row as one line of JSON, all of them.")] = False,
) -> None:
    """List scored items: sorted, filtered, the highest or lowest, or outliers; as a table, a file or a page.

    --where compares fields and metrics with numbers and texts, joined by and, or, not and brackets. Fields: score,
    parent, index, count, kind, source, item, reasons, flags, scorer, calibrated, cached, appended_at, item_time; of the
    parent's latest decision action, label and parent_score; of the score model_entropy, model_margin and model_band.
    Any other name is a metric, also one of a plug-in, and metrics.NAME always is. reason("blurry") and "blurry" in
    reasons are the same. What an item lacks compares as false; missing(NAME) finds it.

    Outliers are exact: below Q1 - k IQR or above Q3 + k IQR of those items of their kind that the other options leave.

    It reads what is committed, takes part in no group, and keeps rows in a temporary file (TMPDIR), not in memory.
    Exit code 0 also where nothing matches, and says so.

    Example: sluice items --sort sharpness --bottom 20 --where "kind == 'image' and score > 0.7" --html soft.html
    """
    from deploy.cli.itemlist import Wanted, run
    from deploy.items import export as files
    from deploy.items.sheet import ENDINGS

    query = _query(
        where=where,
        sort=sort,
        desc=desc,
        top=top,
        bottom=bottom,
        per=per,
        outliers=outliers,
        iqr=iqr,
        columns=tuple(metric or ()),
        kind=kind,
        source=source,
        parent=parent,
        since=since,
        until=until,
    )
    if export is not None:
        files.check(export, force=force)
    if html is not None:
        files.check(html, force=force, endings=ENDINGS)
    run(query, Wanted(export, html, force=force, medical=medical_thumbnails, as_json=as_json))


def _query(
    *,
    where: str | None,
    sort: str | None,
    desc: bool,
    top: int | None,
    bottom: int | None,
    per: Per | None,
    outliers: str | None,
    iqr: float,
    columns: tuple[str, ...],
    kind: str | None,
    source: str | None,
    parent: str | None,
    since: str | None,
    until: str | None,
) -> Query:
    from datetime import UTC, datetime

    from deploy.errors import ConfigurationError
    from deploy.items.expression import parse
    from deploy.items.query import Query
    from deploy.items.times import moment

    if top is not None and bottom is not None:
        raise ConfigurationError("--top and --bottom cannot be had at once: ask twice")
    if bottom is not None and desc:
        raise ConfigurationError("--bottom lists the lowest first: leave out --desc, or use --top")
    now = datetime.now(UTC)
    return Query(
        sort=sort,
        descending=desc or top is not None,
        most=bottom if top is None else top,
        where=None if where is None else parse(where),
        per=None if per is None else per.value,
        outliers=outliers,
        reach=iqr,
        kind=kind,
        source=source,
        parent=parent,
        since=None if since is None else moment(since, "--from", now),
        until=None if until is None else moment(until, "--to", now),
        columns=columns,
    )
