"""`sluice promote`: put a policy or a head in force, if everything speaks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def promote(
    policy: Annotated[Path | None, typer.Option(help="Policy file (YAML) to put in force.", dir_okay=False)] = None,
    head: Annotated[Path | None, typer.Option(help="Folder of a head to put in force.", file_okay=False)] = None,
    why: Annotated[str | None, typer.Option(help="Why; it stands in the audit.")] = None,
    who: Annotated[str | None, typer.Option(help="Who; without it, the user of this machine.")] = None,
    testcases: Annotated[
        Path | None, typer.Option(help="What `sluice testcases run --out` wrote.", dir_okay=False)
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="Folder that `sluice calibrate --out` wrote.", file_okay=False)
    ] = None,
    canaries: Annotated[
        bool,
        typer.Option(
            "--canaries/--no-canaries", help="With a policy: score the canaries of the heads it was calibrated on."
        ),
    ] = True,
    heads: Annotated[
        Path | None, typer.Option(help="The workers' own heads, for canaries. Without: the bundled.", file_okay=False)
    ] = None,
    max_step: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="How far a threshold may move. Without: SLUICE_MAX_STEP, or 0.1."),
    ] = None,
    device: Annotated[str, typer.Option(help="For canaries: auto, cpu or cuda:N.")] = "cpu",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge, and write nothing.")] = False,
    history: Annotated[bool, typer.Option("--history", help="List all promotions and rollbacks instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Put a policy, a head, or both together in force, if every gate is green.

    The gates: canaries score as recorded, now: those of the head, and with a policy those of the heads that scored what
    it was calibrated on; the test cases passed (those of SLUICE_REQUIRED_CASES, where that is set), run on a replay
    with this candidate; the calibration found a threshold, for this candidate, and nothing is accepted below it, nor
    more than now of what nobody judged; its alpha and delta are at most SLUICE_MAX_RISK (0.2,0.2); no threshold of the
    policy moves further than it may. Anything red or missing: refused with every reason, and nothing is written.

    A policy is published and activated; a head is copied to SLUICE_HEAD_STORE and released, and workers that run with
    --follow-releases go over to it. Who, why and the evidence are written to the topic `audit`. Where this is
    interrupted, the same command again finishes it.

    Exit code 26: refused.

    Example: sluice promote --policy new/policy.yaml --testcases cases.json --calibration new --why "fewer bad accepts"
    """
    from deploy.cli import promotions

    if history:
        promotions.show_history(as_json=as_json)
        return
    asked = promotions.Asked(
        policy=policy,
        head=head,
        testcases=testcases,
        calibration=calibration,
        canaries=canaries,
        heads=heads,
        max_step=max_step,
        device=device,
    )
    promotions.promote(
        asked, promotions.person(who, why or ("a dry run" if dry_run else None)), dry_run=dry_run, as_json=as_json
    )
