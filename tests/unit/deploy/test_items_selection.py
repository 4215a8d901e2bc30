"""Which items `sluice items` selects, in which order, and their figures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.errors import ConfigurationError
from deploy.items.expression import parse
from deploy.items.query import Query
from deploy.items.reading import Passed, decode, decode_decision
from deploy.items.record import Decided, Item, band, entropy, margin
from deploy.items.words import notes, summary
from tests.unit.aggregation.records import failed
from tests.unit.deploy.itemrows import indices, item, record, selected

SCORES = st.floats(0.0, 1.0)
VALUES = st.none() | st.floats(-1e6, 1e6) | st.integers(-3, 3).map(float)


@st.composite
def _items(draw: st.DrawFn) -> list[Item]:
    count = draw(st.integers(0, 40))
    return [
        item(
            number,
            draw(SCORES),
            kind=draw(st.sampled_from(("image", "mri-slice"))),
            metrics={} if (value := draw(VALUES)) is None else {"plugged_in": value},
        )
        for number in range(count)
    ]


def _value(one: Item) -> float:
    value = one.metrics.get("plugged_in")
    return math.nan if value is None else value


@settings(max_examples=50, deadline=None)
@given(_items(), st.booleans(), st.integers(1, 50), st.randoms(use_true_random=False))
def test_the_first_k_are_those_of_the_whole_order_whatever_order_they_came_in(
    items: list[Item], descending: bool, most: int, random: Any
) -> None:
    items.append(item(99, metrics={"plugged_in": 0.5}))  # so that there is such a metric
    there = sorted((one for one in items if not math.isnan(_value(one))), key=lambda one: one.index)
    there.sort(key=_value, reverse=descending)
    lacking = [one.index for one in items if math.isnan(_value(one))]
    random.shuffle(items)
    with selected(items, Query(sort="plugged_in", descending=descending, most=most)) as found:
        assert indices(found) == ([one.index for one in there] + lacking)[:most]
        assert found.matched == len(items)


@settings(max_examples=50, deadline=None)
@given(_items(), st.sampled_from((1.5, 2.5)))
def test_outliers_are_those_outside_of_the_fences_of_their_kind(items: list[Item], reach: float) -> None:
    items.append(item(99, kind="other", metrics={"plugged_in": 0.5}))
    wanted = set()
    for kind in {one.kind for one in items}:
        own = {one.index: _value(one) for one in items if one.kind == kind and not math.isnan(_value(one))}
        if len(own) >= 4:
            q1, q3 = np.percentile(list(own.values()), (25, 75))
            low, high = q1 - reach * (q3 - q1), q3 + reach * (q3 - q1)
            wanted |= {index for index, value in own.items() if not low <= value <= high}
    with selected(items, Query(outliers="plugged_in", reach=reach)) as found:
        assert set(indices(found)) == wanted
        assert sum(one.outside for one in found.fences) == len(wanted)


@settings(deadline=None)
@given(SCORES, SCORES)
def test_what_the_model_tells_of_itself_follows_the_distance_from_one_half(one: float, other: float) -> None:
    near, far = sorted((one, other), key=lambda score: abs(score - 0.5))
    assert margin(near) <= margin(far)
    assert entropy(near) >= entropy(far) - 1e-12
    order = ("unsure", "likely", "sure")
    assert order.index(band(near)) <= order.index(band(far))


def test_the_ends_and_the_middle_of_what_the_model_tells() -> None:
    assert (entropy(0.5), entropy(0.0), entropy(1.0)) == (1.0, 0.0, 0.0)
    assert (margin(0.5), margin(0.0), margin(1.0)) == (0.0, 1.0, 1.0)
    assert [band(score) for score in (0.5, 0.7, 0.2, 0.9, 0.0)] == ["unsure", "likely", "likely", "sure", "sure"]


@settings(max_examples=50, deadline=None)
@given(_items(), st.booleans(), st.integers(1, 4))
def test_so_many_of_each_kind_are_those_that_each_kind_alone_would_have(
    items: list[Item], descending: bool, most: int
) -> None:
    wanted = []
    for kind in ("image", "mri-slice"):
        with selected(items, Query(descending=descending, most=most, kind=kind)) as alone:
            wanted.append([one for one, _ in alone.rows()])
    wanted.sort(key=lambda rows: [(-one.score if descending else one.score, one.offset) for one in rows[:1]])
    with selected(items, Query(descending=descending, most=most, per="kind")) as found:
        assert [one for one, _ in found.rows()] == [one for rows in wanted for one in rows]


def test_without_an_order_rows_come_as_they_lie_on_the_topic() -> None:
    with selected([item(2, at=7), item(0, at=9), item(1, at=3)]) as found:
        assert indices(found) == [1, 2, 0]


def test_a_count_without_an_order_goes_by_score() -> None:
    items = [item(number, score) for number, score in enumerate((0.5, 0.1, 0.9))]
    with selected(items, Query(most=2)) as found:
        assert indices(found) == [1, 0]
    with selected(items, Query(most=1, descending=True)) as found:
        assert indices(found) == [2]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (Query(kind="mri-slice"), [1]),
        (Query(source="camera"), [2]),
        (Query(parent="q"), [3]),
        (Query(since=1_700_000_000_002), [2, 3]),
        (Query(until=1_700_000_000_002), [0, 1]),
        (Query(where=parse("score > 0.7 and action == 'accept'")), [3]),
    ],
)
def test_items_can_be_asked_for_by_what_they_are(query: Query, wanted: list[int]) -> None:
    items = [item(0), item(1, kind="mri-slice"), item(2, 0.8, source="camera"), item(3, 0.8, parent_id="q")]
    with selected(items, query, {"q": Decided("accept")}) as found:
        assert indices(found) == wanted


def test_an_item_that_was_answered_again_has_one_row_the_last_one() -> None:
    items = [item(0, 0.2), item(1, 0.3), item(0, 0.9, at=5), item(2, 0.1), item(0, 0.7, at=6)]
    with selected(items) as found:
        assert [(one.index, one.score) for one, _ in found.rows()] == [(1, 0.3), (2, 0.1), (0, 0.7)]
        assert found.repeated == 2
        assert "2 earlier answers" in " ".join(notes(found, Passed()))
    with selected(items, Query(where=parse("score < 0.5"))) as found:
        assert indices(found) == [1, 2]


def test_figures_are_of_all_that_match_and_say_what_is_missing() -> None:
    items = [item(number, number / 10, metrics={"snr": float(number)} if number else {}) for number in range(6)]
    with selected(items, Query(sort="snr", most=2)) as found:
        score, snr = found.figures
        assert (score.name, score.n, score.low, score.median, score.high) == ("score", 6, 0.0, 0.25, 0.5)
        assert (snr.name, snr.n, snr.missing, snr.q1, snr.median, snr.q3, snr.mean) == ("snr", 5, 1, 2.0, 3.0, 4.0, 3.0)
        assert list(notes(found, Passed())) == ["1 of those that match have no snr: they come last"]


def test_too_few_values_have_no_outliers_and_it_is_said() -> None:
    items = [item(number, metrics={"snr": 10.0**number}) for number in range(3)]
    with selected(items, Query(outliers="snr")) as found:
        assert not indices(found)
        assert "fewer than 4 items of image have snr" in " ".join(notes(found, Passed()))


@pytest.mark.parametrize(
    "query", [Query(sort="sharpnes"), Query(outliers="sharpnes"), Query(columns=("sharpnes",), most=1)]
)
def test_a_metric_that_no_item_has_is_an_error_with_near_ones(query: Query) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"no item has a metric 'sharpnes'\. Did you mean sharpness\?"),
        selected([item(0, metrics={"sharpness": 1.0})], query),
    ):
        pass


def test_only_numbers_have_an_order() -> None:
    with pytest.raises(ConfigurationError, match="--sort kind: kind is no number"):
        Query(sort="kind")
    with pytest.raises(ConfigurationError, match="--from must be before --to"):
        Query(since=2, until=2)
    with pytest.raises(ConfigurationError, match="--per parent needs --top or --bottom"):
        Query(per="parent")
    with pytest.raises(ConfigurationError, match="--iqr nan"):
        Query(reach=math.nan)


def test_a_metric_with_the_name_of_a_field_can_be_told_from_it() -> None:
    items = [item(number, 0.1 * number, metrics={"score": -float(number)}) for number in range(3)]
    with selected(items, Query(sort="metrics.score")) as found:
        assert indices(found) == [2, 1, 0]
    with selected(items, Query(sort="score", where=parse("metrics.score < 0"))) as found:
        assert indices(found) == [1, 2]


def test_records_of_others_are_passed_over() -> None:
    assert decode(failed("p", 1), 0, 0) == "ItemFailed"
    assert decode(b'{"type":"NewerThanThis"}', 0, 0) == "NewerThanThis"
    for value in (None, b"", b"\xff", b"[]", b'{"type":"ItemScored"}', record(0).replace(b'"score":0.5', b'"score":7')):
        assert decode(value, 0, 0) is None
    assert decode_decision(b'{"type":"Retraction","parent_id":"p"}') is None


def test_the_summary_says_how_many_of_how_many() -> None:
    passed = Passed()
    passed.others.update({"ItemFailed": 2, "ParentEnded": 1})
    with selected([item(0), item(1, kind="other"), item(2)], Query(where=parse("index < 2"))) as found:
        told = "2 of 3 scored items match (1 image, 1 other); without a score, and not listed: 2 failed"
        assert summary(found, passed) == told
