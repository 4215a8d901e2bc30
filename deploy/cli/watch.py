"""`sluice watch`: decisions as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from schemas.policy import Action

if TYPE_CHECKING:
    from deploy.cli.watching import Filter


def watch(
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Begin with the first decision that is kept, not with the next.")
    ] = False,
    action: Annotated[list[Action] | None, typer.Option(help="Only this action; may be repeated.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only this kind; may be repeated.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each record as one line of JSON.")] = False,
) -> None:
    """Follow decisions as they come, a line each, until Ctrl-C.

    A line: time, action, label, score, kind, parent, reasons. It reads what is committed and takes part in no group.

    Example: SLUICE_KAFKA=localhost:9092 sluice watch --action reject --kind mri-slice
    """
    from confluent_kafka import KafkaException

    from deploy.cli.watching import Filter
    from deploy.errors import BrokerError

    wanted = Filter(frozenset(action or ()), frozenset(kind or ()))
    try:
        _follow(wanted, limit, from_beginning=from_beginning, as_json=as_json)
    except KafkaException as error:
        raise BrokerError(f"Kafka did not let the decisions be read: {error.args[0]}") from error


def _follow(wanted: Filter, limit: int | None, *, from_beginning: bool, as_json: bool) -> None:
    from deploy.brokers.ladder import open_kafka
    from deploy.cli.signals import stop_on_signals
    from deploy.cli.watching import Printer
    from deploy.settings import Settings
    from deploy.topicset import TopicSet
    from streams import clients
    from streams.history import Follower
    from streams.topics import TopicNames

    settings, printer = Settings.load(), Printer(as_json=as_json)
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        stopped = stop_on_signals(settings.grace_seconds)
        topics = [TopicNames(settings.topic_prefix).decisions]
        follower = Follower(kafka.properties, topics, settings.partitions, from_end=not from_beginning)
        try:
            while not stopped():
                for value in (message.value() for message in follower.poll(0.5)):
                    printer.show(value, wanted)
                    if limit is not None and printer.shown >= limit:
                        return
        finally:
            follower.close()
