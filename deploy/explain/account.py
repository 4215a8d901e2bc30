"""From what the topics hold of a parent to what a person or a program is told."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from deploy import answers
from deploy.answers import Answer, Weighed
from deploy.errors import SluiceError
from deploy.explain import words
from deploy.explain.trace import Trace
from schemas.decisions import Decision
from schemas.policy import Policy, Rule

_NEAR = 3


class UnknownParentError(SluiceError):
    """No topic has anything of this parent."""

    exit_code = 12


@dataclass(frozen=True, slots=True)
class Account:
    """What is told of a parent.

    Attributes:
        decision: the latest revision; None where there is none yet.
        earlier: the decisions that it replaced.
        found: the answers, and what they come to; None where no record is there (any more).
        rule: the one that it was, or would be, decided under.
        rule_from: how the rule is known.
    """

    trace: Trace
    decision: Decision | None
    earlier: Sequence[Decision]
    found: Weighed | None
    rule: Rule
    rule_from: str

    @property
    def state(self) -> Literal["decided", "open"]:
        """Whether there is a decision."""
        return "open" if self.decision is None else "decided"

    @property
    def reproduced(self) -> bool:
        """Whether the records lead to the decision again. Where retention has deleted some, they do not."""
        return self.found is not None and self.decision is not None and words.same(self.found, self.decision)

    @property
    def sentences(self) -> list[str]:
        """The arithmetic of a decision, or what there is to wait for."""
        if self.decision is None:
            return words.waiting(self.found, self.trace.unanswered, self.rule)
        if self.found is None:
            return ["its records on scores are not there any more: retention has deleted them"]
        verdict = "the same" if self.reproduced else "NOT the same; records of it may have been deleted by retention"
        return [*words.arithmetic(self.found, self.rule), f"made again from the records below: {verdict}"]

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        found, trace = self.found, self.trace
        return {
            "parent_id": trace.parent_id,
            "state": self.state,
            "partition": trace.partition,
            "decision": None if self.decision is None else self.decision.model_dump(mode="json", exclude_none=True),
            "earlier": [one.model_dump(mode="json", exclude_none=True) for one in self.earlier],
            "reproduced": self.reproduced if self.decision is not None else None,
            "rule_from": self.rule_from,
            "explanation": self.sentences,
            "expected": None if found is None else found.window.expected,
            "unanswered": list(trace.unanswered),
            "items": [] if found is None else [_item(answer) for answer in in_order(found.answers)],
            "dead_letters": [asdict(letter) for letter in trace.dead],
        }


def account(trace: Trace, policy: Policy | None, fallback: Policy) -> Account:
    """Weigh what was found.

    Args:
        trace: of a parent that is known.
        policy: that the deciders run under, where the caller says; it matters for a parent without a decision only.
        fallback: where nobody says, and no decision of the same kind and source tells.
    """
    decision = trace.decisions[-1] if trace.decisions else None
    rule, rule_from = _rule(trace, decision, policy, fallback)
    through = None if decision is None else decision.through_offset
    truncated = decision is not None and decision.cause == "truncated"
    found = answers.weighed(trace.records, rule, through, truncated=truncated)
    return Account(trace, decision, trace.decisions[:-1], found, rule, rule_from)


def _rule(trace: Trace, decision: Decision | None, policy: Policy | None, fallback: Policy) -> tuple[Rule, str]:
    if decision is not None:
        return decision.policy.rule, "the decision"
    first = trace.records[0].value if trace.records else None
    kind, source = ("*", "*") if first is None else (first.kind, first.source)
    if policy is not None:
        return policy.rule_for(kind, source), f"policy {policy.name}, version {policy.version}"
    alike = [one for one in trace.others if (one.kind, one.source) == (kind, source)]
    if alike:
        return alike[-1].policy.rule, f"the decision about {alike[-1].parent_id}, of the same kind and source"
    return fallback.rule_for(kind, source), f"policy {fallback.name}, since nothing tells of the deciders' own"


def in_order(found: Sequence[Answer]) -> list[Answer]:
    """Return answers by index, and those for one index as they came."""
    return sorted(found, key=lambda answer: (answer.value.index, answer.offset))


def near(parent_id: str, known: Sequence[str]) -> list[str]:
    """Return the parents that may have been meant."""
    return difflib.get_close_matches(parent_id, known, _NEAR)


def _item(answer: Answer) -> dict[str, Any]:
    return {
        "index": answer.value.index,
        "item_id": answer.value.item_id,
        "answer": answer.state,
        "score": answer.score,
        "why": list(answer.why),
        "detail": answer.place.detail,
        "cached": answer.place.cached,
        "item_partition": answer.place.item_partition,
        "item_offset": answer.place.item_offset,
        "score_offset": answer.offset,
        "standing": answer.standing,
    }
