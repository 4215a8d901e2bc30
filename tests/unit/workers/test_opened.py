"""What is worked out of an item, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from schemas.items import RawItem
from tests.unit.workers.samples import encoded, item
from workers.decode import InlineDecoder
from workers.media import Picture
from workers.metrics import STANDARD, Metric, MetricSet, metric, shared
from workers.opened import Opened
from workers.results import Counts


class Counted:
    """Metrics that count how often each is worked out."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

        @shared
        def halves(picture: Picture) -> float:
            self.calls["halves"] += 1
            return float(picture.rgb.shape[0]) / 2

        @metric("picture")
        def half(picture: Picture) -> float:
            """Return half of the height."""
            return halves(picture)

        @metric("picture")
        def quarter(picture: Picture) -> float:
            """Return a quarter of the height."""
            return halves(picture) / 2

        @metric("picture", high=1.0)
        def beyond(picture: Picture) -> float:
            """Return what is too much."""
            return halves(picture)

        self.set = MetricSet([self._counting(one) for one in (half, quarter, beyond)])

    def _counting(self, one: Metric) -> Metric:
        def function(medium: Picture) -> float:
            self.calls[one.name] += 1
            return one.function(medium)

        return replace(one, function=function)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def picture(size: int = 40) -> RawItem:
    return item(encoded(np.full((size, size, 3), 7, np.uint8)), "video-frame", "image/png")


def opened(metrics: MetricSet, one: RawItem | None = None) -> Opened:
    return Opened(one or picture(), None, InlineDecoder(), metrics, Counts())


def test_what_several_metrics_need_is_worked_out_once(counted: Counted) -> None:
    one = opened(counted.set)
    assert one.metrics == {"half": 20.0, "quarter": 10.0}
    assert counted.calls == {"halves": 1, "half": 1, "quarter": 1, "beyond": 1}
    assert one.reasons == ("metric_failed_beyond",)


def test_of_what_rules_ask_for_nothing_else_is_measured(counted: Counted) -> None:
    one = opened(counted.set)
    assert one.asked.get("quarter") == 10.0
    assert one.asked.get("nothing") is None
    assert one.asked.get("beyond") is None
    assert counted.calls == {"halves": 1, "quarter": 1, "beyond": 1}
    assert one.metrics == {"half": 20.0, "quarter": 10.0}  # in their order, whichever came first
    assert counted.calls == {"halves": 1, "half": 1, "quarter": 1, "beyond": 2}
    assert dict(one.asked) == one.metrics
    assert counted.calls["half"] == 1


def test_of_two_media_nothing_is_mixed(counted: Counted) -> None:
    one, other = opened(counted.set, picture(40)), opened(counted.set, picture(80))
    assert one.asked["half"] == 20.0
    assert other.asked["half"] == 40.0
    assert (one.metrics["quarter"], other.metrics["quarter"]) == (10.0, 20.0)


def test_asked_for_one_by_one_the_values_are_those_of_all_at_once() -> None:
    rng = np.random.default_rng(2)
    frame = item(encoded(rng.integers(0, 255, (60, 80, 3), np.uint8)), "video-frame", "image/png")
    one, whole = opened(STANDARD, frame), opened(STANDARD, frame)
    assert {name: one.asked[name] for name in reversed(whole.metrics)} == whole.metrics
