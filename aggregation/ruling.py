"""From a window's answers to an action: aggregate, label, act. What falls short of a condition goes to review.

Applied to a closed window, and to an open one in order to see whether the action is settled already.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aggregation.bounds import ordered_bounds
from aggregation.known import NOT_KEPT
from aggregation.padded import Padded
from aggregation.terms import Terms
from aggregation.window import Window

ACCEPT, REVIEW, REJECT = "accept", "review", "reject"
_ROUNDING = 1e-12  # by which a sum over more items may differ; far more than it ever does


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """What a window's answers come to."""

    values: Sequence[float]  # what is aggregated, the lowest first
    scored: int  # or answered by a rule
    ruled: int  # of them
    failed: int
    skipped: int
    missing: int
    remaining: int  # without an answer yet, where the window is not closed
    uncalibrated: bool


class Ruling(msgspec.Struct, frozen=True, gc=False):
    """The part of a decision that the policy determines."""

    action: str
    label: str | None
    score: float | None
    effective_trim: float | None
    reasons: tuple[str, ...]
    review: bool
    bounds: tuple[float, float] | None = None


def weigh(window: Window, *, closed: bool = True) -> Evidence:
    """Return what a window's answers come to; while it is not closed, an item without an answer may still get one."""
    terms, answers = window.lane.terms, window.answers
    failed, skipped = window.failed, window.skipped
    without = 0 if answers.filled == window.expected else window.missing
    missing = without if closed else 0
    scored = answers.filled - failed - skipped
    values: Sequence[float] = answers.ordered()
    if len(values) != scored:
        values = values[len(values) - scored :]
    zeros = (failed if terms.failed_as_zero else 0) + (missing if terms.missing_as_zero else 0)
    if zeros:
        values = Padded(zeros, values)
    ruled = 0 if window.ruled is None else len(window.ruled)
    doubtful = window.uncalibrated is not None and bool(window.uncalibrated - (window.ruled or set()))
    uncalibrated = scored > ruled and (window.calibrated is False or doubtful)
    return Evidence(values, scored, ruled, failed, skipped, missing, without - missing, uncalibrated)


def rule_on(window: Window, evidence: Evidence, obstacles: Sequence[str] = ()) -> Ruling:
    """Apply the rule of a closed window to what its answers come to.

    Args:
        window: it gives the terms, and what was odd about its items.
        evidence: see `weigh`.
        obstacles: further reasons for which no score may decide alone.
    """
    terms = window.lane.terms
    obstacles = (*_obstacles(window, evidence, evidence.scored, evidence.missing), *obstacles)
    notes = _notes(window, evidence)
    if not evidence.values:
        return Ruling(REVIEW, None, None, None, (*obstacles, *notes), review=True)
    result = terms.combine(evidence.values)
    band = terms.band(result.score)
    action = terms.actions[band]
    if action == REJECT and evidence.uncalibrated and not _calibrated_rejects(window, evidence):
        obstacles = (*obstacles, "uncalibrated_head")
    if obstacles:
        action = REVIEW
    return Ruling(
        action,
        terms.labels[band],
        result.score,
        result.effective_trim,
        (*obstacles, *notes),
        review=action == REVIEW or terms.review_flags[band],
    )


def foresee(window: Window) -> Ruling | None:
    """Return the ruling that no remaining item can change the action of, or None while one can.

    A remaining item may turn out as any score, failed, skipped or missing.
    """
    evidence = weigh(window, closed=False)
    terms = window.lane.terms
    if not evidence.values:
        return None
    bounds = ordered_bounds(evidence.values, evidence.remaining, terms.combine)
    actions = _possible_actions(window, evidence, bounds)
    if len(actions) != 1:
        return None
    result = terms.combine(evidence.values)
    band = terms.band(result.score)
    (action,) = actions
    return Ruling(
        action,
        terms.labels[band],
        result.score,
        result.effective_trim,
        (*_certain(window, evidence), *_notes(window, evidence)),
        review=action == REVIEW or terms.review_flags[band],
        bounds=bounds,
    )


