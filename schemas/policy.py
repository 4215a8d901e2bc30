"""The policy: how the scores of a parent become one action. A document that people write."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, field_serializer, model_validator

from schemas.base import Document
from schemas.experiments import Arm, ExperimentName, SplitShare, arm_of
from schemas.itemrules import MAX_ITEM_RULES, ItemRule
from schemas.items import Identifier
from schemas.windows import Milliseconds, Whole, WindowRule

ANY = "*"  # stands for every kind, or every source

MAX_LATE_MS = 86_400_000  # a day; a decider remembers for at least as long

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Label(StrEnum):
    """The band that a parent's score falls in."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    REJECTED = "rejected"


class Action(StrEnum):
    """Where a decision is sent; also the name of its topic."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


DEFAULT_ACTIONS = {
    Label.HIGH: Action.ACCEPT,
    Label.MEDIUM: Action.ACCEPT,
    Label.LOW: Action.REVIEW,
    Label.REJECTED: Action.REJECT,
}


MethodName = Literal["mean", "median", "min", "trimmed_mean", "quantile", "share_below"]


class Method(Document):
    """How the scores of a parent's items become one score."""

    name: MethodName = "median"
    median: Literal["mid", "low"] = Field(
        default="mid", description="Of an even number of scores: the mean of the two in the middle, or the lower one."
    )
    trim: Annotated[float, Field(ge=0.0, lt=0.5)] = Field(
        default=0.25, description="Share of the scores that trimmed_mean drops at each end, rounded down to items."
    )
    q: Share = Field(
        default=0.1, description="Which quantile, interpolated between the two nearest scores: 0 is the lowest score."
    )
    threshold: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.4, description="share_below: the parent's score is 1 minus the share of items that score below it."
    )


class Thresholds(Document):
    """Lower edges of the labels' bands, which leave no gap: [high,1], [medium,high), [low,medium), [0,low)."""

    high: float = 0.7
    medium: float = 0.4
    low: float = 0.2

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0.0 < self.low < self.medium < self.high <= 1.0:
            found = f"low={self.low} medium={self.medium} high={self.high}"
            raise ValueError(f"thresholds must satisfy 0 < low < medium < high <= 1, not {found}")
        return self


class Completeness(Document):
    """When there is enough to decide on. What falls short goes to review, with its reason."""

    min_scored: Annotated[int, Field(ge=1)] = Field(default=1, description="Fewer scored items: review.")
    max_missing: Share = Field(
        default=0.0, description="A larger share of the expected items without any answer: review."
    )
    failed_as: Literal["zero", "missing"] = Field(
        default="zero", description="An item that could not be read counts as score 0, or as one that never came."
    )
    missing_as: Literal["nothing", "zero"] = Field(
        default="nothing", description="An item that never came has no part in the score, or counts as score 0."
    )


class Late(Document):
    """What becomes of an item that is answered after its window was decided."""

    rule: Literal["count", "revise"] = Field(
        default="count", description="Counted only, or answered by a revision of the decision."
    )
    allowed_ms: Annotated[Milliseconds, Field(le=MAX_LATE_MS)] = Field(
        default=600_000, description="After the decision, in stream time: later than that an item is counted only."
    )


class Audit(Document):
    """Shares of the decisions that are marked for a person to check, drawn by a hash of parent and window."""

    accept: Share = 0.0
    reject: Share = 0.0


class PassRate(Document):
    """The share of accepted parents that is expected. Outside of it, `sluice monitor` raises an alarm."""

    low: Share = 0.0
    high: Share = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"the expected pass rate must satisfy low <= high, not low={self.low} high={self.high}")
        return self


class Rule(Document):
    """What applies to the parents of one kind and source."""

    kind: Identifier = ANY
    source: Identifier = ANY
    window: WindowRule = Whole()
    method: Method = Method()
    thresholds: Thresholds = Thresholds()
    actions: dict[Label, Action] = Field(default_factory=lambda: dict(DEFAULT_ACTIONS))
    review_flag: frozenset[Label] = Field(
        default=frozenset({Label.MEDIUM}), description="Labels whose decisions carry the review flag."
    )
    completeness: Completeness = Completeness()
    idle_ms: Milliseconds = Field(default=60_000, description="Nothing new for that long: close.")
    max_age_ms: Milliseconds = Field(default=3_600_000, description="Open for that long: close.")
    late: Late = Late()
    early: bool = Field(
        default=False, description="Decide as soon as no remaining item can change the action; skip the others."
    )
    items: Annotated[tuple[ItemRule, ...], Field(max_length=MAX_ITEM_RULES)] = Field(
        default=(), description="Rules about single items; workers apply them before the encoder, cheap ones first."
    )
    audit: Audit = Audit()
    expected_pass_rate: PassRate | None = None
    bad_below: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        default=0.5, description="A parent is bad when its label is below this; thresholds are calibrated by it."
    )
    uncalibrated_may_reject: bool = Field(
        default=False, description="Off: a head that is not calibrated sends to review what it would reject."
    )

    @field_serializer("review_flag")
    def _in_the_labels_order(self, labels: frozenset[Label]) -> list[Label]:
        """A set has another order in each process, and the digest would differ with it."""
        return [label for label in Label if label in labels]

    @model_validator(mode="after")
    def _every_label_has_an_action(self) -> Self:
        absent = [label.value for label in Label if label not in self.actions]
        if absent:
            raise ValueError(f"actions must name every label; missing: {', '.join(absent)}")
        return self

    @model_validator(mode="after")
    def _item_rules_have_names_of_their_own(self) -> Self:
        names = [rule.name for rule in self.items]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two rules about items are named {twice}; give each a name of its own")
        return self

    @model_validator(mode="after")
    def _early_needs_the_whole_parent(self) -> Self:
        if self.early and self.window.by != "whole":
            raise ValueError(f"early: true needs window: {{by: whole}}, not {{by: {self.window.by}}}")
        return self


