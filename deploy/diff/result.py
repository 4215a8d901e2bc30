"""A whole comparison, as it is shown, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deploy.diff import words
from deploy.diff.behind import Behind, Shown
from deploy.diff.compare import Comparison
from deploy.diff.edges import ACTIONS
from deploy.diff.flips import Flip
from deploy.diff.judging import Judged, Judgement
from deploy.diff.said import Key, Said
from deploy.diff.sides import Side
from deploy.diff.spread import Spread
from deploy.diff.tally import Tally

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two sides.

    Attributes:
        sides: Before and after.
        comparison: Of all windows.
        spreads: Of the scores, by kind.
        judgement: Against labels; None: there were none.
        shown: The flips that were looked at, in order.
        warnings: What a reader should know before believing the figures.
    """

    sides: tuple[Side, Side]
    comparison: Comparison
    spreads: Sequence[Spread]
    judgement: Judgement | None
    shown: Sequence[Shown]
    warnings: Sequence[str]

    @property
    def epsilon(self) -> float:
        """How close to a threshold a score is called near."""
        return max(side.origin.epsilon for side in self.sides)

    @property
    def verdict(self) -> str:
        """How many decisions differ, which way, where, and how sure that is."""
        return " ".join(filter(None, (words.verdict(self.comparison), words.sureness(self.comparison, self.epsilon))))


def as_dict(diff: Diff) -> dict[str, Any]:
    """Return a comparison for programs: all flips, those that were looked at with their items."""
    comparison = diff.comparison
    looked = {one.flip.before.key: one for one in diff.shown}
    return {
        "format": FORMAT,
        "before": _origin(diff.sides[0]),
        "after": _origin(diff.sides[1]),
        "verdict": diff.verdict,
        "warnings": list(diff.warnings),
        "total": _tally(comparison.total),
        "groups": [{"kind": kind, "source": source} | _tally(tally) for (kind, source), tally in comparison.ranked()],
        "scores": [_spread(one) for one in diff.spreads],
        "labels": None if diff.judgement is None else _judgement(diff.judgement),
        "flips": [_flip(flip, looked) for flip in comparison.flips],
        "wall_clock_flips": [_flip(flip, looked) for flip in comparison.apart],
        "only_before": [_window(said) for said in comparison.only[0]],
        "only_after": [_window(said) for said in comparison.only[1]],
    }


def _origin(side: Side) -> dict[str, Any]:
    origin = side.origin
    return {
        "name": origin.name,
        "live": origin.live,
        "topic_prefix": origin.prefix,
        "from_ms": origin.since,
        "to_ms": origin.until,
        "sources": sorted(origin.sources),
        "heads": dict(origin.heads),
        "policy": origin.policy,
        "policies": side.policies,
        "windows": len(side.windows),
        "left_out": dict(side.left_out),
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {
        "compared": tally.compared,
        "flips": tally.flips,
        "share": tally.share,
        "near": tally.near,
        "not_by_score": tally.unscored,
        "relabelled": tally.relabelled,
        "scores_moved": tally.moved,
        "mean_shift": tally.shift,
        "matrix": matrix(tally),
        "wall_clock": tally.set_apart,
        "wall_clock_flips": tally.apart_flips,
        "only_before": tally.only[0],
        "only_after": tally.only[1],
    }


def matrix(tally: Tally) -> dict[str, dict[str, int]]:
    """Return the transition matrix: windows by their action before, and after."""
    return {before: {after: tally.moves[before, after] for after in ACTIONS} for before in ACTIONS}


def _spread(one: Spread) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "bins_before": list(one.counts[0]),
        "bins_after": list(one.counts[1]),
        "median_before": one.medians[0],
        "median_after": one.medians[1],
        "kolmogorov_smirnov": one.distance,
    }


def _judgement(one: Judgement) -> dict[str, Any]:
    return {
        "labels": one.labels,
        "bad": one.bad,
        "scored": one.scored,
        "weighted": one.weighted,
        "partly_weighted": one.partly,
        "mended": one.mended,
        "broken": one.broken,
        "mcnemar_p": one.p,
        "unused": dict(one.unused),
        "before": _judged(one.sides[0]),
        "after": _judged(one.sides[1]),
    }


def _judged(one: Judged) -> dict[str, Any]:
    return {
        "confusion": {
            name: {action: one.actions[good, action] for action in ACTIONS}
            for name, good in (("good", True), ("bad", False))
        },
        "bad_among_accepted": asdict(one.bad_among_accepted),
        "good_among_rejected": asdict(one.good_among_rejected),
        "auc": one.auc,
        "ece": one.ece,
        "ece_by_chance": one.by_chance,
        "reliability": [asdict(found) for found in one.bins],
    }


def _flip(flip: Flip, looked: dict[Key, Shown]) -> dict[str, Any]:
    before, after = flip.before, flip.after
    shown = looked.get(before.key)
    return {
        "parent_id": before.parent_id,
        "window": before.window,
        "kind": before.kind,
        "source": before.source,
        "before": _side(before),
        "after": _side(after),
        "margin": flip.margin,
        "near": flip.near,
        "because": list(flip.because),
        "wall_clock": before.wall_clock or after.wall_clock,
        "expired_items": max(before.expired, after.expired),
        **({} if shown is None else {"items": [_item(item) for item in shown.items]}),
    }


def _side(said: Said) -> dict[str, Any]:
    return {
        "action": said.action,
        "label": said.label,
        "score": said.score,
        "margin": said.margin,
        "reasons": list(said.reasons),
        "cause": said.cause,
        "revision": said.revision,
        "policy": said.terms.reference,
    }


def _item(item: Behind) -> dict[str, Any]:
    return {
        "index": item.index,
        "item_id": item.item_id,
        "before": None if item.before is None else asdict(item.before),
        "after": None if item.after is None else asdict(item.after),
        "items_partition": None if item.place is None else item.place[0],
        "items_offset": None if item.place is None else item.place[1],
    }


def _window(said: Said) -> dict[str, Any]:
    return {"parent_id": said.parent_id, "window": said.window, "kind": said.kind, "source": said.source} | _side(said)
