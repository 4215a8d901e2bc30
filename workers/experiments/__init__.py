"""Whether a candidate differs from what is live: tests that stay valid however often one looks, and their power. Pure.

Outcomes are binary, such as `wrong` of a parent. In shadow each parent has both (`paired.py`); in an experiment each
parent is in one arm (`twoarms.py`); labels that were drawn with unequal probabilities are weighted (`weighted.py`).
"""

from workers.experiments.bounds import difference_bounds, rate_bounds
from workers.experiments.paired import paired_evidence, sign_test
from workers.experiments.power import Needed, pairs_needed, parents_needed
from workers.experiments.sequential import Standing, State, standing
from workers.experiments.twoarms import fisher_test, two_arm_evidence
from workers.experiments.weighted import mean_evidence

__all__ = [
    "Needed",
    "Standing",
    "State",
    "difference_bounds",
    "fisher_test",
    "mean_evidence",
    "paired_evidence",
    "pairs_needed",
    "parents_needed",
    "rate_bounds",
    "sign_test",
    "standing",
    "two_arm_evidence",
]
