"""`sluice topics`: make and check the topic set."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(help="Make and check the topics.", no_args_is_help=True)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def create(
    replication: Annotated[int, typer.Option(help="Replication factor; -1 takes the brokers' default.")] = -1,
    retention_days: Annotated[int, typer.Option(min=1, help="How long items and scores are kept.")] = 7,
    as_json: _AsJson = False,
) -> None:
    """Create the topics that are missing, and check all of them. Running it again changes nothing.

    Example: SLUICE_KAFKA=localhost:9092 SLUICE_PARTITIONS=12 sluice topics create --replication 3
    """
    from deploy.settings import Settings
    from deploy.topicset import TopicSet

    with TopicSet.of(Settings.load(), retention_days) as topics:
        created = topics.create(replication)
        _show(topics.names(), created, as_json=as_json)


@app.command()
def check(as_json: _AsJson = False) -> None:
    """Check that the topics are as they must be; exit code 5 and how to mend them where they are not.

    Example: SLUICE_KAFKA=localhost:9092 sluice topics check
    """
    from deploy.settings import Settings
    from deploy.topicset import TopicSet

    with TopicSet.of(Settings.load()) as topics:
        topics.verify()
        _show(topics.names(), [], as_json=as_json)


def _show(names: list[str], created: list[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"topics": names, "created": created}))
        return
    for name in names:
        typer.echo(f"{name}  {'created' if name in created else 'as it must be'}")