def _possible_actions(window: Window, evidence: Evidence, bounds: tuple[float, float]) -> set[str]:
    """Return the actions that the window can still end with."""
    terms = window.lane.terms
    if _certain(window, evidence):
        return {REVIEW}
    actions = _actions_within(terms, bounds)
    if evidence.scored < terms.min_scored or _lacking(evidence, terms, evidence.remaining):
        actions.add(REVIEW)
    if REJECT in actions and evidence.uncalibrated and not _calibrated_rejects(window, evidence):
        actions.add(REVIEW)
    return actions


def _certain(window: Window, evidence: Evidence) -> list[str]:
    """Return the reasons for review that no remaining item can take away."""
    return _obstacles(window, evidence, evidence.scored + evidence.remaining, 0)


def _obstacles(window: Window, evidence: Evidence, scored: int, missing: int) -> list[str]:
    """Return the reasons for which no score may decide alone, with so many items scored and missing in the end."""
    terms = window.lane.terms
    found = []
    if scored < terms.min_scored:
        found.append("too_few_items")
    if _lacking(evidence, terms, missing):
        found.append("missing_items")
    if window.count_conflict:
        found.append("conflicting_counts")
    if window.index_beyond_count:
        found.append("index_beyond_count")
    if window.origin_conflict:
        found.append("conflicting_origin")
    if window.truncated:
        found.append("truncated")
    if window.reopened:
        found.append("reopened")
    if window.renewed and (window.expected is None or missing):
        found.append(NOT_KEPT)
    if window.flags:
        found += sorted(window.flags)
    return found


def _lacking(evidence: Evidence, terms: Terms, missing: int) -> bool:
    """Whether too large a share of the items is without an answer, if that many never come."""
    unanswered = missing + (0 if terms.failed_as_zero else evidence.failed)
    if not unanswered:
        return False
    known = evidence.scored + evidence.failed + evidence.skipped + evidence.missing + evidence.remaining
    return unanswered / known > terms.max_missing


def _calibrated_rejects(window: Window, evidence: Evidence) -> bool:
    """Whether the reject stands whatever the items are worth whose head is not calibrated, and those that remain."""
    terms = window.lane.terms
    if terms.uncalibrated_may_reject:
        return True
    ruled = window.ruled or set()
    doubtful = None if window.uncalibrated is None else window.uncalibrated - ruled
    unsure = evidence.scored - len(ruled) if doubtful is None else len(doubtful)
    bounds = ordered_bounds(_sure_values(window, evidence, doubtful), evidence.remaining + unsure, terms.combine)
    return _actions_within(terms, bounds) == {REJECT}


def _actions_within(terms: Terms, bounds: tuple[float, float]) -> set[str]:
    """Return the actions of all scores within bounds, which may be off by rounding."""
    slack = 0.0 if terms.exact else _ROUNDING
    return terms.actions_between(max(0.0, bounds[0] - slack), min(1.0, bounds[1] + slack))


def _sure_values(window: Window, evidence: Evidence, doubtful: set[int] | None) -> Sequence[float]:
    """Return the scores of calibrated heads and of rules, and the zeros of items without any that count, in order.

    Args:
        window: its answers.
        evidence: what they come to.
        doubtful: indices whose score is of a head that is not calibrated; None: of all that no rule has answered.
    """
    base = window.base
    if doubtful is None:
        scores = [0.0] * evidence.ruled
    else:
        scores = [value for place, value in window.answers.items() if value >= 0.0 and place + base not in doubtful]
    return Padded(len(evidence.values) - evidence.scored, sorted(scores))


def _notes(window: Window, evidence: Evidence) -> list[str]:
    """Return what a reader should know and what changes nothing."""
    notes = []
    if evidence.failed:
        notes.append("failed_items")
    if evidence.ruled:
        notes.append("ruled_items")
    if window.scorers is not None:
        notes.append("mixed_scorers")
    return notes
