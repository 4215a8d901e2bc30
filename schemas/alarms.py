"""What is told on the topic `alarms`: pass rates by `sluice monitor`, realised risk by `sluice risk`.

An alarm changes nothing by itself.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Record
from schemas.decisions import Count
from schemas.items import Identifier, Sha256
from schemas.policy import PassRate, Share


class AlarmPolicy(Record):
    """The policy version whose band applies."""

    name: Identifier
    version: Annotated[int, Field(ge=1)]
    digest: Sha256


class ActionCounts(Record):
    """The decisions of the window, by action."""

    accept: Count
    review: Count
    reject: Count


class Alarm(Record):
    """A pass rate left its expected band, or came back to it."""

    type: Literal["Alarm"] = "Alarm"
    id: Identifier = Field(
        description="UUID version 5 of what is told: two monitors, or one that was killed, tell it under the same id."
    )
    state: Literal["raised", "cleared"]
    why: Literal["below", "above", "within", "quiet"] = Field(
        description="`within`: back in the band; `quiet`: nothing was decided in all windows that the monitor keeps."
    )
    source: Identifier
    kind: Identifier
    policy: AlarmPolicy
    window_start: int = Field(description="Of the window that was judged: `decided_at`, ms since 1970 UTC; included.")
    window_end: int = Field(description="Not included.")
    rate: Share | None = Field(default=None, description="Accepted of all decisions; None where there was none.")
    expected: PassRate = Field(description="The band of the policy's rule; its edges belong to it.")
    counts: ActionCounts
    told_at: int = Field(description="The monitor's clock, ms since 1970 UTC.")


class RiskAlarm(Record):
    """More of the accepted parents are bad than was guaranteed, as far as audits tell.

    It is told once for one guarantee, when the sequential test first says so; there is no record that takes it back.
    """

    type: Literal["RiskAlarm"] = "RiskAlarm"
    id: Identifier = Field(description="UUID version 5 of the guarantee and of the audit that raised it.")
    state: Literal["raised"] = "raised"
    alpha: Share = Field(description="At most this share of the accepted was to be bad,")
    delta: Share = Field(description="with confidence 1 - delta.")
    calibration: Sha256 | None = Field(default=None, description="Digest of the labels that the guarantee rests on.")
    audits: Count = Field(description="Accepted parents that a person has checked, up to the one that raised it.")
    bad: Count = Field(description="Of them.")
    sources: tuple[Identifier, ...]
    kinds: tuple[Identifier, ...]
    policies: tuple[Identifier, ...] = Field(description="name@version of those that accepted.")
    raised_by: Identifier = Field(description="Id of the label that raised it.")
    told_at: int = Field(description="The clock of who told it, ms since 1970 UTC.")
