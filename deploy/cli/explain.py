"""`sluice explain`: where a parent's decision came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def explain(
    parent: Annotated[str, typer.Argument(help="The parent's id, as `sluice watch` and the report show it.")],
    policy: Annotated[
        Path | None,
        typer.Option(help="What the deciders run under; tells how long an open parent waits.", dir_okay=False),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(help="Which of the parent's windows: time/START-END, for one. Without: the last decided."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Make its decisions again and compare all fields; prints nothing else.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Tell where a parent's decision came from, item by item, from the topics alone.

    Without a decision yet: what it waits for. Dead letters of the parent are named with their cause. All of its windows
    are listed.

    With --verify each of its decisions, or those of one window, is made again from its record and the scores, and
    every field but the time at which it was made is compared.

    Exit codes: 12 no topic has anything of this parent; 15 a decision is not what its record leads to; 16 the scores of
    a decision are not all there any more.

    Example: SLUICE_KAFKA=localhost:9092 sluice explain clip-1
    """
    from confluent_kafka import KafkaException

    from deploy import policyfiles
    from deploy.brokers.ladder import open_kafka
    from deploy.cli.explaining import show
    from deploy.cli.verifying import report
    from deploy.errors import BrokerError
    from deploy.explain import UnknownParentError, account, check_all, trace
    from deploy.explain.account import near
    from deploy.explain.trace import recent_parents
    from deploy.settings import Settings
    from deploy.topicset import TopicSet
    from streams import clients

    settings = Settings.load()
    named = None if policy is None else policyfiles.load(policy)
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        try:
            found = trace(kafka.properties, settings, parent)
            meant = [] if found.known else near(parent, recent_parents(kafka.properties, settings))
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error
    if not found.known:
        if as_json:
            typer.echo(json.dumps({"parent_id": parent, "state": "unknown", "near": meant}))
        hint = f" Did you mean: {', '.join(meant)}?" if meant else ""
        raise UnknownParentError(
            f"no topic of {settings.topic_prefix}* has anything of the parent {parent!r}: it was never published there,"
            f" or retention has deleted it.{hint}"
        )
    told = account(found, named, policyfiles.load(), window)
    if verify:
        report(parent, check_all(found, window), as_json=as_json)
    elif as_json:
        typer.echo(json.dumps(told.as_dict()))
    else:
        show(told)
