"""Decisions and accounts made from hand-written records, as the topics would hold them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console

from deploy import answers
from deploy.answers import Record
from deploy.cli.explaining import show
from deploy.explain import Account, Trace, account
from deploy.explain.trace import DeadLetter
from schemas.decisions import Decision
from schemas.policy import Policy
from tests.unit.aggregation.records import decisions, fed, policy


def records(values: Iterable[bytes]) -> list[Record]:
    found = [answers.read(offset, value) for offset, value in enumerate(values)]
    return [record for record in found if record is not None]


def told(
    values: Sequence[bytes],
    rules: Policy | None = None,
    *,
    unanswered: Sequence[int] = (),
    dead: Sequence[DeadLetter] = (),
    others: Sequence[Decision] = (),
    named: Policy | None = None,
) -> Account:
    """Return the account of the one parent that some records are about, decided under a policy."""
    gate = fed(values, rules or policy())
    found = records(values)
    trace = Trace(
        parent_id=found[0].value.parent_id if found else "p",
        partition=0,
        decisions=decisions(gate),
        records=found,
        unanswered=unanswered,
        dead=dead,
        others=others,
    )
    return account(trace, named, policy())


def printed(account: Account) -> str:
    console = Console(file=io.StringIO(), width=160, highlight=False)
    show(account, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
