"""Paired binary outcomes: both sides judge the same parents, and only parents on which they differ tell anything.

Without a difference, a parent on which they differ is as likely to be the one's as the other's.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from scipy.stats import binomtest

PRIORS: Final = (1.0, 20.0)
"""Beta(a, a) bets on the share of the candidate's: a flat one for clear differences, a narrow one for small ones."""


def sign_test(plus: int, minus: int) -> float:
    """Return the two-sided p-value of the exact McNemar test: a sign test on the parents that differ.

    It holds for one look, at a size that was fixed before.

    Args:
        plus: parents on which the candidate alone has the outcome.
        minus: parents on which the live side alone has it.
    """
    return float(binomtest(plus, plus + minus, 0.5).pvalue) if plus + minus else 1.0


def paired_evidence(differences: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return log e-values (..., n) after each of n parents.

    Against "as likely the one's as the other's" the likelihood ratio of a beta mixture is a martingale that begins at
    1, so that it ever reaches 1/alpha with a probability of at most alpha (Ville 1939; Robbins 1970 for the mixture).
    One may look after every parent, and stop whenever one likes.

    Args:
        differences: (..., n), in the order in which they became known: 1 where the candidate alone has the outcome, -1
            where the live side alone has it, 0 where they agree.
    """
    plus = np.cumsum(differences > 0, axis=-1, dtype=np.int64)
    minus = np.cumsum(differences < 0, axis=-1, dtype=np.int64)
    return counted_evidence(plus, minus)


def counted_evidence(plus: NDArray[np.int64], minus: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the log e-values of counts of parents that differ, each of any shape; see `paired_evidence`."""
    most = int((plus + minus).max(initial=0)) + 1
    logs = [_log_ratio(plus, minus, prior, most) for prior in PRIORS]
    return np.asarray(np.logaddexp.reduce(logs) - np.log(len(PRIORS)) + (plus + minus) * np.log(2.0), dtype=np.float64)


def _log_ratio(plus: NDArray[np.int64], minus: NDArray[np.int64], prior: float, most: int) -> NDArray[np.float64]:
    """Return log B(a + plus, a + minus) / B(a, a), from tables: the counts are small whole numbers."""
    one = gammaln(prior + np.arange(most))
    both = gammaln(2 * prior + np.arange(most))
    start = 2 * one[0] - both[0]
    return np.asarray(one[plus] + one[minus] - both[plus + minus] - start, dtype=np.float64)
