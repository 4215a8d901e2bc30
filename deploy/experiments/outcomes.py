"""Named outcomes: what is compared between both sides of an experiment. Each is true or false of a parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.policy import Action

OUTCOMES: Final[Mapping[str, str]] = {
    "wrong": "accepted and bad, or rejected and good",
    "false_accept": "accepted and bad",
    "false_reject": "rejected and good",
    "accept": "accepted",
    "review": "sent to review",
    "reject": "rejected",
}
"""Each outcome in words, by its name."""

LABELLED: Final = frozenset({"wrong", "false_accept", "false_reject"})
"""Those that only a label can tell."""


def happened(outcome: str, action: str, *, bad: bool) -> bool:
    """Return whether a decision has an outcome; `bad` is what the label says, and counts for some outcomes alone."""
    accepted_bad = action == Action.ACCEPT and bad
    rejected_good = action == Action.REJECT and not bad
    if outcome == "wrong":
        return accepted_bad or rejected_good
    if outcome == "false_accept":
        return accepted_bad
    if outcome == "false_reject":
        return rejected_good
    return action == outcome
