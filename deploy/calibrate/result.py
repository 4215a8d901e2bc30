"""What a calibration found: `calibration.json`. It holds no date, so that the same labels give the same bytes."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from schemas.base import Record
from schemas.items import Identifier, Sha256
from schemas.policy import Share

FILE: Final = "calibration.json"
POLICY: Final = "policy.yaml"
REPORT: Final = "report.html"
Count = Annotated[int, Field(ge=0)]


class PolicyNamed(Record):
    """A policy by name, version and digest."""

    name: Identifier
    version: Count
    digest: Sha256


class Validity(Record):
    """What a claim is valid for: parents like those that were judged. Anything else is another question."""

    sources: tuple[Identifier, ...]
    kinds: tuple[Identifier, ...]
    scorers: tuple[Identifier, ...] = Field(description="Digests of encoder, weights, preprocessing and head.")
    policy: PolicyNamed = Field(description="Whose windows, method and rules about items made the scores.")
    causes: tuple[Identifier, ...] = Field(description="What had closed their windows.")
    unseen_groups: bool = Field(description="Also for patients, cameras or sites without a label.")
    marginal: bool = Field(description="Over all of its sources and kinds together, and not for each of them.")
    unjudged: tuple[tuple[Identifier, Identifier], ...] = Field(
        description="Kinds and sources that get the threshold as well and had decisions, but no label: not valid for."
    )


class OfSource(Record):
    """What the labels of one source say at the threshold. It is no part of the claim."""

    source: Identifier
    kind: Identifier
    labels: Count
    bad: Count
    accepted_labels: Count
    accepted_bad: Count
    risk: Share | None = Field(description="Estimated share of bad ones among its accepted parents.")
    low: Share | None = Field(default=None, description="95% interval of it (Clopper and Pearson), if drawn equally.")
    high: Share | None = None


class Option(Record):
    """A threshold that was found in another way, and is guaranteed by nothing."""

    name: Identifier
    threshold: Share | None
    accepted: Share
    reviewed: Share
    rejected: Share
    risk: Share | None
    words: str


class Drawn(Record):
    """How many decisions of one action there are, and how many of them its labels stand for (sum of 1/probability)."""

    action: Identifier
    decisions: Count
    labels: Count
    stands_for: float


class Part(Record):
    """One claim: about the parents that one rule applies to, or about one source or kind of them."""

    scopes: tuple[tuple[Identifier, Identifier], ...] = Field(description="Kinds and sources that get the threshold.")
    valid_for: Validity
    delta: Share = Field(description="Its part of delta.")
    threshold: Share | None = Field(description="Accepted from here on; None: everything goes to review.")
    found: Share | None = Field(description="The same before it was raised to `floor`.")
    floor: Share | None = Field(default=None, description="The lowest score that the labels say anything about.")
    accepted: Share = Field(description="Estimated share of all parents that is accepted.")
    upper_bound: Share
    method: Identifier
    labels: Count
    bad: Count
    accepted_labels: Count
    accepted_bad: Count
    least_labels: Count
    claim: str
    sources: tuple[OfSource, ...]
    drawn: tuple[Drawn, ...]
    alternatives: tuple[Option, ...] = ()
    notes: tuple[str, ...] = ()


class LeftOut(Record):
    """Labels that were not used, and why; the first ten parents are named."""

    reason: Identifier
    words: str
    count: Count
    parents: tuple[Identifier, ...]


class Calibration(Record):
    """A threshold with a guarantee, or several; and that there is none.

    With several parts, `threshold` is the strictest, `upper_bound` the largest and the counts are sums.
    """

    type: Literal["Calibration"] = "Calibration"
    format: Literal[1] = 1
    alpha: Share
    delta: Share
    run: Count = Field(description="The how-manieth calibration of the policy; later ones get less of delta.")
    seed: int
    threshold: Share | None
    accepted: Share
    upper_bound: Share
    method: Identifier
    labels: Count
    bad: Count
    least_labels: Count
    claim: str
    valid_for: Validity
    candidate: PolicyNamed = Field(description="The policy that was written beside this.")
    parts: tuple[Part, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()
    replay: Sha256 | None = Field(default=None, description="Id of the replay that decided; None: the live decisions.")
    labels_digest: Sha256 = Field(description="Of the labels that were used.")
    through_at: Count = Field(description="Stream time of the last window that was used: ms since 1970 UTC.")
