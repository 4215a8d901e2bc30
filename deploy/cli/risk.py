"""`sluice risk`: does a guarantee still hold, by audited parents?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def risk(
    calibration: Annotated[
        Path | None,
        typer.Option(help="Folder that sluice calibrate wrote: its levels, and what it is valid for.", file_okay=False),
    ] = None,
    alpha: Annotated[float | None, typer.Option(help="Without --calibration: the share that may be bad,")] = None,
    delta: Annotated[float | None, typer.Option(help="with confidence 1 - delta.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV, JSONL or Parquet; without it, the topic `labels`.", dir_okay=False)
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only this source; may be repeated.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what was decided since: 2026-05-31T08:30, or 2h ago.")] = None,
    least_probability: Annotated[
        float | None,
        typer.Option(help="The smallest with which any parent could be audited; without it, that of the audits."),
    ] = None,
    excess: Annotated[
        float | None, typer.Option(help="Say within how many audits it alarms at alpha + this; alpha if left out.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell nothing on the topic `alarms`.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Watch the realised risk: of the accepted parents that were drawn for an audit, how many are bad?

    A sequential test, valid however often it is looked at: while at most alpha of the accepted are bad, it ever alarms
    in at most delta of all cases. An alarm is a record on the topic `alarms`, once. Audits are drawn by the policy's
    rule (`audit: {accept: 0.05}`) and judged by labels; their labels count in the order in which they were given.

    Exit code 23: it alarms.

    Example: sluice risk --calibration calibrated
    """
    from deploy.cli.risks import Wish, show

    wish = Wish(
        calibration, alpha, delta, labels, tuple(source or ()), tuple(kind or ()), since, excess, least_probability
    )
    show(wish, write=not dry_run, as_json=as_json)
