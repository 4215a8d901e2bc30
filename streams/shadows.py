"""The topics of a shadow: a candidate that answers and decides beside what is live, and that nobody acts on.

    PREFIXshadow.NAME.scores                   the candidate head's answers; not there where only a policy is tried
    PREFIXshadow.NAME.{decisions,latest,...}   what a decider of its own makes of them

Nothing of a shadow is ever written to a live topic.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from streams.topics import TopicNames, TopicSpec, topic_set

_PART: Final = "shadow."


class LiveTopicError(Exception):
    """A shadow would write to a topic that is not its own."""


@dataclass(frozen=True, slots=True)
class ShadowNames(TopicNames):
    """The topics that a shadow's decider works with: it reads live ones, and writes its own alone.

    `prefix` is that of the shadow.
    """

    live: TopicNames = field(default_factory=TopicNames)
    scored_live: bool = False  # it reads the live scores: only a policy is tried

    @property
    def items(self) -> str:
        """Raw items: the live ones."""
        return self.live.items

    @property
    def scores(self) -> str:
        """The answers that it decides on."""
        return self.live.scores if self.scored_live else self.prefix + "scores"

    @property
    def policies(self) -> str:
        """Versions of policies: the live ones."""
        return self.live.policies

    @property
    def alarms(self) -> str:
        """Alarms: the live ones."""
        return self.live.alarms


def shadow_names(live: TopicNames, name: str, *, scored_live: bool = False) -> ShadowNames:
    """Return the topics of a shadow by its name."""
    return ShadowNames(f"{live.prefix}{_PART}{name}.", live, scored_live)


def shadows_among(live: TopicNames, topics: Iterable[str]) -> list[str]:
    """Return the names of the shadows whose decisions are among some topics."""
    start, end = live.prefix + _PART, ".decisions"
    inner = (topic[len(start) : -len(end)] for topic in topics if topic.startswith(start) and topic.endswith(end))
    return sorted(name for name in inner if name and "." not in name)


def outputs(names: ShadowNames, actions: Iterable[str]) -> list[str]:
    """Return the topics that a shadow's decider writes to."""
    return [names.decisions, names.latest, names.dead_letters, *(names.action(action) for action in actions)]


def guard(names: ShadowNames, actions: Iterable[str]) -> None:
    """Refuse names under which a shadow would write to a topic that is not its own.

    Raises:
        LiveTopicError: it would.
    """
    own = f"{names.live.prefix}{_PART}"
    for topic in outputs(names, actions):
        if not topic.startswith(own) or topic.count(".") != own.count(".") + 1:
            raise LiveTopicError(f"a shadow writes to topics under {own}NAME. alone, and {topic} is none of them")


def shadow_set(
    names: ShadowNames, partitions: int, *, retention_days: int, actions: Iterable[str] = ("accept", "review", "reject")
) -> list[TopicSpec]:
    """Return what each topic of a shadow must be like, and the scores that it reads.

    Raises:
        LiveTopicError: see `guard`.
    """
    actions = list(actions)
    guard(names, actions)
    wanted = {*outputs(names, actions), names.scores}
    specs = topic_set(names, partitions, retention_days=retention_days, actions=actions)
    return [_passing(spec) if spec.name == names.latest else spec for spec in specs if spec.name in wanted]


def _passing(latest: TopicSpec) -> TopicSpec:
    """Let the latest decisions of a shadow expire as all of it does."""
    return replace(latest, fixed={"cleanup.policy": "compact,delete"})
