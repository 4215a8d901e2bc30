"""Rules about single items, as a worker applies them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.items import RawItem
from schemas.policy import Policy
from tests.unit.workers.heads import METRICS, MeanLevel, write
from tests.unit.workers.samples import encoded, item
from tests.unit.workers.test_scorer import CountingDecoder, DictCache
from workers.domains import Domain
from workers.heads import Head
from workers.metrics import METRICS_VERSION
from workers.results import Ruled, Scored, Skipped
from workers.rulebook import PolicyRules
from workers.scorer import Scorer


class FirstSeen:
    """Remembers content by the id of the item that brought it first, as Redis would."""

    def __init__(self) -> None:
        self.first: dict[bytes, str] = {}

    def earlier(self, item: RawItem, hours: float) -> str | None:
        assert hours > 0
        first = self.first.setdefault(item.value, item.envelope.id)
        return None if first == item.envelope.id else first


def policy(*items: dict[str, Any], version: int = 1) -> Policy:
    rules = [{}, {"kind": "video-frame", "items": items}]
    return Policy.model_validate({"name": "gate", "version": version, "rules": rules})


def frame(level: int, index: int) -> RawItem:
    pixels = np.full((40, 50, 3), level, dtype=np.uint8)
    pixels[::2, ::2] += np.uint8(index % 7)
    return item(encoded(pixels), "video-frame", "image/png", id=f"p/{index}", index=index)


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    write(tmp_path)
    encoder = MeanLevel()
    return Domain(encoder, Head.load(tmp_path, encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION)))


DARK = {"name": "dark", "when": {"check": "metric", "metric": "brightness", "min": 0.2}, "then": "zero"}
AGAIN = {"name": "again", "when": {"check": "duplicate"}, "then": "skip"}
LARGE = {"name": "large", "when": {"check": "length", "unit": "bytes", "max": 10}, "then": "review"}


def test_an_item_that_a_rule_stops_costs_no_encoder_call_and_the_counts_add_up(domain: Domain) -> None:
    decoder = CountingDecoder()
    book = PolicyRules(policy(DARK, AGAIN, LARGE))
    scorer = Scorer({"video-frame": domain}, decoder=decoder, rules=book, seen=FirstSeen())
    twice = frame(200, 0)
    copy = item(twice.value, "video-frame", "image/png", id="p/9", index=9)
    results = scorer.score([twice, frame(10, 1), copy, frame(120, 3)])
    assert results[1] == Ruled("dark", "gate@1", flags=("large",))
    assert results[2] == Skipped("again", "gate@1", duplicate_of="p/0")
    for scored in (results[0], results[3]):
        assert isinstance(scored, Scored)
        assert scored.flags == ("large",)
        assert "large" in scored.reasons
    found = scorer.counts.snapshot()
    assert (found["encoder_calls"], decoder.calls) == (2, 3)  # the copy was not even decoded
    assert found["scored"] + found["ruled"] + found["skipped"] == 4
    assert {name: count for name, count in found.items() if name.startswith("rule/")} == {
        "rule/again": 1,
        "rule/dark": 1,
        "rule/large": 3,
    }


def test_rules_see_the_same_from_the_cache(domain: Domain) -> None:
    decoder = CountingDecoder()
    scorer = Scorer({"video-frame": domain}, decoder=decoder, cache=DictCache(), rules=PolicyRules(policy()))
    assert isinstance(scorer.score([frame(10, 0)])[0], Scored)
    strict = Scorer(
        {"video-frame": domain}, decoder=decoder, cache=scorer.cache, rules=PolicyRules(policy(DARK, version=2))
    )
    assert strict.score([frame(10, 0)]) == [Ruled("dark", "gate@2")]
    assert decoder.calls == 1


def test_another_policy_is_followed_from_the_next_item_on(domain: Domain) -> None:
    book = PolicyRules(policy())
    scorer = Scorer({"video-frame": domain}, rules=book)
    assert isinstance(scorer.score([frame(10, 0)])[0], Scored)
    book.follow(policy(DARK, version=2))
    assert scorer.score([frame(10, 0)]) == [Ruled("dark", "gate@2")]
    assert book.rules_for("mri-slice", "lab") is None
