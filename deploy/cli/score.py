"""`sluice score`: one replica of the scoring worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def score(
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    heads: Annotated[
        Path | None, typer.Option(help="Folder of heads. Without one, the bundled.", file_okay=False)
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Items in a micro-batch, at most.")] = 16,
    linger_ms: Annotated[int, typer.Option(min=0, help="How long an item waits for others, in ms, at most.")] = 20,
    max_items: Annotated[int, typer.Option(min=1, help="Items in flight, at most.")] = 256,
    max_mebibytes: Annotated[int, typer.Option(min=1, help="Bytes in flight, at most, in MiB.")] = 64,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="YAML file whose rules about items apply until a policy is published. Without one, the bundled.",
            dir_okay=False,
        ),
    ] = None,
    shadow: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FOLDER: score with these heads too, for nobody to act on (sluice shadow create NAME first).",
            metavar="NAME=FOLDER",
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(
            help="NAME:SHARE=FOLDER: score a share of the parents with these heads instead.",
            metavar="NAME:SHARE=FOLDER",
        ),
    ] = None,
    follow_releases: Annotated[
        bool,
        typer.Option(
            "--follow-releases", help="Score with the heads that were promoted last. Also: SLUICE_FOLLOW_RELEASES."
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Score raw items and write one answer for each, at least once.

    Run as many replicas as there are partitions; they share the work. The embeddings are kept in Redis. Give all
    replicas the same --shadow and --experiment. Exit code 25: a candidate cannot be used.

    Example: SLUICE_KAFKA=localhost:9092 SLUICE_REDIS=localhost:6379 sluice score --device cuda:0
    """
    from deploy.process import begin
    from deploy.settings import Settings

    settings = Settings.load()
    stopped = begin(settings, "score", verbose=verbose)
    from deploy import scorer  # after the signals are heeded: it takes a while
    from deploy.experiments.candidates import shadow_options, split_option

    options = scorer.WorkerOptions(
        device,
        heads or scorer.HEADS,
        batch_size,
        linger_ms,
        max_items,
        max_mebibytes,
        policy,
        shadows=shadow_options(shadow or []),
        experiment=split_option(experiment),
        follow_releases=follow_releases or settings.follow_releases,
    )
    scorer.run(settings, options, stopped)
