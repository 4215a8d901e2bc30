"""The watch on a guarantee: a sequential test of the realised risk on audited parents, valid under peeking."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.guarantee.bounds import check_levels
from workers.guarantee.errors import GuaranteeError, ProbabilityError

Array = NDArray[np.float64]

MOST_AUDITS: Final = 20_000
"""An excess that takes more audits to show gets no number."""

_STREAMS: Final = 400
_SURE: Final = 0.97


class RiskMonitor:
    """Alarms when the accepted parents are bad more often than alpha; falsely in at most delta of all its lives.

    It bets against "the risk is at most alpha" (Waudby-Smith and Ramdas 2024). A bet of the share g of its capital
    changes it by the factor 1 - g v after a good parent and 1 + g v (1 - alpha) / alpha after a bad one, where v is the
    least probability of an audit over that of this one. While the risk is at most alpha, none of these grows on
    average, nor does their mean over several g and over all times at which they may begin (Shin, Ramdas and Rinaldo
    2024); so the chance that the mean ever reaches 1 / delta is at most delta (Ville). One may look after each audit.
    That a bet begins anew with each audit, with 1 / (s (s + 1)) of the capital at the s-th, makes a late drift seen.

    Give it each audited parent that was accepted, once, in the order of the decisions.
    """

    def __init__(self, alpha: float, delta: float, *, least_probability: float | None = None) -> None:
        """Start with no audit seen.

        Args:
            alpha: the risk that was guaranteed.
            delta: how often a false alarm may come, ever.
            least_probability: the smallest with which a parent is ever audited; without it that of the first audit is
                taken, which is then not bet on.

        Raises:
            GuaranteeError: alpha or delta is not within (0,1).
            ProbabilityError: the least probability is not within (0,1].
        """
        check_levels(alpha, delta)
        if least_probability is not None:
            _check_probability(least_probability)
        self.alpha = alpha
        self.delta = delta
        self.least_probability = least_probability
        self.audits = 0
        self.bad = 0
        self.alarmed_at: int | None = None
        self._bets = bets(alpha)
        self._capital = np.zeros(len(self._bets))
        self._begun = 0
        self._weight = self._weight_bad = 0.0
        self._seen: Counter[float] = Counter()

    @property
    def alarmed(self) -> bool:
        """True from the first audit on at which the guarantee was refuted."""
        return self.alarmed_at is not None

    @property
    def evidence(self) -> float:
        """The capital by now, begun with 1; the alarm comes at 1 / delta."""
        return float(self._capital.mean()) + 1.0 / (self._begun + 1)

    @property
    def risk(self) -> float | None:
        """The estimated share of bad ones among the accepted, of all audits so far."""
        return self._weight_bad / self._weight if self.audits else None

    def observe(self, bad: bool, probability: float) -> None:
        """Take in one audited parent that was accepted, and the probability with which it was audited.

        Raises:
            ProbabilityError: it is zero, unknown, above 1, or below the least one.
        """
        _check_probability(probability)
        first = self.least_probability is None
        if self.least_probability is None:
            self.least_probability = probability
        share = self.least_probability / probability
        if share > 1.0 + 1e-9:
            raise ProbabilityError(
                f"a parent was audited with probability {probability:g}, below the least one of "
                f"{self.least_probability:g}: start the monitor with the least probability of all audits"
            )
        self.audits += 1
        self.bad += bool(bad)
        if not first:
            self._bet(bad=bool(bad), share=min(share, 1.0))
        self._weight += share
        self._weight_bad += share * bool(bad)
        self._seen[share] += 1

    def audits_needed(self, excess: float) -> int:
        """Return within how many audits from now on it alarms, in 95 of 100 cases, if the risk is alpha + excess now.

        Counted on simulated streams that begin with what the monitor has seen, with the probabilities that it has seen;
        the same state gives the same number. 0 after an alarm.

        Raises:
            GuaranteeError: alpha + excess is not above alpha and at most 1, or the excess is too small to be shown.
        """
        risk = self.alpha + excess
        if not self.alpha < risk <= 1.0:
            raise GuaranteeError(f"the excess must be above 0 and at most {1 - self.alpha:g}, not {excess}")
        if self.alarmed:
            return 0
        needed = self._simulated(risk)
        if needed is None:
            raise GuaranteeError(f"an excess of {excess:g} is too small to be shown in {MOST_AUDITS:,} audits")
        return needed

    def _simulated(self, risk: float) -> int | None:
        """Return after how many audits at this risk 97 of 100 streams have alarmed: 95, and some for chance."""
        rng = np.random.default_rng(0)
        seen = self._seen or Counter({1.0: 1})
        shares, often = np.array(list(seen)), np.array(list(seen.values())) / seen.total()
        capital = np.tile(self._capital, (_STREAMS, 1))
        alarmed = np.zeros(_STREAMS, dtype=np.bool_)
        stakes = shares[0] * self._bets
        for begun in range(self._begun + 1, self._begun + 1 + MOST_AUDITS):
            if len(shares) > 1:
                stakes = rng.choice(shares, (_STREAMS, 1), p=often) * self._bets
            bad = rng.random((_STREAMS, 1)) < risk
            capital += 1.0 / (begun * (begun + 1))
            capital *= np.where(bad, 1.0 + stakes * (1.0 - self.alpha) / self.alpha, 1.0 - stakes)
            alarmed |= capital.mean(axis=1) + 1.0 / (begun + 1) >= 1.0 / self.delta
            if alarmed.mean() >= _SURE:
                return begun - self._begun
        return None

    def _bet(self, *, bad: bool, share: float) -> None:
        self._begun += 1
        capital = self._capital + 1.0 / (self._begun * (self._begun + 1))
        self._capital = capital * factors(self._bets, self.alpha, share)[int(bad)]
        if not self.alarmed and self.evidence >= 1.0 / self.delta:
            self.alarmed_at = self.audits


def bets(alpha: float) -> Array:
    """Return the shares g of the capital that are bet: the best for an excess of alpha/8, alpha/4, ... up to 1/2.

    For a risk r > alpha the capital grows fastest with g = (r - alpha) / (1 - alpha) (Kelly 1956).
    """
    count = max(1, int(np.log2(0.5 * (1 - alpha) / (alpha / 8))) + 1)
    return np.asarray(np.minimum(alpha / 8 * 2.0 ** np.arange(count) / (1 - alpha), 0.5))


def factors(shares: Array, alpha: float, weight: float) -> Array:
    """Return what a good parent (row 0) and a bad one (row 1) make of the capital of each bet, (2, k)."""
    return np.stack([1.0 - shares * weight, 1.0 + shares * weight * (1.0 - alpha) / alpha])


def _check_probability(probability: float) -> None:
    if not 0.0 < probability <= 1.0:
        raise ProbabilityError(f"the probability of an audit must be above 0 and at most 1, not {probability}")
