"""Whether canaries still score as they were recorded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.canaries import CanaryRecord
from workers.results import Result, Scored

MARGIN_SHARE: Final = 0.5  # of the recorded margin: less of it left is an alarm of its own
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What a round of canaries showed of one kind.

    Attributes:
        kind: of the head.
        passed: every score is within epsilon of the recorded one, and the margin is there.
        largest: the largest difference between a score and the recorded one; 1 where a canary got none.
        margin: mean score of the good ones less that of the damaged ones.
        why: for people; empty where it passed.
    """

    kind: str
    passed: bool
    largest: float
    margin: float
    why: str = ""


def judge(record: CanaryRecord, results: Mapping[str, Result]) -> Finding:
    """Compare what canaries got, by their names, with what was recorded.

    The margin alone would be blind: input without normalisation moved it from .20 to .18 only. Each score is held
    against its own record, and the margin says beside it whether good and damaged can still be told apart.
    """
    scores = {name: result.score for name, result in results.items() if isinstance(result, Scored)}
    unscored = [one.name for one in record.canaries if one.name not in scores]
    far = {
        one.name: abs(scores[one.name] - one.score)
        for one in record.canaries
        if one.name in scores and abs(scores[one.name] - one.score) > record.epsilon
    }
    margin = _margin(record, scores)
    why = [
        *_unscored(unscored, results),
        *_far(record, scores, far),
        *_narrow(record.margin, margin),
    ]
    differences = [abs(scores[one.name] - one.score) for one in record.canaries if one.name in scores]
    largest = 1.0 if unscored else max(differences)
    return Finding(record.kind, not why, largest, margin, "; ".join(why))


def _margin(record: CanaryRecord, scores: Mapping[str, float]) -> float:
    good = [scores[one.name] for one in record.canaries if one.good and one.name in scores]
    bad = [scores[one.name] for one in record.canaries if not one.good and one.name in scores]
    return sum(good) / len(good) - sum(bad) / len(bad) if good and bad else 0.0


def _unscored(names: list[str], results: Mapping[str, Result]) -> list[str]:
    if not names:
        return []
    return [f"{len(names)} canaries got no score, the first {names[0]}: {results.get(names[0], 'no answer')}"]


def _far(record: CanaryRecord, scores: Mapping[str, float], far: Mapping[str, float]) -> list[str]:
    if not far:
        return []
    recorded = {one.name: one.score for one in record.canaries}
    worst = sorted(far, key=lambda name: -far[name])[:_SHOWN]
    shown = ", ".join(f"{name} {scores[name]:.3f} (recorded {recorded[name]:.3f})" for name in worst)
    return [f"{len(far)} of {len(recorded)} canaries differ by more than {record.epsilon}: {shown}"]


def _narrow(recorded: float, margin: float) -> list[str]:
    if margin >= recorded * MARGIN_SHARE:
        return []
    return [f"good and damaged canaries are {margin:.3f} apart (recorded {recorded:.3f})"]
