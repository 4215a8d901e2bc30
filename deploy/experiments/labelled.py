"""Labels of an experiment: what people say of each parent, and whether what they labelled can be tested. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.experiments.decided import Decided
from deploy.experiments.observing import Observations, Observed
from deploy.experiments.result import Side
from deploy.labels import counted
from deploy.labels.counting import CUT
from schemas.labels import LabelGiven
from workers.experiments import fisher_test

Counts = tuple[int, int]
"""Labelled parents, and all of them."""

_UNKNOWN: Final = (
    "the labels have no probability: they are taken as drawn alike, whatever was decided. Labels that an audit or a"
    " review asked for were not"
)
_UNLIKE: Final = 0.001  # p-value of sides or actions that were labelled alike
_ADVICE: Final = "label parents whatever was decided, and give each label the probability with which it was drawn"


def settled(
    labels: Iterable[LabelGiven], live: Decided, bad_below: float | None = None
) -> dict[tuple[str, str | None], LabelGiven]:
    """Return one label a parent or window: of several people what most of them say.

    What they disagree about is whether it is bad: by `bad_below`, else by the rule of the live decision.
    """
    by_cut: defaultdict[float, list[LabelGiven]] = defaultdict(list)
    for label in labels:
        own = live.parents.get(label.parent_id)
        rule = CUT if own is None else own.policy.rule.bad_below
        by_cut[rule if bad_below is None else bad_below].append(label)
    judged = [one.label for cut, own_labels in by_cut.items() for one in counted(own_labels, cut=cut).judged]
    return {(one.parent_id, one.window): one for one in judged}


def usable(seen: Observations) -> tuple[list[Observed], list[str]]:
    """Return the parents that a test may use, with what a reader has to know about their labels."""
    known = {one.probability for one in seen.parents}
    if known <= {None} or None not in known:
        labelled = any(reason.startswith("without_label") for reason in seen.apart)
        return seen.parents, [_UNKNOWN] if known == {None} and labelled else []
    found = [one for one in seen.parents if one.probability is not None]
    seen.apart["unknown_probability"] += len(seen.parents) - len(found)
    return found, []


def weights_of(parents: Sequence[Observed]) -> NDArray[np.float64] | None:
    """Return one over the probability of each label, where these differ; None where all count alike."""
    known = {one.probability for one in parents}
    if len(known) <= 1:
        return None
    return np.array([1 / (one.probability or 1.0) for one in parents], dtype=np.float64)


def unlike_arms(seen: Observations, sides: Iterable[Side]) -> list[str]:
    """Say where one arm has been labelled more often than the other: then the odds of a parent's arm are others."""
    counts = {one.name: (one.parents, one.parents + seen.apart[f"without_label_{one.name}"]) for one in sides}
    return _unlike("the arms", counts) if _apart(counts) else []


def unlike_actions(seen: Observations, parents: Sequence[Observed], *, weighted: bool) -> list[str]:
    """Say where parents were labelled by what was decided live: then the two sides are not wrong alike among them.

    With labels of reviewed parents alone the live side is never seen to be wrong, and a candidate that decides by the
    same quality is. Weights make up for shares that differ, but not for an action that was never labelled.
    """
    found = Counter(one.action for one in parents)
    counts = {action: (found[action], whole) for action, whole in sorted(seen.actions.items())}
    apart = _apart(counts)
    if weighted:
        apart = [action for action in apart if not found[action]]
    return _unlike("parents of all live actions", counts) if apart else []


def _apart(counts: Mapping[str, Counts]) -> list[str]:
    """Return what was labelled more or less often than the rest."""
    labelled, whole = (sum(one[place] for one in counts.values()) for place in (0, 1))
    return [
        name
        for name, (own, all_own) in counts.items()
        if 0 < all_own < whole and fisher_test((own, all_own), (labelled - own, whole - all_own)) < _UNLIKE
    ]


def _unlike(what: str, counts: Mapping[str, Counts]) -> list[str]:
    shares = " and ".join(f"{own / whole:.1%} of {name}" for name, (own, whole) in counts.items() if whole)
    return [f"{what} were not labelled alike ({shares}), so that no test of them holds: {_ADVICE}"]
