"""Candidate heads that a worker is started with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException

from deploy.errors import BrokerError, ConfigurationError
from deploy.experiments.errors import ExperimentError
from deploy.experiments.shadows import ShadowDesk, checked_name
from streams.gates import Notify
from workers.candidates import Candidates, Split, load_candidate
from workers.domains import Domain
from workers.heads import HeadError
from workers.metrics.plugins import metric_set


@dataclass(frozen=True, slots=True)
class ShadowOption:
    """`NAME=FOLDER`: the heads of a candidate in shadow."""

    name: str
    folder: Path


@dataclass(frozen=True, slots=True)
class SplitOption:
    """`NAME:SHARE=FOLDER`: the heads of a candidate for a share of the parents."""

    name: str
    share: float
    folder: Path


def shadow_options(texts: Sequence[str]) -> tuple[ShadowOption, ...]:
    """Read what `--shadow` says.

    Raises:
        ConfigurationError: it is not NAME=FOLDER, or names one twice.
    """
    found = []
    for text in texts:
        name, sign, folder = text.partition("=")
        if not (sign and folder):
            raise ConfigurationError(f"--shadow {text!r} is wrong. Right would be NAME=FOLDER, such as brisk=heads/new")
        found.append(ShadowOption(checked_name(name), Path(folder)))
    names = [one.name for one in found]
    if len(set(names)) != len(names):
        raise ConfigurationError("two shadows have one name; give each a name of its own")
    return tuple(found)


def split_option(text: str | None) -> SplitOption | None:
    """Read what `--experiment` says.

    Raises:
        ConfigurationError: it is not NAME:SHARE=FOLDER.
    """
    if text is None:
        return None
    named, sign, folder = text.partition("=")
    name, colon, share = named.partition(":")
    try:
        number = float(share)
    except ValueError:
        number = 0.0
    if not (sign and folder and colon and 0.0 < number < 1.0):
        raise ConfigurationError(
            f"--experiment {text!r} is wrong. Right would be NAME:SHARE=FOLDER with a share between 0 and 1, such as"
            " sharper:0.1=heads/new"
        )
    return SplitOption(checked_name(name), number, Path(folder))


def load(
    shadows: Sequence[ShadowOption],
    split: SplitOption | None,
    domains: Mapping[str, Domain],
    metrics: Sequence[str],
    notify: Notify,
) -> Candidates:
    """Load the heads of all candidates, and tell which they are.

    Args:
        shadows: candidates in shadow.
        split: a candidate for a share of the parents.
        domains: what is live, by kind.
        metrics: names of metrics to add, and with a dash before them to leave out.
        notify: told `candidate` of each.

    Raises:
        ExperimentError: a head cannot be read, or needs another encoder or other metrics than the live one has.
    """
    measured = metric_set(metrics)
    try:
        found = Candidates(
            tuple(load_candidate(one.name, one.folder, domains, measured) for one in shadows),
            None if split is None else Split(load_candidate(split.name, split.folder, domains, measured), split.share),
        )
    except HeadError as error:
        raise ExperimentError(
            f"{error}. A candidate shares the live encoder's embeddings, so that both must have the same one"
        ) from error
    _tell(found, notify)
    return found


def check_shadows(shadows: Sequence[ShadowOption], desk: ShadowDesk) -> None:
    """Check that the topics are there that candidates in shadow answer on.

    Raises:
        ExperimentError: they are not.
        BrokerError: Kafka did not tell.
    """
    for one in shadows:
        try:
            names = desk.open(one.name)
        except KafkaException as error:
            raise BrokerError(f"Kafka did not tell about the topics of shadows: {error.args[0]}") from error
        if names.scored_live:
            raise ExperimentError(
                f"the shadow {one.name} tries a policy alone, on the live scores. For a head: sluice shadow create"
                " ANOTHER_NAME"
            )


def _tell(candidates: Candidates, notify: Notify) -> None:
    for one in candidates.shadows:
        notify("candidate", shadow=one.name, heads={kind: head.scorer_digest for kind, head in one.heads.items()})
    if candidates.split is not None:
        own = candidates.split.candidate
        heads = {kind: head.scorer_digest for kind, head in own.heads.items()}
        notify("candidate", experiment=own.name, share=candidates.split.share, heads=heads)
