"""`sluice rollback`: take the last promotion back."""

from __future__ import annotations

from typing import Annotated

import typer


def rollback(
    head: Annotated[
        str | None, typer.Option(metavar="KIND", help="Undo the last promotion of a head of this kind.")
    ] = None,
    policy: Annotated[bool, typer.Option("--policy", help="Undo the last promotion of a policy.")] = False,
    why: Annotated[str, typer.Option(help="Why; it stands in the audit.")] = "rolled back",
    who: Annotated[str | None, typer.Option(help="Who; without it, the user of this machine.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Undo the last promotion: what was in force before it is in force again, within seconds.

    A policy and a head that were promoted together are undone together. Called again, it goes back one further. Windows
    that are open stay with the policy that they were opened under. It is written to the topic `audit`.

    Exit code 26: there is nothing to undo, or something else is in force by now.

    Example: sluice rollback --head video-frame --why "misses motion blur"
    """
    from deploy.cli import promotions

    promotions.rollback(promotions.person(who, why), kind=head, policy=policy, as_json=as_json)
