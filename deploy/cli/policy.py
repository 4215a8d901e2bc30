"""`sluice policy`: versions of the policy, checked, compared, published and taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.policy.book import Book, Version
    from deploy.policy.publication import Activated, PolicyDesk
    from schemas.policy import Policy

app = typer.Typer(help="Check, compare, publish and take back policies.", no_args_is_help=True)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_Note = Annotated[str | None, typer.Option(help="Why; it stands in the history.")]
_ACTIVE = "active"


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Policy files (YAML).", dir_okay=False)],
    as_json: _AsJson = False,
) -> None:
    """Check policy files, and show what applies to which kind and source. Needs no Kafka.

    Exit code 2: a file is wrong; each problem is told with its line and what would be right.

    Example: sluice policy validate night.yaml
    """
    from deploy.cli import policies
    from deploy.errors import ConfigurationError

    checked = [policies.check(path) for path in files]
    if as_json:
        typer.echo(json.dumps([one.as_dict() for one in checked], ensure_ascii=False))
    else:
        for one in checked:
            policies.show_checked(one)
    wrong = [str(one.path) for one in checked if one.policy is None]
    if wrong:
        raise ConfigurationError(f"no policy: {', '.join(wrong)}")


@app.command()
def show(
    version: Annotated[str | None, typer.Argument(help="NAME@VERSION or VERSION. Without one, the active.")] = None,
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the document, to go on from.")] = False,
    as_json: _AsJson = False,
) -> None:
    """Show a published version: what applies to which kind and source.

    Example: sluice policy show night@3 --yaml > night.yaml
    """
    from deploy.cli import policies
    from deploy.policy.publication import readable
    from deploy.policy.writing import to_yaml

    with _desk() as desk:
        book = desk.book()
    found = _named(book, version or _ACTIVE)
    document = readable(found)
    if as_json:
        typer.echo(json.dumps(policies.version_as_dict(book, found) | {"policy": document.model_dump(mode="json")}))
    elif as_yaml:
        typer.echo(to_yaml(document.model_dump(mode="json")), nl=False)
    else:
        policies.show_version(book, found, document)


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A file, NAME@VERSION, VERSION, or 'active'.")],
    after: Annotated[str | None, typer.Argument(help="The same. Without one, the active is compared with A.")] = None,
    as_json: _AsJson = False,
) -> None:
    """Tell what differs between two policies, field by field, for each kind and source. Two files need no Kafka.

    Example: sluice policy diff active night.yaml
    """
    from deploy.cli import policies
    from deploy.policy.compare import compare

    names = (_ACTIVE, before) if after is None else (before, after)
    book: Book | None = None
    if not all(Path(name).is_file() for name in names):
        with _desk() as desk:
            book = desk.book()
    one, other = (_policy(book, name) for name in names)
    found = compare(one[1], other[1])
    if as_json:
        typer.echo(json.dumps(policies.comparison_as_dict(one[0], other[0], found), ensure_ascii=False))
    else:
        policies.show_comparison(one[0], other[0], found)


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="Policy file (YAML). Without a version in it, the next is taken.")],
    note: _Note = None,
    as_json: _AsJson = False,
) -> None:
    """Publish a policy and activate it: deciders take it without a restart.

    A window is decided under the version that was active when its first score came. A version cannot be changed once it
    is published. Where this is interrupted, the same command again finishes it.

    Exit code 14: the version exists with another content.

    Example: SLUICE_KAFKA=localhost:9092 sluice policy publish night.yaml --note "stricter at night"
    """
    from deploy import policyfiles

    policy = policyfiles.load(file)
    with _desk() as desk:
        _tell(desk.publish(policy, numbered="version" in policy.model_fields_set, note=note), as_json=as_json)


@app.command()
def rollback(
    version: Annotated[str | None, typer.Argument(help="VERSION or NAME@VERSION. Without one, the one before.")] = None,
    note: _Note = None,
    as_json: _AsJson = False,
) -> None:
    """Activate a version that was published before. Called again, it goes back one further.

    Windows that are open stay with the version that they were opened under.

    Exit code 14: there is no such version.

    Example: SLUICE_KAFKA=localhost:9092 sluice policy rollback
    """
    with _desk() as desk:
        _tell(desk.rollback(version, note), as_json=as_json)


@app.command()
def history(as_json: _AsJson = False) -> None:
    """List every version and every activation, with the broker's times. Offsets of the markers are in the JSON.

    Example: SLUICE_KAFKA=localhost:9092 sluice policy history
    """
    from deploy.cli import policies

    with _desk() as desk:
        book = desk.book()
    if as_json:
        typer.echo(json.dumps(policies.book_as_dict(book), ensure_ascii=False))
    else:
        policies.show_book(book)


@contextmanager
def _desk() -> Iterator[PolicyDesk]:
    from deploy.brokers.ladder import open_kafka
    from deploy.policy.publication import PolicyDesk
    from deploy.settings import Settings
    from deploy.topicset import TopicSet
    from streams import clients
    from streams.topics import TopicNames

    settings = Settings.load()
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        yield PolicyDesk(kafka.properties, TopicNames(settings.topic_prefix), settings.partitions)


def _tell(done: Activated, *, as_json: bool) -> None:
    from deploy.cli import policies

    if as_json:
        typer.echo(json.dumps(policies.activated_as_dict(done), ensure_ascii=False))
    else:
        policies.show_activated(done)


def _named(book: Book, name: str) -> Version:
    from deploy.policy.publication import PolicyError, find

    if name != _ACTIVE:
        return find(book, name)
    if book.active is None:
        raise PolicyError("no policy is active yet, so deciders go by their own: sluice policy publish FILE")
    return find(book, book.active.record.reference)


def _policy(book: Book | None, name: str) -> tuple[str, Policy]:
    """Return a policy, and what it is to be called: a file by its name, since its version may be yet to come."""
    from deploy import policyfiles
    from deploy.policy.publication import readable

    if book is None or Path(name).is_file():
        return Path(name).name, policyfiles.load(Path(name))
    policy = readable(_named(book, name))
    return policy.reference, policy
