"""Decisions and labels of an experiment, made up."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from deploy.experiments.decided import Decided, Seen, decided
from deploy.experiments.observing import Asked
from schemas.experiments import Arm, arm_of
from schemas.labels import LabelGiven

NAME, SHARE = "sharper", 0.5


def seen(parent: str, action: str = "accept", *, arm: Arm | None = None, **changed: Any) -> Seen:
    drawn = {} if arm is None else {"experiment": {"name": NAME, "share": SHARE, "arm": arm.value}}
    fields: dict[str, Any] = {
        "type": "Decision",
        "parent_id": parent,
        "kind": "image",
        "window": "whole",
        "action": action,
        "cause": "complete",
        "counts": {"scored": 3, "failed": 0, "skipped": 0, "missing": 0, "duplicate": 0},
        "policy": {"name": "p", "version": 1, "digest": "0" * 64, "rule": {"bad_below": 0.5}, **drawn},
        "timings": {"first_item_at": 0, "decided_at": int(parent.rpartition("-")[2])},
    }
    return msgspec.convert({**fields, **changed}, Seen)


def label(parent: str, value: float, at: int = 0, **more: Any) -> LabelGiven:
    return LabelGiven(id=parent, parent_id=parent, value=value, who="ann", at=at, **more)


def side(actions: dict[str, str], **changed: Any) -> Decided:
    return decided(seen(parent, action, **changed) for parent, action in actions.items())


def asked(outcome: str = "wrong", *labels: LabelGiven) -> Asked:
    return Asked(outcome, {(one.parent_id, one.window): one for one in labels})


def split(rates: dict[Arm, float], parents: int = 2_000) -> Decided:
    rng = np.random.default_rng(8)
    found = []
    for number in range(parents):
        parent = f"clip-{number}"
        arm = arm_of(NAME, SHARE, parent)
        found.append(seen(parent, "review" if rng.random() < rates[arm] else "accept", arm=arm))
    return decided(found)
