"""Reads what an experiment has come to from the topics, and tests it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from deploy.errors import ConfigurationError
from deploy.experiments.decided import Decided, Seen, read_decided
from deploy.experiments.errors import ExperimentError
from deploy.experiments.labelled import settled
from deploy.experiments.observing import Asked, paired, scorers_of, two_arms
from deploy.experiments.outcomes import LABELLED, OUTCOMES
from deploy.experiments.result import Result
from deploy.experiments.shadows import ShadowDesk, checked_name
from deploy.experiments.testing import Terms, judge_arms, judge_paired
from deploy.labels import Defaults, read_file
from deploy.labels.intake import log_of
from deploy.settings import Settings
from schemas.labels import LabelGiven
from streams import clients, offsets
from streams.topics import TopicNames

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows progress: of what, and of how many steps; what it gives is told of further ones."""


_STRAYED: Final = (
    "one head has scored parents of both arms, and another one only of one: start all workers with the --experiment"
    " NAME:SHARE that the policy has, and look at what was decided since then"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What `sluice experiment` was asked.

    Attributes:
        name: of the shadow, or of the experiment of a policy.
        outcome: one of `OUTCOMES`; None: `wrong` where there are labels, else `accept`.
        labels: a file; None: the topic `labels`.
        bad_below: see `Asked`.
        terms: of the test.
    """

    name: str
    outcome: str | None
    labels: Path | None
    bad_below: float | None
    terms: Terms

    def __post_init__(self) -> None:
        """Check what needs no brokers.

        Raises:
            ConfigurationError: the name is none, or there is no such outcome.
        """
        checked_name(self.name)
        if self.outcome not in {None, *OUTCOMES}:
            raise ConfigurationError(f"there is no outcome {self.outcome}. Right would be one of {', '.join(OUTCOMES)}")


def answer(question: Question, properties: clients.Properties, settings: Settings, bar: Bar) -> Result:
    """Read the topics and test.

    Raises:
        ExperimentError: there is no such experiment, or nothing of it was decided yet.
        LabelsError: the file of labels is wrong.
        KafkaException: the brokers refused or did not answer.
    """
    name, desk = question.name, ShadowDesk(properties, settings)
    names = TopicNames(settings.topic_prefix)
    labels = _labels(question, properties, settings)
    outcome = question.outcome or ("wrong" if labels else "accept")
    if outcome in LABELLED and not labels:
        raise ExperimentError(
            f"{outcome} needs labels of parents: --labels FILE, or sluice labels import. Without any: --outcome accept"
        )
    live = _decisions(properties, names.decisions, settings.partitions, bar)
    asked = Asked(outcome, settled(labels, live, question.bad_below), question.bad_below)
    if any(one.name == name for one in desk.all()):
        shadow = _decisions(properties, desk.open(name).decisions, settings.partitions, bar)
        return _in_shadow(name, live, shadow, asked, question.terms)
    return _in_arms(name, live, asked, question.terms)


def _in_shadow(name: str, live: Decided, shadow: Decided, asked: Asked, terms: Terms) -> Result:
    if not shadow.parents:
        raise ExperimentError(
            f"nothing was decided in the shadow {name} yet: start workers with --shadow {name}=FOLDER (where it tries a"
            f" head), and sluice decide --shadow {name}"
        )
    seen = paired(live, shadow, asked)
    result = judge_paired(name, seen, asked, terms)
    scorers = {"control": _scorers(live), "candidate": _scorers(shadow)}
    policies = [sorted({_policy(one) for one in side.parents.values()}) for side in (live, shadow)]
    notices = list(result.notices)
    if scorers["control"] != scorers["candidate"] and policies[0] != policies[1]:
        notices.append(
            f"heads and policies both differ (live {', '.join(policies[0])}; shadow {', '.join(policies[1])}): which of"
            " them makes a difference cannot be told"
        )
    return replace(result, scorers=scorers, notices=tuple(notices))


def _in_arms(name: str, live: Decided, asked: Asked, terms: Terms) -> Result:
    seen = two_arms(live, name, asked)
    scorers = scorers_of(live, name)
    if seen.apart["outside"] == len(live.parents):
        raise ExperimentError(
            f"there is no shadow {name}, and no decision is of an experiment {name}. For a shadow: sluice shadow"
            f" create {name}. For an experiment, publish a policy with experiment: {{name: {name}, share: 0.1, ...}}"
        )
    result = judge_arms(name, seen, asked, terms)
    notices = [*result.notices, *([_STRAYED] if scorers.strayed else [])]
    digests = {arm.value: found for arm, found in scorers.digests.items()}
    return replace(result, scorers=digests, notices=tuple(notices))


def _decisions(properties: clients.Properties, topic: str, partitions: int, bar: Bar) -> Decided:
    admin = clients.admin(properties)
    ends, starts = (ask(admin, topic, range(partitions)) for ask in (offsets.ends, offsets.starts))
    with bar(f"reading {topic}", sum(ends.values()) - sum(starts.values())) as advance:
        return read_decided(properties, topic, partitions, advance)


def _labels(question: Question, properties: clients.Properties, settings: Settings) -> list[LabelGiven]:
    """Return the labels of parents and windows; none where nobody could judge any."""
    found: Iterable[LabelGiven]
    if question.labels is None:
        found = log_of(properties, settings).read()
    else:
        found = read_file(question.labels, Defaults(now=time.time_ns() // 1_000_000, who="file")).labels
    own = [one for one in found if one.of_parent]
    return own if any(one.value is not None for one in own) else []


def _scorers(side: Decided) -> list[str]:
    return sorted({scorer for one in side.parents.values() for scorer in one.scorers})


def _policy(decision: Seen) -> str:
    return f"{decision.policy.name}@{decision.policy.version} {decision.policy.digest[:12]}"
