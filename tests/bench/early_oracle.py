"""What an early decision could save at most, and what the gate saves item by item.

The ceiling is that of an oracle which knows every score beforehand, and so takes the items first that settle the action
soonest. It has to prove the action all the same: whatever becomes of the items it leaves out, the action must stay.
Where a share b of the parents is bad throughout, of n items each, that is

    min     b (n - 1) / n                one bad item proves a reject, and an accept needs every item
    median  about (n - n // 2 - 1) / n   a good and a bad parent alike need just over half of their items

so for ten items and b = 0.3 it is .27 and .40, and for many .30 and .50. Real parents are mixed, hence it is computed:
of the scores in order, the items that settle an action soonest by rank lie next to each other, so that every run of
them is tried. (For the mean of the two in the middle and other methods that interpolate that is a lower bound.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from aggregation import PartitionGate
from deploy.demo.clips import KIND
from schemas.decisions import Decision
from schemas.policy import Policy, Rule
from tests.bench.early_material import SOURCE
from tests.unit.aggregation.records import scored

Scores = Mapping[str, Sequence[float]]
"""The scores of each parent's items, in the order of arrival."""


class _Action(msgspec.Struct):
    action: str


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a method needs of the items.

    Attributes:
        items: there are.
        oracle: of these an oracle looks at.
        gate: of these the gate needs, in the order of arrival, if it is asked after each.
        actions: of each parent, all items scored.
        changed: parents that the gate decided otherwise.
    """

    items: int
    oracle: int
    gate: int
    actions: Mapping[str, str]
    changed: Sequence[str]

    @property
    def ceiling(self) -> float:
        """The share of encoder calls that an oracle saves."""
        return 1 - self.oracle / self.items

    @property
    def alone(self) -> float:
        """The share that the gate saves alone, without a pipeline around it."""
        return 1 - self.gate / self.items


def policy(method: str, *, early: bool) -> Policy:
    """Return the policy of the benchmark.

    Bands and actions are the default ones. The bundled heads are not calibrated: they may reject here, or no reject
    could be foreseen, since a person would have to see each. Items that never come do not matter (max_missing), or the
    policy could not let any be left out.
    """
    rule = Rule.model_validate(
        {
            "method": {"name": method},
            "completeness": {"max_missing": 1.0},
            "uncalibrated_may_reject": True,
            "early": early,
        }
    )
    return Policy(name=f"bench-{method}", rules=[rule])


def foresee(method: str, parents: Scores) -> Foreseen:
    """Return what a method needs of some parents' items."""
    early, full = policy(method, early=True), policy(method, early=False)
    actions = {
        parent: _decided(full, parent, list(enumerate(scores)), len(scores)) for parent, scores in parents.items()
    }
    found = {
        parent: _decided(early, parent, list(enumerate(scores)), len(scores)) for parent, scores in parents.items()
    }
    return Foreseen(
        items=sum(map(len, parents.values())),
        oracle=sum(_fewest(early, parent, scores) for parent, scores in parents.items()),
        gate=sum(needed for needed, _ in found.values()),
        actions={parent: action for parent, (_, action) in actions.items()},
        changed=[parent for parent, (_, action) in found.items() if action != actions[parent][1]],
    )


def _fewest(rule: Policy, parent: str, scores: Sequence[float]) -> int:
    """Return the fewest items that settle the action, whichever they are."""
    ordered = sorted(enumerate(scores), key=lambda pair: pair[1])
    runs = (ordered[first:] for first in range(len(ordered)))
    return min(needed for needed, action in (_decided(rule, parent, run, len(scores)) for run in runs) if action)


def _decided(rule: Policy, parent: str, items: Iterable[tuple[int, float]], count: int) -> tuple[int, str]:
    """Return how many items, taken in this order, decide a parent of so many, and the action; none if all do not."""
    gate = PartitionGate(0, rule)
    taken = 0
    for offset, (index, score) in enumerate(items):
        value = scored(parent, index, score, count, kind=KIND, source=SOURCE, calibrated=False)
        gate.apply([(offset, value)], 0)
        taken += 1
        for verdict in gate.take(1):
            return taken, msgspec.json.decode(verdict.value, type=_Action).action
    return taken, ""


def verified(decisions: Iterable[Decision], wanted: Mapping[str, str]) -> list[str]:
    """Return the parents whose decision is not the wanted one."""
    return sorted(one.parent_id for one in decisions if wanted[one.parent_id] != one.action.value)
