"""Why a score is low, in codes: which cheap metrics lie outside of what is usual in clean training material.

The rule is simple on purpose. The usual range of a metric is from the 2nd to the 98th percentile of clean training
items (stored with the head). For a score below 0.5, each metric outside of its range votes for the code of that side
with its distance in clean spreads; a code counts its strongest vote, and the three strongest codes are named. It says
what is conspicuous, not what the head computed.

A defect that the head has learnt from labels is named where its own logistic is for it, the highest score first and
before all others; the metrics have no vote about it then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

LOW_SCORE = 0.5
MOST = 3
_LEAST = 0.25  # clean spreads beyond the range: less is the range's own uncertainty

# metric: (code when too low, code when too high); None where that side says nothing
CODES: dict[str, tuple[str | None, str | None]] = {
    # pictures
    "brightness": ("dark", "overexposed"),
    "contrast": ("low_contrast", None),
    "clipped_dark": (None, "dark"),
    "clipped_bright": (None, "overexposed"),
    "entropy": ("little_detail", None),
    "tenengrad": ("blurry", None),
    "anisotropy": (None, "motion"),
    "flat_share": (None, "little_detail"),
    "high_frequency": ("blurry", "noisy"),
    "blockiness": (None, "blocky"),
    # pictures and slices
    "sharpness": ("blurry", None),
    "blur_effect": (None, "blurry"),
    "scale_ratio": ("blurry", "noisy"),
    "noise_sigma": (None, "noisy"),
    # slices
    "foreground_share": ("little_tissue", None),
    "foreground_contrast": ("low_contrast", None),
    "snr": ("noisy", None),
    "background_energy": (None, "background"),
    "ghosting": (None, "ghosting"),
    "line_motion": (None, "motion"),
    "entropy_focus": (None, "motion"),
    "spike": (None, "spike"),
    "bias": (None, "uneven"),
    # chunks
    "length": ("short", None),
    "letters": ("symbols", None),
    "digits": (None, "numbers"),
    "symbols": (None, "symbols"),
    "upper": (None, "capitals"),
    "odd_words": (None, "misread"),
    "rare_bigrams": (None, "misread"),
    "stop_words": ("no_prose", None),
    "sentence_marks": ("no_prose", None),
    "sentence_length": (None, "no_prose"),
    "distinct_words": ("repetitive", None),
    "top_word": (None, "repetitive"),
    "repeated_lines": (None, "repetitive"),
    "repeated_phrases": (None, "repetitive"),
    "odd_pairs": (None, "shuffled"),
    "broken_sentences": (None, "shuffled"),
    "gopher_violations": (None, "no_prose"),
}


_NONE: Mapping[str, float] = MappingProxyType({})


def reasons(
    score: float,
    names: Sequence[str],
    excess: NDArray[np.float64],
    likely: Mapping[str, float] = _NONE,
    learnt: Collection[str] = (),
) -> tuple[str, ...]:
    """Return up to three codes, the strongest first; none for a score that is not low.

    Args:
        score: The item's score, 0 to 1.
        names: Names of the metrics.
        excess: How far each lies below (negative) or above its usual range, in clean spreads.
        likely: Defects that the evidence is for, with their scores.
        learnt: All defects that the head has learnt.
    """
    if score >= LOW_SCORE:
        return ()
    votes: dict[str, float] = {}
    for name, distance in zip(names, excess.tolist(), strict=True):
        code = CODES.get(name, (None, None))[distance > 0]
        if code is not None and code not in learnt and abs(distance) >= _LEAST:
            votes[code] = max(votes.get(code, 0.0), abs(distance))
    return (*_strongest(likely), *_strongest(votes))[:MOST]


def _strongest(votes: Mapping[str, float]) -> list[str]:
    return sorted(votes, key=lambda code: (-votes[code], code))
