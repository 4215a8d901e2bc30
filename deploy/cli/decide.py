"""`sluice decide`: one replica of the aggregator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def decide(
    policy: Annotated[
        Path | None, typer.Option(help="Policy file (YAML). Without one, the default policy.", dir_okay=False)
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every transaction.")] = False,
) -> None:
    """Group scores by parent and send exactly one decision for each.

    Run as many replicas as there are partitions; they share the work. Give each a stable SLUICE_INSTANCE, so that a
    restarted one ends its own open transaction at once.

    Example: SLUICE_KAFKA=localhost:9092 SLUICE_INSTANCE=decide-0 sluice decide --policy policy.yaml
    """
    from deploy import decider, logs
    from deploy.cli.signals import stop_on_signals
    from deploy.settings import Settings

    logs.configure(verbose=verbose)
    decider.run(Settings.load(), policy, stop_on_signals())
