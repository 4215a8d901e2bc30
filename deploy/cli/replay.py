"""`sluice replay`: old topics under a new head or policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def replay(
    since: Annotated[str, typer.Option("--from", help="Scored at this time or later: 2026-05-31T08:30, or 1d ago.")],
    until: Annotated[str, typer.Option("--to", help="Scored before this time. Without it, until now.")] = "0s",
    source: Annotated[
        list[str] | None, typer.Option(help="Decide this source's parents alone; may be repeated.")
    ] = None,
    head: Annotated[
        Path | None,
        typer.Option(
            help="Score anew with this head, or folder of heads, from the cache.", file_okay=False, exists=True
        ),
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Decide all under this policy: a YAML file, or NAME@VERSION of a published one.")
    ] = None,
    own_policy: Annotated[
        Path | None,
        typer.Option(
            help="What the deciders went by before any was published. Without one, the bundled.", dir_okay=False
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the result. Without it, one in out/replays.")] = None,
    epsilon: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="How close to a threshold a score counts as near.")
    ] = 0.001,
    topics: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="Publish the decisions to topics of this prefix, too.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes, each with partitions of its own.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N; for items that have to be embedded.")] = "auto",
    batch_size: Annotated[
        int, typer.Option(min=1, help="Items in the encoder at a time. Above 1 a score's last digits may differ.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Decide a span of the past again, with another head or policy, and touch nothing that is live.

    Without --head only scores are read; with it, each item is scored again from its embedding in the cache, and from
    its bytes where there is none. Without --policy windows are decided under the policies that were in force.

    The same span, heads and policy give the same decisions, byte for byte. A replay that was killed goes on with the
    same command. Several processes with the same --out share the partitions, and so do --workers.

    Exit code 21: it cannot be made; the text says why.

    Example: sluice replay --from 2d --to 1d --policy night.yaml --out out/night && sluice diff out/night live
    """
    from deploy.cli.replaying import Bar, show
    from deploy.replay.options import ReplayOptions
    from deploy.replay.run import replay as run
    from deploy.settings import Settings

    options = ReplayOptions(
        begin=since,
        end=until,
        sources=tuple(source or ()),
        heads=head,
        policy=policy,
        own_policy=own_policy,
        out=out,
        epsilon=epsilon,
        device=device,
        batch_size=batch_size,
        workers=workers,
        topics=topics,
    )
    with Bar() as bar:
        found = run(Settings.load(), options, bar)
    show(found, as_json=as_json)
