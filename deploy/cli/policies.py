"""How policies look on a terminal and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from deploy import policyfiles
from deploy.cli.plain import plain
from deploy.cli.policyrules import print_parts, show_rules
from deploy.policy.book import Activation, Book, Version
from deploy.policy.compare import Comparison, scope_name
from deploy.policy.problems import DocumentError, Problem
from deploy.policy.publication import Activated
from deploy.policy.reading import read
from schemas.policy import Policy

_SHORT = 12  # digits of a digest, for people


@dataclass(frozen=True, slots=True)
class Checked:
    """A policy file, and what became of it."""

    path: Path
    policy: Policy | None
    problems: tuple[Problem, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        problems = [
            {"line": one.mark.line, "column": one.mark.column, "place": one.place, "text": one.text}
            for one in self.problems
        ]
        found = self.policy and {"name": self.policy.name, "version": self.policy.version}
        return {"file": str(self.path), "valid": self.policy is not None, "policy": found, "problems": problems}


def check(path: Path) -> Checked:
    """Read a policy file.

    Raises:
        ConfigurationError: it cannot be read at all.
    """
    text = policyfiles.text_of(path)
    try:
        return Checked(path, read(text))
    except DocumentError as error:
        return Checked(path, None, error.problems)


def show_checked(checked: Checked) -> None:
    """Print a policy file's problems on stderr, or what applies under it."""
    for problem in checked.problems:
        typer.echo(f"{checked.path}:{problem}", err=True)
    if checked.policy is not None:
        numbered = "version" in checked.policy.model_fields_set
        named = f"version {checked.policy.version}" if numbered else "the next version"
        print_parts(plain(str(checked.path)), plain(": "), plain(checked.policy.name, "bold"), plain(f", {named}"))
        show_rules(checked.policy)


def show_version(book: Book, version: Version, policy: Policy) -> None:
    """Print a published version."""
    state = "active" if _is_active(book, version) else "not active"
    told = f"  published {_clock(version.at)}, {state}, digest {version.digest}"
    print_parts(plain(version.reference, "bold"), plain(told))
    show_rules(policy)


def show_comparison(before: str, after: str, found: Comparison) -> None:
    """Print what differs between two policies of these names."""
    print_parts(plain(before, "bold"), plain(" -> "), plain(after, "bold"))
    for scope, state in found.rules.items():
        print_parts(plain(f"rule {state}: {scope_name(scope)}", "yellow"))
    if not found.differences:
        print_parts(plain("nothing differs in what applies to any kind and source"))
        return
    table = _table("applies to", "field", before, after)
    for one in found.differences:
        applies = plain(scope_name((one.kind, one.source)))
        table.add_row(applies, plain(one.field), _value(one.before, "red"), _value(one.after, "green"))
    print_parts(table)


def comparison_as_dict(before: str, after: str, found: Comparison) -> dict[str, Any]:
    """Return what differs between two policies of these names for programs."""
    rules = [{"kind": scope[0], "source": scope[1], "rule": state} for scope, state in found.rules.items()]
    return {
        "before": before,
        "after": after,
        "rules": rules,
        "differences": [asdict(one) for one in found.differences],
    }


def show_activated(done: Activated) -> None:
    """Print what `publish` or `rollback` did, and warnings on stderr."""
    name = plain(done.version.reference, "bold")
    if done.activation is None:
        told = (
            "was active already, and its document was gone; it is there again"
            if done.published
            else "is active already"
        )
        print_parts(name, plain(f" {told}"))
        return
    came = done.before or "the deciders' own policy"
    print_parts(name, plain(f" is active from now on, in {len(done.activation.markers)} partitions, after {came}"))
    for warning in done.warnings:
        typer.secho(f"warning: {warning}", err=True, fg="yellow")


def activated_as_dict(done: Activated) -> dict[str, Any]:
    """Return what `publish` or `rollback` did for programs."""
    return {
        "version": done.version.reference,
        "digest": done.version.digest,
        "published": done.published,
        "activated": done.activation is not None,
        "before": done.before,
        "markers": list(done.activation.markers) if done.activation else [],
        "warnings": list(done.warnings),
    }


def show_book(book: Book) -> None:
    """Print all versions and activations."""
    if not book.versions:
        print_parts(plain("no policy is published; deciders go by their own (--policy, or the default one)"))
        return
    versions = _table("version", "published", "digest", "")
    for version in book.versions.values():
        state = Text("active", style="green") if _is_active(book, version) else Text("")
        versions.add_row(plain(version.reference), _clock(version.at), version.digest[:_SHORT], state)
    print_parts(versions)
    activations = _table("activation", "at", "version", "note")
    for one in book.activations:
        record = one.record
        activations.add_row(str(record.sequence), _clock(one.at), plain(record.reference), plain(record.note or ""))
    print_parts()
    print_parts(activations)


def book_as_dict(book: Book) -> dict[str, Any]:
    """Return all versions and activations for programs."""
    return {
        "active": book.active.record.reference if book.active else None,
        "versions": [version_as_dict(book, version) for version in book.versions.values()],
        "activations": [_activation_as_dict(one) for one in book.activations],
    }


def version_as_dict(book: Book, version: Version) -> dict[str, Any]:
    """Return a version for programs, without its rules."""
    return {
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "published_at": version.at,
        "active": _is_active(book, version),
    }


def _activation_as_dict(one: Activation) -> dict[str, Any]:
    return {"at": one.at, **one.record.model_dump(mode="json", exclude={"type"})}


def _is_active(book: Book, version: Version) -> bool:
    return book.active is not None and book.active.record.reference == version.reference


def _value(value: Any, style: str) -> Text:
    return Text("-", style="dim") if value is None else plain(json.dumps(value, ensure_ascii=False), style)


def _clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(plain(name), overflow="fold")
    return table
