"""Test cases of a head or policy: assertions about slices of its decisions. A document that people write."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Document, Record
from schemas.items import Identifier, Sha256
from schemas.replays import ReplayPolicy
from schemas.scores import Score

CaseMetric = Literal[
    "false_accept_rate",
    "false_reject_rate",
    "held_back_rate",
    "bad_among_accepted",
    "wrong_rate",
    "accept_rate",
    "mean_score",
    "auc",
]
NUMBER: Final = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]-?[0-9]+)?"
_ASSERTION: Final = re.compile(rf"\s*(<=|>=|<|>)\s*({NUMBER})\s*")

Count = Annotated[int, Field(ge=0)]


class ModelCase(Document):
    """One case: what must hold of the decisions in a slice."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    where: Annotated[str, Field(min_length=1, max_length=4_000)] | None = Field(
        default=None, description="Which parents, as `sluice items --where` has it; without it, all."
    )
    metric: CaseMetric
    assertion: str = Field(
        pattern=rf"^\s*(<=|>=|<|>)\s*{NUMBER}\s*$", description='One of <=, <, >=, > and a number, such as "<= 0.05".'
    )
    least: Annotated[int, Field(ge=1)] = Field(
        default=30, description="How many parents the metric must be about; with fewer the case is not passed."
    )
    judge_by: Literal["interval", "point"] = Field(
        default="interval", description="The whole 95% interval must hold, or the figure alone."
    )

    @property
    def bound(self) -> tuple[str, float]:
        """The comparison and the number of the assertion."""
        match = _ASSERTION.fullmatch(self.assertion)
        if match is None:
            raise ValueError(f"{self.assertion!r} is no assertion")
        return match[1], float(match[2])


class ModelCases(Document):
    """Cases that every candidate is run against."""

    name: Identifier
    level: Annotated[float, Field(ge=0.5, lt=1.0)] = Field(
        default=0.95, description="What the intervals are to cover: each case's own, on two sides."
    )
    cases: Annotated[list[ModelCase], Field(min_length=1, max_length=1_000)]

    @model_validator(mode="after")
    def _names_of_their_own(self) -> Self:
        names = [case.name for case in self.cases]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two cases are named {twice}; give each a name of its own")
        return self


class CaseResult(Record):
    """What became of one case."""

    name: str
    where: str | None = None
    metric: CaseMetric
    assertion: str
    least: Count
    judge_by: Literal["interval", "point"]
    result: Literal["passed", "failed", "too_few"]
    why: str = Field(description="In a sentence.")
    count: Count = Field(description="Parents that the figure is about; of auc those of the rarer class.")
    value: Score | None = None
    low: Score
    high: Score
    method: str = Field(description="Where the interval comes from.")
    groups: Count = Field(default=0, description="That the parents belong to; 0: each stands for itself.")


class CasesResult(Record):
    """What became of all cases, and which candidate they were run on: its digests, as the replay has them."""

    type: Literal["CasesResult"] = "CasesResult"
    format: Literal[1] = 1
    name: Identifier
    cases_digest: Sha256 = Field(description="Of the document of cases.")
    passed: bool = Field(description="Whether every case passed; too few is not passed.")
    cases: tuple[CaseResult, ...]
    level: float
    replay: Sha256 | None = Field(default=None, description="Id of the replay; None: of what was decided live.")
    heads: dict[Identifier, Sha256] | None = Field(
        default=None, description="Scorer digest for each kind that was scored anew; None: scores as they were live."
    )
    policy: ReplayPolicy | None = Field(default=None, description="That decided all; None: those in force.")
    policies: tuple[str, ...] = Field(default=(), description="Of the decisions: name@version.")
    policy_digests: tuple[Sha256, ...] = Field(default=(), description="Of the decisions, by their documents.")
    scorers: dict[Identifier, tuple[Identifier, ...]] = Field(
        default_factory=dict, description="Of the decisions, by kind."
    )
    equally_drawn: bool = Field(
        default=False, description="Labels were taken as drawn alike on purpose, whatever they say."
    )
    decided: Count = Field(description="Windows that were decided.")
    labelled: Count = Field(description="Of them, those that a label was found for.")
    labels_digest: Sha256 = Field(description="SHA-256 of the labels that were used: parent, window, value, by line.")
    notices: tuple[str, ...] = ()
