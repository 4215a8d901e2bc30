"""What `sluice promote` and `sluice rollback` do, and how it looks."""

from __future__ import annotations

import getpass
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from deploy.brokers.ladder import open_kafka
from deploy.cli.plain import plain
from deploy.cli.progress import bars
from deploy.errors import ConfigurationError
from deploy.promotion.canarygate import judged_kinds, scored_by
from deploy.promotion.candidate import Candidate, candidate_of
from deploy.promotion.desk import PromotionDesk, refuse
from deploy.promotion.evidence import RiskProof, read_calibration, read_cases
from deploy.promotion.live import Ledger
from deploy.promotion.proof import CanaryFinding, Gate, Proof, Suite
from deploy.promotion.records import Person, Sheet
from deploy.promotion.store import HeadStore
from deploy.settings import Settings
from deploy.slices.suite import load as load_cases
from deploy.topicset import TopicSet
from schemas.releases import AuditEntry, InForce
from streams import clients
from streams.topics import TopicNames
from workers.kinds import SHARED

HEADS = Path(__file__).parent.parent / "heads"
_LONGEST_WHY = 1000  # characters
_LONGEST_WHO = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What `sluice promote` was asked for."""

    policy: Path | None
    head: Path | None
    testcases: Path | None
    calibration: Path | None
    canaries: bool
    heads: Path | None
    max_step: float | None
    device: str


def person(who: str | None, why: str | None) -> Person:
    """Return who does it and why.

    Raises:
        ConfigurationError: nobody says why, or one of both is too long.
    """
    if why is None or not why.strip():
        raise ConfigurationError('--why is missing: say in a sentence why, such as --why "fewer bad accepts"')
    name = (who or f"{_user()}@{socket.gethostname()}").strip()
    if len(why) > _LONGEST_WHY or not 0 < len(name) <= _LONGEST_WHO:
        raise ConfigurationError(f"--why takes {_LONGEST_WHY} characters at most, and --who {_LONGEST_WHO}")
    return Person(name, why.strip())


def promote(asked: Asked, by: Person, *, dry_run: bool, as_json: bool) -> None:
    """Judge a candidate, tell all gates, and put it in force.

    Raises:
        PromotionError: a gate is red.
        ConfigurationError: a file or folder cannot be read.
    """
    settings = Settings.load()
    candidate = candidate_of(asked.policy, asked.head)
    cases = None if asked.testcases is None else read_cases(asked.testcases)
    risk = None if asked.calibration is None else read_calibration(asked.calibration)
    with _desk(settings) as desk:
        live = desk.live()
        canaries = _canaries(asked, candidate, risk, live.ledger, settings)
        step = settings.max_step if asked.max_step is None else asked.max_step
        left_out = candidate.policy is not None and not asked.canaries
        suite = _suite(settings.required_cases)
        proof = Proof(canaries, cases, risk, step, settings.max_risk, suite, left_out)
        gates = desk.judge(candidate, proof, live)
        if not as_json:
            _show_gates(gates)
        elif not all(gate.passed for gate in gates) or dry_run:
            typer.echo(json.dumps({"gates": [_gate(one) for one in gates], "entries": []}))
        refuse(gates)
        if dry_run:
            return
        sheet = desk.promote(candidate, proof, by)
    if as_json:
        typer.echo(json.dumps({"gates": [_gate(one) for one in gates], **_sheet(sheet)}))
    else:
        _show(sheet, "is in force already, and nothing was written")


def rollback(by: Person, *, kind: str | None, policy: bool, as_json: bool) -> None:
    """Undo the last promotion.

    Raises:
        PromotionError: there is none, or something else is in force.
    """
    with _desk(Settings.load()) as desk:
        sheet = desk.rollback(by, kind=kind, policy=policy)
    if as_json:
        typer.echo(json.dumps(_sheet(sheet)))
    else:
        _show(sheet, "nothing was written")


def show_history(*, as_json: bool) -> None:
    """Print every promotion and rollback."""
    with _desk(Settings.load()) as desk:
        ledger = desk.live().ledger
    if as_json:
        releases = {kind: one.model_dump(mode="json") for kind, one in ledger.releases.items()}
        entries = [one.model_dump(mode="json") for one in ledger.entries]
        typer.echo(json.dumps({"entries": entries, "releases": releases}))
        return
    if not ledger.entries:
        typer.echo("nothing was promoted so far")
        return
    table = Table("at", "what", "from", "to", "who", "why", box=None, header_style="bold", pad_edge=False)
    for one in ledger.entries:
        what = f"{one.subject}{' (rollback)' if one.action == 'rollback' else ''}"
        cells = (what, _named(one.before, one), _named(one.after, one), one.who, one.why)
        table.add_row(_clock(one.at), *(plain(cell) for cell in cells))
    Console().print(table)


@contextmanager
def _desk(settings: Settings) -> Iterator[PromotionDesk]:
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        names, store = TopicNames(settings.topic_prefix), HeadStore(settings.head_store_folder)
        yield PromotionDesk(kafka.properties, names, settings.partitions, store)


def _suite(path: Path | None) -> Suite | None:
    return None if path is None else Suite(path, load_cases(path).digest())


def _canaries(
    asked: Asked, candidate: Candidate, risk: RiskProof | None, ledger: Ledger, settings: Settings
) -> tuple[CanaryFinding, ...]:
    """Score the canaries of the heads that a candidate is about."""
    from deploy.promotion.trying import canaries_of, heads_in_force

    folders = {} if candidate.head is None else {candidate.head.kind: candidate.head.folder}
    if asked.canaries and candidate.policy is not None and risk is not None:
        kinds = judged_kinds(risk.calibration)
        store = HeadStore(settings.head_store_folder)
        asked_for = {*kinds, *(SHARED.get(kind, kind) for kind in kinds)}
        there = {**heads_in_force(asked.heads or HEADS, asked_for, ledger, store), **folders}
        used = {scored_by(kind, there) for kind in kinds} | folders.keys()
        folders = {kind: folder for kind, folder in there.items() if kind in used}
    found = []
    with bars() as shown:
        task = shown.add_task("scoring canaries", total=len(folders))
        for kind, folder in folders.items():
            found.append(canaries_of(kind, folder, settings, asked.device))
            shown.advance(task)
    return tuple(found)


def _show_gates(gates: Sequence[Gate]) -> None:
    table = Table("gate", "", "", box=None, header_style="bold", pad_edge=False)
    for one in gates:
        state = plain("green", "green") if one.passed else plain("red", "red")
        table.add_row(plain(one.name), state, plain(one.told if one.passed else "; ".join(one.problems)))
    Console().print(table)


def _show(sheet: Sheet, nothing: str) -> None:
    for one in sheet.entries:
        what = "policy" if one.what == "policy" else f"head of {one.kind}"
        told = f"{_named(one.after, one)} is in force from now on, after {_named(one.before, one)}"
        Console().print(plain(f"{what}: {told}"), soft_wrap=True)
    if not sheet.entries:
        typer.echo(nothing)
    for warning in sheet.warnings:
        typer.secho(f"warning: {warning}", err=True, fg="yellow")


def _named(one: InForce | None, entry: AuditEntry) -> str:
    if one is None:
        return "the deciders' own policy" if entry.what == "policy" else "the workers' own head"
    return one.name if entry.what == "policy" else f"{one.name} ({one.digest[:12]})"


def _gate(gate: Gate) -> dict[str, Any]:
    return {"passed": gate.passed, **asdict(gate)}


def _sheet(sheet: Sheet) -> dict[str, Any]:
    return {"entries": [one.model_dump(mode="json") for one in sheet.entries], "warnings": sheet.warnings}


def _clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
