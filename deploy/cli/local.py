"""`sluice local`: everything on this machine, for as long as the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def local(
    policy: Annotated[
        Path | None, typer.Option(help="Policy until one is published. Without one, the bundled.", dir_okay=False)
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Scoring workers; 0: you start your own.")] = 1,
    deciders: Annotated[int, typer.Option(min=0, help="Deciders; 0: you start your own.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Run Kafka, Valkey, a worker and a decider in SLUICE_DATA_DIR until Ctrl-C, for other commands to talk to.

    What other terminals need to find them is written to SLUICE_DATA_DIR/env. The data stay there; logs are beside them.
    The policy is published where none is active; workers follow released heads. For trying things: one broker keeps no
    copy.

    Example: sluice local   and in another terminal:   . out/local/env && sluice publish clips/
    """
    from deploy.demo.local import Asked, run
    from deploy.process import begin
    from deploy.settings import Settings

    settings = Settings.load()
    stopped = begin(settings, "local", verbose=verbose)
    run(settings, Asked(policy, workers, deciders, device), stopped, typer.echo)
