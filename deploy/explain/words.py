"""A decision's arithmetic in sentences, with the numbers as they were."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from aggregation.methods import trimmed
from deploy.answers import Weighed
from deploy.explain.check import Checked
from schemas.decisions import Decision
from schemas.policy import Label, Rule

_LISTED: Final = 12  # indices
_CLOSED: Final = {
    "complete": "all expected items were answered",
    "end": "its producer said that nothing more would come",
    "idle": "nothing new came for {idle:g} s",
    "max_age": "it was {age:g} s old",
    "early": "no remaining item could change the action",
    "memory": "the decider was short of memory",
    "reopened": "it had been decided before, and that decision was forgotten",
    "truncated": "retention had deleted records of it before they were read",
}


def clock(ms: int) -> str:
    """Return a time in ms since 1970 as UTC."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def closing(decision: Decision) -> str:
    """Return what closed the window."""
    rule = decision.policy.rule
    return _CLOSED[decision.cause].format(idle=rule.idle_ms / 1000, age=rule.max_age_ms / 1000)


def arithmetic(found: Weighed, decision: Decision) -> list[str]:
    """Return how the answers become a score, the score a label, and the label an action, one sentence each."""
    rule, completeness = decision.policy.rule, decision.policy.rule.completeness
    scores = sorted(answer.score for answer in found.counted if answer.score is not None)
    failed = sum(answer.state == "failed" for answer in found.counted)
    zeros = failed if completeness.failed_as == "zero" else 0
    absent = found.window.missing if completeness.missing_as == "zero" and decision.bounds is None else 0
    values = [0.0] * (zeros + absent) + scores
    if not values or found.ruling.score is None:
        return [f"nothing was scored, so there is no score: {found.ruling.action}"]
    lines = [f"{_method(rule, values)} = {digits(rule, found.ruling.score)}"]
    if zeros:
        lines.append(f"{_many(zeros, 'item')} that could not be read {'counts' if zeros == 1 else 'count'} as 0")
    elif failed:
        lines.append(f"{_many(failed, 'item')} that could not be read counted as missing")
    ruled = sum(answer.state == "ruled" for answer in found.counted)
    if ruled:
        lines.append(f"{_many(ruled, 'item')} that a rule stopped {'counts' if ruled == 1 else 'count'} as 0")
    if absent:
        lines.append(f"{_many(absent, 'item')} that never came {'counts' if absent == 1 else 'count'} as 0")
    lines += [bands(rule, found.ruling.score, found.ruling.label), *_early(found, decision)]
    return [*lines, _action(found, rule)]


def _early(found: Weighed, decision: Decision) -> list[str]:
    bounds = found.ruling.bounds
    if bounds is None:
        return []
    lower, upper = (digits(decision.policy.rule, bound) for bound in bounds)
    remaining = _many(decision.counts.remaining, "item")
    return [f"{remaining} had no answer yet: the score could still become {lower} to {upper}, and the action no other"]


def history(decision: Decision, earlier: Sequence[Decision]) -> list[str]:
    """Return what a revision replaced, and what was withdrawn with it."""
    if not earlier:
        return []
    before = earlier[-1]
    late = decision.counts.late - before.counts.late
    why = f"{_many(late, 'item')} came late" if late else "an item was answered anew"
    line = f"revision {decision.revision}, since {why}"
    if before.action is decision.action:
        return [f"{line}: the action stays {decision.action}"]
    return [f"{line}: {before.action} was withdrawn on its topic, and {decision.action} holds instead"]


def made_again(checked: Checked) -> str:
    """Return whether a decision can be made again from its records."""
    if checked.lacking:
        return f"it cannot be made again: {checked.lacking}"
    if checked.verified:
        return "made again from the records below: the same"
    fields = ", ".join(one.field for one in checked.differences)
    return f"made again from the records below: NOT the same; it differs in {fields}"


def bands(rule: Rule, score: float, label: str | None) -> str:
    """Return the bands, and which one the score falls in."""
    edges = rule.thresholds
    shown = f"high >= {edges.high:g}, medium >= {edges.medium:g}, low >= {edges.low:g}"
    return f"bands: {shown}; {digits(rule, score)} is {label}"


def digits(rule: Rule, score: float) -> str:
    """Return a score with as many digits as it takes to tell it from the edge of a band."""
    edges = {rule.thresholds.high, rule.thresholds.medium, rule.thresholds.low} - {score}
    enough = next((count for count in range(4, 17) if round(score, count) not in edges), 17)
    return f"{score:.{enough}f}"


def _method(rule: Rule, ordered: Sequence[float]) -> str:
    name, count = rule.method.name, len(ordered)
    if name == "trimmed_mean":
        drop = trimmed(count, rule.method.trim)
        kept = ordered[drop : count - drop]
        return f"mean of {len(kept)} of {_many(count, 'score')}, {drop} dropped at each end"
    if name == "median":
        return f"median of {_many(count, 'score')}{_middle(rule, ordered)}"
    if name == "quantile":
        return f"quantile {rule.method.q:g} of {_many(count, 'score')}"
    if name == "share_below":
        return f"1 minus the share of {_many(count, 'score')} below {rule.method.threshold:g}"
    return f"{'lowest' if name == 'min' else name} of {_many(count, 'score')}"


def _middle(rule: Rule, ordered: Sequence[float]) -> str:
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ""
    pair = f"{ordered[half - 1]:.4f} and {ordered[half]:.4f}"
    return f" (the lower of {pair})" if rule.method.median == "low" else f" (between {pair})"


def _action(found: Weighed, rule: Rule) -> str:
    label, action = found.ruling.label, found.ruling.action
    own = action if label is None else rule.actions[Label(label)]
    if own == action:
        return f"{label} -> {action}"
    why = ", ".join(reason.replace("_", " ") for reason in found.ruling.reasons)
    return f"{label} -> {own}, but {action} instead: {why}"


def waiting(found: Weighed | None, unanswered: Sequence[int], rule: Rule) -> list[str]:
    """Return what a parent without a decision waits for."""
    answered = 0 if found is None else len(found.counted)
    expected = None if found is None else found.window.expected
    lines = [f"answered: {answered} of {'an unknown number of' if expected is None else expected} items"]
    if unanswered:
        lines.append(f"on items, and not answered by a worker yet: {_listed(unanswered)}")
    if expected is not None and found is not None:
        lines += _absent(expected, {*(place for place, _ in found.window.answers.items()), *unanswered})
    ways = ["when all are answered"] if expected is not None else []
    ways += ["when its producer ends it", f"{rule.idle_ms / 1000:g} s after its last item"]
    ways.append(f"or when it is {rule.max_age_ms / 1000:g} s old")
    lines.append(f"it is decided {', '.join(ways)}")
    if found is not None:
        lines.append(f"its last item came at {clock(found.window.last_at)}")
    return lines


def _absent(expected: int, present: set[int]) -> list[str]:
    """Return a sentence about the items of which nothing came; a producer may have announced billions."""
    total = expected - sum(index < expected for index in present)
    first = islice((index for index in range(expected) if index not in present), min(total, _LISTED))
    return [f"not there yet: {_listed(list(first), total)}"] if total else []


def _listed(indices: Sequence[int], total: int | None = None) -> str:
    total = len(indices) if total is None else total
    shown = ", ".join(f"#{index}" for index in indices[:_LISTED])
    return shown if total <= _LISTED else f"{shown} and {total - _LISTED} more"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
