"""`sluice report`: one page of what the topics hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    out: Annotated[Path, typer.Option(help="The file to write.", dir_okay=False)] = Path("out/report.html"),
    medical_thumbnails: Annotated[
        bool, typer.Option("--medical-thumbnails", help="Show slices too; whoever has the file sees them.")
    ] = False,
) -> None:
    """Write one HTML file that shows every decided parent: its score, its pictures or texts, and why.

    It is made from the topics and asks nothing of the net. Pictures of medical kinds are left out unless asked for.

    Example: SLUICE_KAFKA=localhost:9092 sluice report --out today.html
    """
    from confluent_kafka import KafkaException

    from deploy.brokers.ladder import open_kafka
    from deploy.errors import BrokerError
    from deploy.report import read_report, render
    from deploy.settings import Settings
    from deploy.topicset import TopicSet
    from streams import clients
    from streams.topics import TopicNames

    settings = Settings.load()
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        names = TopicNames(settings.topic_prefix)
        try:
            found = read_report(kafka.properties, names, settings.partitions, medical=medical_thumbnails)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(found), encoding="utf-8")
    typer.echo(f"written: {out}")
