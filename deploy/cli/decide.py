"""`sluice decide`: one replica of the aggregator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def decide(
    policy: Annotated[
        Path | None,
        typer.Option(help="Policy file (YAML) until one is published. Without it, the default.", dir_okay=False),
    ] = None,
    shadow: Annotated[
        str | None,
        typer.Option(
            help="Decide in this shadow, beside what is live: by --policy, else by what is active at the start.",
            metavar="NAME",
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every transaction.")] = False,
) -> None:
    """Group scores by parent and send exactly one decision for each.

    Run as many replicas as there are partitions; they share the work. Give each a stable SLUICE_INSTANCE, so that a
    restarted one ends its own open transaction at once.

    In a shadow it reads the answers of the candidate head, or where there is none the live ones, and writes to the
    topics of the shadow alone. Exit code 25: there is no such shadow.

    Example: SLUICE_KAFKA=localhost:9092 SLUICE_INSTANCE=decide-0 sluice decide --policy policy.yaml
    """
    from deploy.process import begin
    from deploy.settings import Settings

    settings = Settings.load()
    stopped = begin(settings, "decide", verbose=verbose)
    from deploy import decider  # after the signals are heeded: it takes a while

    decider.run(settings, policy, stopped, shadow)
