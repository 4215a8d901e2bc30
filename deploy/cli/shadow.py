"""`sluice shadow`: the topics of candidates that run beside what is live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.experiments.shadows import Shadow, ShadowDesk

app = typer.Typer(help="Make, list and delete shadows: candidates beside what is live.", no_args_is_help=True)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_Name = Annotated[str, typer.Argument(help="Letters, digits, dashes and underscores.")]


@app.command()
def create(
    name: _Name,
    policy_only: Annotated[
        bool, typer.Option("--policy-only", help="Try a policy on the live scores, and no head.")
    ] = False,
    retention_days: Annotated[
        int | None, typer.Option(min=1, help="How long its records are kept: 1, or with --policy-only 7.")
    ] = None,
    replication: Annotated[int, typer.Option(help="Replication factor; -1 takes the brokers' default.")] = -1,
    as_json: _AsJson = False,
) -> None:
    """Make the topics of a shadow: shadow.NAME.scores, .decisions, .accept and so on. Running it again changes nothing.

    Then start workers with --shadow NAME=FOLDER, and a decider with --shadow NAME. Where a policy alone is tried, the
    decider begins with the scores that come from now on; its decisions must outlive these, so that --retention-days has
    to be that of the live topics.

    Exit code 25: a topic was there, and is not as it must be.

    Example: sluice shadow create sharper
    """
    with _desk(name) as desk:
        names, created = desk.create(
            name, policy_only=policy_only, retention_days=retention_days or _days(policy_only), replication=replication
        )
    if as_json:
        typer.echo(json.dumps({"shadow": name, "prefix": names.prefix, "scores": names.scores, "created": created}))
        return
    for topic in created:
        typer.echo(f"{topic}  created")
    typer.echo(f"the shadow {name} reads {names.scores}")


@app.command("list")
def list_all(as_json: _AsJson = False) -> None:
    """List the shadows, with the deciders that work in them and the answers that they have not read yet.

    Example: sluice shadow list
    """
    from dataclasses import asdict

    with _desk() as desk:
        found = desk.all()
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
    else:
        _show(found)


@app.command()
def delete(name: _Name, as_json: _AsJson = False) -> None:
    """Delete the topics of a shadow with all that is in them. Live topics are never touched.

    Start the workers without its --shadow first: brokers that make topics by themselves would make it anew.

    Exit code 25: there is no such shadow, or a decider works in it.

    Example: sluice shadow delete sharper
    """
    with _desk(name) as desk:
        gone = desk.delete(name)
    typer.echo(json.dumps({"shadow": name, "deleted": gone}) if as_json else f"deleted: {', '.join(gone)}")


@contextmanager
def _desk(name: str | None = None) -> Iterator[ShadowDesk]:
    from confluent_kafka import KafkaException

    from deploy.brokers.ladder import open_kafka
    from deploy.errors import BrokerError
    from deploy.experiments.shadows import ShadowDesk, checked_name
    from deploy.settings import Settings
    from deploy.topicset import TopicSet
    from streams import clients

    settings = Settings.load()
    if name is not None:
        checked_name(name)
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        try:
            yield ShadowDesk(kafka.properties, settings)
        except KafkaException as error:
            raise BrokerError(f"Kafka refused: {error.args[0]}") from error


def _days(policy_only: bool) -> int:
    return 7 if policy_only else 1


def _show(found: list[Shadow]) -> None:
    from rich.table import Table

    from deploy.cli.policyrules import print_parts

    if not found:
        typer.echo("no shadow is there: sluice shadow create NAME")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("shadow", "tries", "deciders", "answers not read"):
        table.add_column(title)
    for one in found:
        tried = "a head" if one.head else "a policy"
        table.add_row(one.name, tried, str(one.deciders) if one.deciders else "none", str(one.behind))
    print_parts(table)
