"""Which groups are trained on, calibrated on, set thresholds, and are kept to judge: no group has two of these uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.training.evaluation import Split
from workers.training.problems import LabelsError

SHARES: Final[Mapping[Split, float]] = MappingProxyType(
    {"train": 0.55, "calibration": 0.15, "threshold": 0.10, "test": 0.20}
)
"""For a few hundred labels: two numbers of a calibrator need few, a figure that means something needs more."""

LEAST_ITEMS: Final = 40
LEAST_OF_CLASS: Final = 8
LEAST_GROUPS: Final = 6  # with items of a class: three to train on, in folds, and one for each other split
_NEEDED: Final[tuple[Split, ...]] = ("train", "test")


def check_enough(good: NDArray[np.bool_], cut: float) -> None:
    """Refuse labels that are too few to learn and to judge by, given which of them are good (n,).

    Raises:
        LabelsError: too few, or one class alone.
    """
    count, positives = len(good), int(good.sum())
    if count and positives in {0, count}:
        raise LabelsError(
            f"all {count} labels are {'good' if positives else 'bad'} (the cut is at {cut:g}), and a head learns from "
            "both. Add labels of the other class, or move the cut with --cut."
        )
    if count < LEAST_ITEMS or min(positives, count - positives) < LEAST_OF_CLASS:
        raise LabelsError(
            f"{count} labelled items ({positives} good, {count - positives} bad) are too few: at least {LEAST_ITEMS} "
            f"are needed, with {LEAST_OF_CLASS} of each class; a few hundred are better. Nothing was trained."
        )


def check_enough_rows(labels: Sequence[float], cut: float, parents: int) -> None:
    """Refuse labels of items (n,) that are too few before any of them is opened.

    Raises:
        LabelsError: as for `check_enough`, or only parents are labelled.
    """
    if not labels and parents:
        raise LabelsError(
            f"all {parents} labels are of parents. They are never copied to items: a head needs labels of items, in "
            f"the column `item`, at least {LEAST_ITEMS} of them. Those of parents then calibrate what its scores make."
        )
    check_enough(np.array(labels, dtype=np.float64) >= cut, cut)


def split_of(groups: Sequence[str], good: NDArray[np.bool_], seed: int) -> tuple[Split, ...]:
    """Draw a split for each item: whole groups, in about the shares of `SHARES`, of good and of bad ones alike.

    The largest groups come first; each goes where, relative to the share, most is missing of what it holds.

    Raises:
        LabelsError: there are too few groups.
    """
    for name, chosen in (("good", good), ("bad", ~good)):
        found = len({group for group, own in zip(groups, chosen, strict=True) if own})
        if found < LEAST_GROUPS:
            raise LabelsError(
                f"the {name} items are of {found} groups, and {LEAST_GROUPS} are the least: items of one group are "
                "alike, so that a head would be judged by what it was trained on. Add labels from other sources."
            )
    held = {group: np.zeros(2) for group in groups}
    for group, own in zip(groups, good, strict=True):
        held[group][int(own)] += 1
    names = sorted(held)
    np.random.default_rng(seed).shuffle(names)
    names.sort(key=lambda name: -held[name].sum())  # stable: equal ones stay shuffled
    wanted = {split: share * sum(held.values(), np.zeros(2)) for split, share in SHARES.items()}
    have = {split: np.zeros(2) for split in SHARES}
    chosen_for: dict[str, Split] = {}
    for name in names:
        gains = {split: float(held[name] @ ((wanted[split] - have[split]) / wanted[split])) for split in SHARES}
        best = max(SHARES, key=lambda split: gains[split])
        chosen_for[name] = best
        have[best] += held[name]
    return tuple(chosen_for[group] for group in groups)


def given_splits(splits: Sequence[Split | None], groups: Sequence[str], names: Sequence[str]) -> tuple[Split, ...]:
    """Return the splits that the labels give, if they can be used.

    Args:
        splits: (n,), as the labels say.
        groups: (n,).
        names: (n,), rows in words, for the errors.

    Raises:
        LabelsError: some rows have none, a group is in two of them, or nothing is to train on or to judge by.
    """
    without = [name for split, name in zip(splits, names, strict=True) if split is None]
    if without:
        raise LabelsError(
            f"{len(without)} rows have no split, and others have one: give one to all, or to none", without
        )
    known = [split for split in splits if split is not None]
    members: dict[str, dict[Split, str]] = {}
    for split, group, name in zip(known, groups, names, strict=True):
        members.setdefault(group, {}).setdefault(split, name)
    torn = [
        f"{group}: " + ", ".join(f"{split}: {name}" for split, name in own.items())
        for group, own in members.items()
        if len(own) > 1
    ]
    if torn:
        raise LabelsError(
            f"{len(torn)} groups are in several splits: what a head was trained on would judge it. Near-copies and "
            "equal contents count as one group.",
            torn,
        )
    absent = [split for split in _NEEDED if split not in known]
    if absent:
        raise LabelsError(f"no row has the split {absent[0]}; {' and '.join(_NEEDED)} are needed")
    return tuple(known)


def check_classes(splits: Sequence[Split], good: NDArray[np.bool_]) -> None:
    """Refuse splits in which the training or the test items are of one class.

    Raises:
        LabelsError: they are.
    """
    found = Counter((split, bool(own)) for split, own in zip(splits, good, strict=True))
    for split in _NEEDED:
        if not (found[split, True] and found[split, False]):
            raise LabelsError(
                f"the {split} items are all {'good' if found[split, True] else 'bad'}: add groups with labels of the "
                "other class, or give another split"
            )
