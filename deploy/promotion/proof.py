"""What speaks for a candidate, and what a gate says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.promotion.evidence import CaseProof, RiskProof
from workers.watch.judge import Finding

SHORT: Final = 12
"""Digits of a digest, for people."""


@dataclass(frozen=True, slots=True)
class CanaryFinding:
    """What the canaries of one head showed, or why they could not be scored."""

    kind: str
    scorer: str
    canaries: int
    finding: Finding | None
    problem: str = ""

    @property
    def passed(self) -> bool:
        """Whether they score as recorded."""
        return self.finding is not None and self.finding.passed


@dataclass(frozen=True, slots=True)
class Suite:
    """The test cases that every promotion has to pass."""

    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What a person brings for a candidate.

    Attributes:
        canaries: of the candidate's head, or of the heads whose scores a policy decides by.
        cases: the result of model test cases.
        risk: a calibration.
        max_step: how far a threshold may move.
        max_risk: the largest alpha and delta that a calibration may have.
        suite: the test cases that a promotion has to pass; None: whichever were run.
        without_canaries: those of the heads whose scores a policy decides by were left out on purpose.
    """

    canaries: tuple[CanaryFinding, ...] = ()
    cases: CaseProof | None = None
    risk: RiskProof | None = None
    max_step: float = 0.1
    max_risk: tuple[float, float] = (0.2, 0.2)
    suite: Suite | None = None
    without_canaries: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate: its name, the reasons why it is red, and what to tell of it where it is green."""

    name: str
    problems: tuple[str, ...]
    told: str = ""

    @property
    def passed(self) -> bool:
        """Whether it is green."""
        return not self.problems
