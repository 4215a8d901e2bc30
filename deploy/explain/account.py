"""From what the topics hold of a parent to what a person or a program is told."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from aggregation.spans import REOPENED, spans_of
from deploy import answers
from deploy.answers import Answer, Weighed
from deploy.errors import ConfigurationError, SluiceError
from deploy.explain import words
from deploy.explain.check import Checked, check
from deploy.explain.trace import Trace
from schemas import wire
from schemas.decisions import Decision
from schemas.policy import Policy, Rule

_NEAR = 3


class UnknownParentError(SluiceError):
    """No topic has anything of this parent."""

    exit_code = 12


class UnknownWindowError(ConfigurationError):
    """The parent has no decision about this window."""


@dataclass(frozen=True, slots=True)
class Account:
    """What is told of a parent.

    Attributes:
        decision: the latest one, or that of the window which was asked for; None where there is none yet.
        earlier: the decisions about the same window that it replaced.
        others: the latest decision about each of the parent's other windows.
        open_windows: ids of windows that have items and no decision, where the parent is cut into several.
        found: the answers, and what they come to; None where no record is there (any more).
        rule: the one that it was, or would be, decided under.
        rule_from: how the rule is known.
        checked: what came of making the decision again; None without one.
    """

    trace: Trace
    decision: Decision | None
    earlier: Sequence[Decision]
    found: Weighed | None
    rule: Rule
    rule_from: str
    others: Sequence[Decision] = ()
    open_windows: Sequence[str] = ()
    checked: Checked | None = None

    @property
    def state(self) -> Literal["decided", "open"]:
        """Whether there is a decision."""
        return "open" if self.decision is None else "decided"

    @property
    def reproduced(self) -> bool:
        """Whether the records lead to the decision again. Where retention has deleted some, they do not."""
        return self.checked is not None and self.checked.verified is True

    @property
    def sentences(self) -> list[str]:
        """The arithmetic of a decision, or what there is to wait for."""
        if self.decision is None:
            return words.waiting(self.found, self.trace.unanswered, self.rule)
        if self.found is None or self.checked is None:
            return ["its records on scores are not there any more: retention has deleted them"]
        made = words.history(self.decision, self.earlier)
        return [*words.arithmetic(self.found, self.decision), *made, words.made_again(self.checked)]

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        found, trace = self.found, self.trace
        return {
            "parent_id": trace.parent_id,
            "state": self.state,
            "partition": trace.partition,
            "decision": None if self.decision is None else _record(self.decision),
            "earlier": [_record(one) for one in self.earlier],
            "windows": [_window(one) for one in trace.decisions],
            "open_windows": list(self.open_windows),
            "reproduced": self.reproduced if self.decision is not None else None,
            "rule_from": self.rule_from,
            "explanation": self.sentences,
            "expected": None if found is None else found.window.expected,
            "unanswered": list(trace.unanswered),
            "items": [] if found is None else [_item(answer) for answer in in_order(found.answers)],
            "dead_letters": [asdict(letter) for letter in trace.dead],
        }


def account(trace: Trace, policy: Policy | None, fallback: Policy, window: str | None = None) -> Account:
    """Weigh what was found.

    Args:
        trace: of a parent that is known.
        policy: that the deciders run under, where the caller says; it matters for a parent without a decision only.
        fallback: where nobody says, and no decision of the same kind and source tells.
        window: id of the one to explain; None takes the one that was decided last.

    Raises:
        UnknownWindowError: there is no decision about that window.
    """
    decision = _chosen(trace, window)
    rule, rule_from = _rule(trace, decision, policy, fallback)
    if decision is None:
        return Account(trace, None, (), answers.weighed(trace.records, rule), rule, rule_from)
    found = answers.weighed(
        [record for record in trace.records if record.offset >= decision.first_offset],
        rule,
        decision.through_offset,
        window=decision.window,
        truncated=decision.cause == "truncated",
        early=decision.bounds is not None,
    )
    latest = {one.window: one for one in trace.decisions}
    return Account(
        trace,
        decision,
        [one for one in trace.decisions if one.window == decision.window and one.revision < decision.revision],
        found,
        rule,
        rule_from,
        others=[one for one in latest.values() if one.window != decision.window],
        open_windows=_open(trace),
        checked=check(decision, trace),
    )


def _chosen(trace: Trace, window: str | None) -> Decision | None:
    if not trace.decisions:
        return None
    found = [one for one in trace.decisions if window in {None, one.window}]
    if found:
        return found[-1]
    known = ", ".join(dict.fromkeys(one.window for one in trace.decisions))
    raise UnknownWindowError(f"{trace.parent_id!r} has no decision about the window {window!r}. It has: {known}")


def _open(trace: Trace) -> list[str]:
    """Return the windows of a parent that have items and no decision, under the rule of its last one."""
    last = trace.decisions[-1]
    rule = last.policy.rule.window
    if rule.by == "whole":
        return []
    decided = {one.window.partition(REOPENED)[0] for one in trace.decisions}
    items = (record.value for record in trace.records if not isinstance(record.value, wire.ParentEnded))
    found = dict.fromkeys(span.id for item in items for span in spans_of(item, rule))
    return [window for window in found if window not in decided]


def _rule(trace: Trace, decision: Decision | None, policy: Policy | None, fallback: Policy) -> tuple[Rule, str]:
    if decision is not None:
        return decision.policy.rule, "the decision"
    first = trace.records[0].value if trace.records else None
    kind, source = ("*", "*") if first is None else (first.kind, first.source)
    if policy is not None:
        arm = policy.arm_for(trace.parent_id)
        return policy.rule_for(kind, source, arm), f"policy {policy.name}, version {policy.version}"
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


def _record(decision: Decision) -> dict[str, Any]:
    return decision.model_dump(mode="json", exclude_none=True)


def _window(decision: Decision) -> dict[str, Any]:
    return {
        "window": decision.window,
        "revision": decision.revision,
        "action": decision.action.value,
        "score": decision.score,
        "cause": decision.cause,
        "policy": f"{decision.policy.name}@{decision.policy.version}",
    }


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