class Experiment(Document):
    """A candidate for a share of the parents: with other thresholds, other rules, or neither and another head.

    A parent's arm follows from the experiment's name and the parent's id (`schemas/experiments.py`), as it does in
    workers that are started with a candidate head of that name and share.
    """

    name: ExperimentName = Field(description="Another name splits the same parents in another way.")
    share: SplitShare = Field(description="Of the parents, for the candidate.")
    thresholds: Thresholds | None = Field(default=None, description="The candidate's, in all rules.")
    rules: list[Rule] = Field(
        default=[], description="The candidate's: each in the place of the one for its kind and source, or beside them."
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.thresholds is not None and self.rules:
            raise ValueError("an experiment has thresholds or rules, not both; write the thresholds into the rules")
        if len({(rule.kind, rule.source) for rule in self.rules}) != len(self.rules):
            raise ValueError("an experiment has two rules for one kind and source; keep one")
        return self


class Policy(Document):
    """A named, versioned set of rules.

    The most specific rule wins: kind and source, then kind alone, then source alone, then neither.
    """

    name: Identifier
    version: Annotated[int, Field(ge=1)] = 1
    rules: Annotated[list[Rule], Field(min_length=1)]
    experiment: Experiment | None = None

    @model_validator(mode="after")
    def _one_rule_each(self) -> Self:
        scopes = [(rule.kind, rule.source) for rule in self.rules]
        if len(set(scopes)) != len(scopes):
            twice = next(scope for scope in scopes if scopes.count(scope) > 1)
            raise ValueError(f"two rules for kind={twice[0]} source={twice[1]}; keep one")
        if (ANY, ANY) not in scopes:
            raise ValueError("a rule for kind=* source=* is needed, so that no parent is left without one")
        return self

    @model_validator(mode="after")
    def _both_arms_have_the_same_windows(self) -> Self:
        """Refuse a candidate that cuts parents otherwise, or has other rules about items: workers know no arms."""
        scopes = [(rule.kind, rule.source) for rule in self.rules_in(Arm.CANDIDATE)]
        for scope in scopes:
            control, candidate = (self.rule_for(*scope, arm) for arm in Arm)
            if (control.window, control.items) != (candidate.window, candidate.items):
                raise ValueError(
                    f"the experiment's rule for kind={scope[0]} source={scope[1]} must have the window and the items of"
                    " the rule that applies without it"
                )
        return self

    @property
    def reference(self) -> str:
        """Name and version, as in `night@3`: the key of the document on its topic."""
        return f"{self.name}@{self.version}"

    def arm_for(self, parent_id: str) -> Arm | None:
        """Return a parent's arm; None where the policy has no experiment."""
        own = self.experiment
        return None if own is None else arm_of(own.name, own.share, parent_id)

    def rules_in(self, arm: Arm | None) -> list[Rule]:
        """Return the rules of an arm."""
        own = self.experiment
        if own is None or arm is not Arm.CANDIDATE:
            return self.rules
        if own.thresholds is not None:
            return [rule.model_copy(update={"thresholds": own.thresholds}) for rule in self.rules]
        replaced = {(rule.kind, rule.source) for rule in own.rules}
        return [*(rule for rule in self.rules if (rule.kind, rule.source) not in replaced), *own.rules]

    def rule_for(self, kind: str, source: str, arm: Arm | None = None) -> Rule:
        """Return the most specific rule for a parent's kind and source, in its arm."""
        by_scope = {(rule.kind, rule.source): rule for rule in self.rules_in(arm)}
        for scope in ((kind, source), (kind, ANY), (ANY, source)):
            if scope in by_scope:
                return by_scope[scope]
        return by_scope[ANY, ANY]
