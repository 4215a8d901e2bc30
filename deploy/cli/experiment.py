"""`sluice experiment`: whether a candidate differs from what is live."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def experiment(
    name: Annotated[str, typer.Argument(help="Of a shadow, or of the experiment of a policy.")],
    outcome: Annotated[
        str | None,
        typer.Option(
            help="What is compared: wrong, false_accept, false_reject, accept, review or reject. Without it, wrong"
            " where there are labels, else accept."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="File of labels (CSV, JSONL, Parquet). Without one, the topic `labels`.", dir_okay=False),
    ] = None,
    bad_below: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="A label below it is bad. Without it, as the policy says.")
    ] = None,
    alpha: Annotated[float, typer.Option(min=1e-6, max=0.5, help="Share of false alarms that is allowed.")] = 0.05,
    difference: Annotated[
        float, typer.Option(min=1e-4, max=0.9, help="Least difference of the rates that is of interest.")
    ] = 0.05,
    power: Annotated[float, typer.Option(min=0.05, max=0.99, help="With which it is to be found.")] = 0.8,
    planned: Annotated[
        int | None, typer.Option(min=1, help="Parents to look at. Without it, as many as that takes.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Compare a candidate with what is live by a named outcome: in shadow parent by parent, else arm by arm.

    The test is sequential: look as often as you like, and stop as soon as it says `differs`. Of all experiments without
    a difference at most the share alpha ever say so. `no_difference_shown` means that the planned number of parents was
    reached, and a difference of interest would probably have shown. `not_told`: labels go by what was decided, such as
    those of reviewed parents alone, and can carry no test.

    Exit code 25: there is no such shadow or experiment, or nothing was decided in it yet.

    Example: sluice experiment sharper --labels labels.csv --outcome wrong
    """
    from confluent_kafka import KafkaException

    from deploy.brokers.ladder import open_kafka
    from deploy.cli import experiments
    from deploy.errors import BrokerError
    from deploy.experiments.running import Question, answer
    from deploy.experiments.testing import Terms
    from deploy.settings import Settings
    from deploy.topicset import TopicSet
    from streams import clients

    settings = Settings.load()
    question = Question(name, outcome, labels, bad_below, Terms(alpha, power, difference, planned))
    with open_kafka(settings, settings.data_dir / "kafka") as kafka:
        TopicSet(clients.admin(kafka.properties), settings).verify()
        try:
            found = answer(question, kafka.properties, settings, experiments.bar)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not let the topics be read: {error.args[0]}") from error
    if as_json:
        typer.echo(json.dumps(found.as_dict(), ensure_ascii=False))
    else:
        experiments.show(found)
