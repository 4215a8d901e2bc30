"""Which arm of an experiment a parent is in: a function of the experiment's name and the parent's id alone."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

ExperimentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,60}$")]
"""Letters, digits, dashes and underscores: it is a part of the names of topics too."""

SplitShare = Annotated[float, Field(gt=0.0, lt=1.0)]


class Arm(StrEnum):
    """One side of an experiment."""

    CONTROL = "control"
    CANDIDATE = "candidate"


def arm_of(experiment: str, share: float, parent_id: str) -> Arm:
    """Return a parent's arm.

    It has nothing to do with the parent's partition, which is a hash as well: experiments with other names split the
    same parents in another way, and so do other partition counts not at all.

    Args:
        experiment: its name.
        share: of the parents that are in the candidate's arm, in (0,1).
        parent_id: of the parent.
    """
    digest = hashlib.sha256(f"{experiment}\n{parent_id}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    return Arm.CANDIDATE if drawn < share else Arm.CONTROL
