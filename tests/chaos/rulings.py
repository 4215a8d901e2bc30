"""What a decision about the records of a window must say. Written apart from the code under test.

Of that it takes the methods and the labels alone, which have tests of their own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from aggregation import aggregate, label_of
from schemas.policy import Action, Rule
from tests.chaos.scorelog import Answer

_ORDER = {"ItemScored": 0, "ItemFailed": 1, "ItemSkipped": 2}
_ROUNDING = 1e-9

Record = dict[str, Any]


class Found(NamedTuple):
    """What the answers of a window come to."""

    scores: tuple[tuple[float, bool], ...]  # each with whether its head is calibrated
    failed: int
    skipped: int
    missing: int  # without an answer, when the window is closed
    oddities: tuple[str, ...] = ()  # reasons for a review that no answer takes away
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> int:
        """How many items there are, as far as anybody knows."""
        return len(self.scores) + self.failed + self.skipped + self.missing


class Ruled(NamedTuple):
    """The part of a decision that the policy determines."""

    action: str
    label: str | None
    score: float | None
    effective_trim: float | None
    reasons: list[str]
    review: bool


def best_answers(records: Iterable[Answer]) -> dict[int, Answer]:
    """Return the answer that counts for each index: a score before a failure, the lowest score first."""
    best: dict[int, Answer] = {}
    for one in records:
        if one.type != "ParentEnded":
            known = best.get(one.index)
            best[one.index] = one if known is None else min(known, one, key=_order)
    return best


def expected_of(records: Sequence[Answer], window: str, rule: Rule) -> int | None:
    """Return how many items a window has, where that is known."""
    count = max((one.count for one in records if one.count is not None), default=None)
    if window.startswith("index/"):
        first, size = _first_index(window), getattr(rule.window, "size", 0)
        if count is None:  # where the parent has ended, what has come may be all
            return None if any(one.type == "ParentEnded" for one in records) else size
        return min(size, max(0, count - first))
    return count if window == "whole" else None


def find(records: Sequence[Answer], window: str, rule: Rule, *, reopened: bool) -> Found:
    """Return what the answers of a window come to."""
    best, expected = best_answers(records), expected_of(records, window, rule)
    scorers = {one.scorer for one in records if one.type == "ItemScored"}
    doubtful = {one.index for one in records if one.type == "ItemScored" and not one.calibrated}
    scores = tuple((one.score, one.index not in doubtful) for one in best.values() if one.type == "ItemScored")
    failed = sum(one.type == "ItemFailed" for one in best.values())
    return Found(
        scores,
        failed,
        len(best) - len(scores) - failed,
        _missing(best, expected, window),
        tuple(_oddities(records, best, reopened=reopened)),
        ("failed_items",) * bool(failed) + ("mixed_scorers",) * (len(scorers) > 1),
    )


def _first_index(window: str) -> int:
    return int(window[6:].partition("-")[0]) if window.startswith("index/") else 0


def _missing(best: dict[int, Answer], expected: int | None, window: str) -> int:
    if expected is not None:
        return max(0, expected - len(best))
    first = min(best, default=0) if window.startswith("time/") else _first_index(window)
    return max(best, default=first - 1) + 1 - first - len(best)


def _oddities(records: Sequence[Answer], best: dict[int, Answer], *, reopened: bool) -> list[str]:
    counts = {one.count for one in records if one.count is not None}
    origins = {(one.kind, one.source) for one in records}
    beyond = bool(counts and best) and max(best) >= max(counts)
    return (
        ["conflicting_counts"] * (len(counts) > 1)
        + ["index_beyond_count"] * beyond
        + ["conflicting_origin"] * (len(origins) > 1)
        + ["reopened"] * reopened
    )


def rule_on(found: Found, rule: Rule, *, still: int = 0) -> Ruled:
    """Apply a rule. `still` is how many of the items without an answer may still get one: of an early decision."""
    without = found.missing - still
    zeros = found.failed * (rule.completeness.failed_as == "zero") + without * (rule.completeness.missing_as == "zero")
    values = [score for score, _ in found.scores] + [0.0] * zeros
    reasons = _shortfalls(found, rule, len(found.scores) + still, without) + list(found.oddities)
    if not values:
        return Ruled("review", None, None, None, reasons + list(found.notes), review=True)
    result = aggregate(values, rule.method)
    label = label_of(result.score, rule.thresholds)
    action = rule.actions[label].value
    if not still and action == "reject" and not _reject_stands(found, zeros, result.score, rule):
        reasons.append("uncalibrated_head")
    action = "review" if reasons else action
    flagged = action == "review" or label in rule.review_flag
    return Ruled(action, label.value, result.score, result.effective_trim, reasons + list(found.notes), flagged)


def _shortfalls(found: Found, rule: Rule, scored: int, without: int) -> list[str]:
    unanswered = without + found.failed * (rule.completeness.failed_as == "missing")
    lacking = bool(unanswered) and unanswered / found.known > rule.completeness.max_missing
    return ["too_few_items"] * (scored < rule.completeness.min_scored) + ["missing_items"] * lacking


def _reject_stands(found: Found, zeros: int, score: float, rule: Rule) -> bool:
    """Whether it is a reject whatever the items are worth whose head is not calibrated."""
    if rule.uncalibrated_may_reject or all(calibrated for _, calibrated in found.scores):
        return True
    charitable = [score if calibrated else 1.0 for score, calibrated in found.scores] + [0.0] * zeros
    highest = min(1.0, aggregate(charitable, rule.method).score)
    edges = [edge for edge in (rule.thresholds.low, rule.thresholds.medium, rule.thresholds.high) if edge <= highest]
    worths = [score, highest, *(edge for edge in edges if edge > score)]
    return all(rule.actions[label_of(worth, rule.thresholds)] == Action.REJECT for worth in worths)


def outcomes(found: Found, rule: Rule) -> set[str]:
    """Return actions that a window can still end with, among them each that it can by worse or better answers alone."""
    left = found.missing
    ends = [found, found._replace(failed=found.failed + left, missing=0)]
    ends.append(found._replace(skipped=found.skipped + left, missing=0))
    for good in range(left + 1):
        ones, nothing = ((1.0, True),) * good, ((0.0, True),) * (left - good)
        ends += [found._replace(scores=found.scores + ones + nothing, missing=0)]
        ends += [found._replace(scores=found.scores + ones, missing=left - good)]
        ends += [found._replace(scores=found.scores + nothing, missing=good)]
    ends.append(found._replace(scores=found.scores + ((0.0, False),) * left, missing=0))
    return {rule_on(end, rule).action for end in ends}


def bounds(found: Found, rule: Rule) -> Record:
    """Return the lowest and the highest score that a window can still end with."""
    values = [score for score, _ in found.scores] + [0.0] * (found.failed * (rule.completeness.failed_as == "zero"))
    lowest, highest = ([*values, *[worth] * found.missing] for worth in (0.0, 1.0))
    return {"lower": aggregate(lowest, rule.method).score, "upper": aggregate(highest, rule.method).score}


def content(records: Sequence[Answer], window_id: str, rule: Rule, *, early: bool, before: int | None) -> Record:
    """Return what a decision about these records must say.

    Args:
        records: those of the window up to the decision's through_offset.
        window_id: of the window; a mark in it says that an earlier decision was forgotten.
        rule: the one that it is decided under.
        early: whether items that have no answer may still get one.
        before: of a revision, how many items were answered when the window was first decided.
    """
    window, reopened = window_id.partition("@")[0], "@" in window_id
    found = find(records, window, rule, reopened=reopened)
    still = found.missing if early else 0
    ruled, best = rule_on(found, rule, still=still), best_answers(records)
    answers = sum(one.type != "ParentEnded" for one in records)
    counts = {
        "expected": expected_of(records, window, rule),
        "scored": len(found.scores),
        "failed": found.failed,
        "skipped": found.skipped,
        "missing": found.missing - still,
        "remaining": still or None,
        "late": None if before is None else (len(best) - before) or None,
        "duplicate": answers - len(best),
    }
    scored = [one for one in best.values() if one.type == "ItemScored"]
    causes = {one.cause for one in records if one.type == "ItemFailed"} if found.failed else ()
    return {
        **ruled._asdict(),
        "uncalibrated": any(one.type == "ItemScored" and not one.calibrated for one in records),
        "counts": {name: count for name, count in counts.items() if count is not None},
        "bounds": bounds(found, rule) if early else None,
        "failures": sorted(causes) or None,
        "scorers": sorted({one.scorer for one in records if one.type == "ItemScored"}),
        "worst": sorted(map(_worst, scored), key=lambda one: (one["score"], one["index"], one["item_id"]))[:3],
        "audit": _audit(records[0].parent_id, window_id, ruled.action, rule),
    }


def _worst(one: Answer) -> Record:
    return {"score": one.score, "index": one.index, "item_id": one.item_id, "reasons": list(one.reasons)}


def _audit(parent: str, window: str, action: str, rule: Rule) -> Record | None:
    rate = {"accept": rule.audit.accept, "reject": rule.audit.reject}.get(action, 0.0)
    if not rate:
        return None
    drawn = hashlib.blake2b(f"{parent}\n{window}".encode(), digest_size=8, person=b"sluice-audit").digest()
    return {"probability": rate, "selected": int.from_bytes(drawn, "big") / 2**64 < rate}


def _order(one: Answer) -> tuple[int, float, str]:
    return (_ORDER[one.type], one.score, one.item_id)
