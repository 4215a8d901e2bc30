"""How `sluice explain --verify` looks, and what it comes to."""

from __future__ import annotations

import json
from collections.abc import Sequence

import typer

from deploy.cli.plain import printable
from deploy.errors import SluiceError
from deploy.explain import Checked, NotVerifiedError, UnverifiableError


def report(parent_id: str, checked: Sequence[Checked], *, as_json: bool) -> None:
    """Print for each decision whether it can be made again, and if not, what differs.

    Raises:
        NotVerifiedError: one of them is not what its records lead to.
        UnverifiableError: none is wrong, and of one the records are not all there any more.
    """
    if as_json:
        found = {"parent_id": parent_id, "decisions": [one.as_dict() for one in checked]}
        typer.echo(json.dumps(found))
    else:
        for line in [line for one in checked for line in _lines(one)] or [
            "no decision yet, so there is none to verify"
        ]:
            typer.echo(printable(line))
    problem = _problem(checked)
    if problem is not None:
        raise problem


def _lines(one: Checked) -> list[str]:
    decision = one.decision
    name = f"window {decision.window}, revision {decision.revision}, {decision.action}"
    if one.lacking:
        return [f"cannot be verified  {name}: {one.lacking}"]
    if one.verified:
        source = "the published policy" if one.published else "the rule in the record; its policy is not published"
        return [f"verified  {name}, under {source}"]
    values = [
        f"  {found.field}: {_shown(found.written)} was written, {_shown(found.again)} would be"
        for found in one.differences
    ]
    return [f"NOT verified  {name}", *values]


def _shown(value: object) -> str:
    return "nothing" if value is None else json.dumps(value)


def _problem(checked: Sequence[Checked]) -> SluiceError | None:
    wrong = sum(one.verified is False for one in checked)
    lacking = sum(one.verified is None for one in checked)
    if wrong:
        return NotVerifiedError(
            f"{wrong} of {len(checked)} decisions are not what their records and rules lead to. A decider of another"
            " version may have made them; if none did, somebody has changed the topics."
        )
    if lacking:
        return UnverifiableError(
            f"{lacking} of {len(checked)} decisions cannot be verified: what they were made from is not all there."
        )
    return None
