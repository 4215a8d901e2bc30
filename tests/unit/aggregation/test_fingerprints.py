"""Decisions that are remembered by eight bytes: recognised for as long as was asked, and few arrays to look through."""

from __future__ import annotations

from random import Random

import pytest

from aggregation import known
from aggregation.known import GENERATIONS


@pytest.mark.parametrize("seed", range(5))
def test_what_was_decided_lately_is_recognised_and_nothing_else(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(known, "_LOOSE", 16)
    monkeypatch.setattr(known, "_LARGEST", 256)
    draw, span, time = Random(seed), 1_000, 0
    kept = known._Fingerprints(span)
    added: dict[str, int] = {}
    for number in range(3_000):
        time += draw.randrange(6)
        kept.add(f"parent-{number}", time)
        added[f"parent-{number}"] = time // span
        if number % 100 == 0:
            kept.expire(time)
            recent = [key for key, generation in added.items() if generation >= time // span - GENERATIONS]
            assert all(map(kept.has, recent))
            assert not any(kept.has(f"{key}-again") for key in recent)
    assert all(list(ordered) == sorted(ordered) for _, ordered in kept._sealed)
    assert len(kept._sealed) < 10 * GENERATIONS
