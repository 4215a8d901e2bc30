"""What a comparison comes to, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deploy.diff.compare import Comparison
from deploy.diff.edges import ACTIONS
from deploy.diff.flips import Flip
from deploy.diff.judging import Judged, Judgement, Rate
from deploy.diff.sides import Side
from deploy.diff.tally import Tally

_MANY: Final = 0.05  # of the windows: so many on one side alone are worth a warning
_SURE: Final = 0.05  # of a p-value


def verdict(comparison: Comparison) -> str:
    """Return in a sentence or two how many decisions differ, which way and where."""
    total = comparison.total
    if not total.compared:
        return "No window is on both sides, so that nothing could be compared."
    if not total.flips:
        labels = f" {total.relabelled:,} keep their action and get another label." if total.relabelled else ""
        return f"None of {total.compared:,} decisions differs.{labels}"
    moves = ", ".join(f"{count:,} from {before} to {after}" for (before, after), count in total.changes())
    told = f"{total.flips:,} of {total.compared:,} decisions differ ({total.share:.1%}): {moves}."
    return f"{told}{_where(comparison)}"


def _where(comparison: Comparison) -> str:
    ranked = comparison.ranked()
    (kind, source), tally = ranked[0]
    if len(ranked) == 1 or tally.share < 2 * comparison.total.share:
        return ""
    return f" Most of all in {source} ({kind}): {tally.flips:,} of {tally.compared:,} ({tally.share:.1%})."


def sureness(comparison: Comparison, epsilon: float) -> str:
    """Return how sure the flips are; empty where there is none."""
    total = comparison.total
    parts = []
    if total.near:
        parts.append(
            f"{total.near:,} are within {epsilon:g} of a threshold, which another machine may decide otherwise"
        )
    if total.unscored:
        parts.append(f"{total.unscored:,} were not decided by the score alone, on one side or both")
    return f"Of those that differ, {'; '.join(parts)}." if parts and total.flips else ""


def warnings(comparison: Comparison, sides: tuple[Side, Side]) -> Iterator[str]:
    """Yield what a reader should know before believing the figures."""
    total = comparison.total
    windows = total.compared + total.set_apart + sum(total.only)
    if windows and sum(total.only) > _MANY * windows:
        yield (
            f"{sum(total.only):,} of {windows:,} windows are on one side alone: the policies may cut parents into "
            "other windows, or close them at other times"
        )
    if total.set_apart:
        yield (
            f"{total.set_apart:,} windows that the wall clock had closed live are counted apart; "
            f"{total.apart_flips:,} of them have another action, which may come from that alone"
        )
    elif total.wall_clock:
        yield (
            f"{total.wall_clock:,} of the windows that flip had been closed by the wall clock live: both replays close "
            "them in stream time, and what is live may hold other items"
        )
    expired = sum(bool(flip.before.expired or flip.after.expired) for flip in comparison.flips)
    if expired:
        yield f"{expired:,} flips are of windows with items that retention had deleted before they could be scored anew"
    for side in sides:
        yield from (f"{side.origin.name}: {notice}" for notice in side.origin.notices)
        yield from (f"{count:,} windows of {side.origin.name} {why}; left out" for why, count in side.left_out.items())


def judged(judgement: Judgement) -> Iterator[str]:
    """Yield what the labels say about both sides."""
    if not judgement.labels:
        yield "No label is of a window that is on both sides."
    else:
        yield (
            f"{judgement.labels:,} labelled windows are on both sides, {judgement.bad:,} of them bad. "
            f"Wrong before and not after: {judgement.mended:,}; wrong after and not before: {judgement.broken:,} "
            f"({_told(judgement)})."
        )
    if judgement.weighted:
        yield "Each label counts with one over the probability with which its parent was drawn."
    if judgement.partly:
        yield "Not all labels name the probability with which they were drawn: shares are of what is labelled alone."
    yield from (f"{count:,} labels are {why}" for why, count in sorted(judgement.unused.items()))


def _told(judgement: Judgement) -> str:
    """Return what McNemar's test says."""
    if judgement.mended == judgement.broken:
        return "as many, so that neither side is better"
    better = "after" if judgement.mended > judgement.broken else "before"
    sure = "" if judgement.p < _SURE else ", which may be chance"
    return f"{better} is better; exact McNemar p = {judgement.p:.2g}{sure}"


def rate(found: Rate) -> str:
    """Return a share of labelled windows with its interval."""
    if found.share is None or found.low is None or found.high is None:
        return "-"
    return f"{found.share:.1%} ({found.low:.1%} to {found.high:.1%}; {found.count} of {found.of})"


def figures(judgement: Judgement) -> Iterator[tuple[str, str, str]]:
    """Yield the figures of both sides against labels: a name, and the value before and after."""
    before, after = judgement.sides
    yield "bad among accepted", rate(before.bad_among_accepted), rate(after.bad_among_accepted)
    yield "good among rejected", rate(before.good_among_rejected), rate(after.good_among_rejected)
    for good in (True, False):
        for action in ACTIONS:
            counts = [f"{side.actions[good, action]:,}" for side in judgement.sides]
            yield f"{'good' if good else 'bad'}, {action}", counts[0], counts[1]
    yield "AUC of the score", number(before.auc), number(after.auc)
    yield "ECE of the score", _ece(before), _ece(after)


def _ece(judged_side: Judged) -> str:
    if judged_side.ece is None:
        return "-"
    return f"{judged_side.ece:.3f} (by chance {number(judged_side.by_chance)})"


def most_often(tally: Tally) -> str:
    """Return the most frequent flip of a group."""
    changes = tally.changes()
    return f"{changes[0][0][0]} → {changes[0][0][1]} {changes[0][1]:,}" if changes else "-"


def shift(tally: Tally) -> str:
    """Return how far the mean score moved."""
    return "-" if tally.shift is None else f"{tally.shift:+.3f}"


def margin(flip: Flip) -> str:
    """Return how sure a flip is: how far the nearer score is from an edge."""
    if flip.margin is None:
        return "-"
    return f"{flip.margin:.3f}{' near' if flip.near else ''}"


def score(value: float | None) -> str:
    """Return a score as it is shown: an unrounded one may lie on the other side of an edge."""
    return "-" if value is None else f"{value:.4f}"


def number(value: float | None) -> str:
    """Return a figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"
