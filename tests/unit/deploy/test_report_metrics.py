from __future__ import annotations

import json

from selectolax.lexbor import LexborHTMLParser

from deploy.report import Report, render
from deploy.report.metrics import MOST_VALUES, Metrics


def score(kind: str = "image", *, reasons: tuple[str, ...] = (), **metrics: float) -> bytes:
    return json.dumps({"type": "ItemScored", "kind": kind, "metrics": metrics, "reasons": reasons}).encode()


def test_whatever_scores_name_is_shown_by_kind() -> None:
    found = Metrics()
    for level in range(101):
        found.add(score(sharpness=level / 100, redness=0.5))
    found.add(score("document-chunk", length=3.0))
    spreads = found.by_kind()
    assert {kind: [one.name for one in of] for kind, of in spreads.items()} == {
        "document-chunk": ["length"],
        "image": ["redness", "sharpness"],
    }
    redness, sharpness = spreads["image"]
    assert (sharpness.low, sharpness.median, sharpness.high) == (0.05, 0.5, 0.95)
    assert (sharpness.items, sum(sharpness.bins), sum(redness.bins)) == (101, 101, 101)
    page = LexborHTMLParser(render(Report("t.", [], metrics=spreads)))
    rows = [" ".join(row.text().split()) for row in page.css(".metrics tbody tr")]
    assert rows == ["length 1 3 3 3", "redness 101 0.5 0.5 0.5", "sharpness 101 0.05 0.5 0.95"]
    assert all(node.attributes.get("aria-label") for node in page.css(".metrics svg"))


def test_a_metric_that_failed_is_told_even_where_it_never_had_a_value() -> None:
    found = Metrics()
    found.add(score(reasons=("metric_failed_redness", "blurry"), sharpness=1.0))
    found.add(score(sharpness=2.0))
    (redness, sharpness) = found.by_kind()["image"]
    assert (redness.items, redness.failed, sharpness.failed) == (0, 1, 0)
    page = LexborHTMLParser(render(Report("t.", [], metrics=found.by_kind())))
    assert " ".join(page.css(".metrics tbody tr")[0].text().split()) == "redness 0 1 failed - - -"


def test_records_of_others_and_answers_without_metrics_are_passed_over() -> None:
    found = Metrics()
    for value in (
        None,
        b"",
        b"{}",
        b"\xff",
        b'{"kind": "image", "metrics": {"x": "y"}}',
        b'{"kind": 1, "metrics": {}}',
    ):
        found.add(value)
    assert found.by_kind() == {}
    assert "Cheap metrics" not in render(Report("t.", []))


def test_of_very_many_values_a_fair_sample_is_kept() -> None:
    found = Metrics()
    for number in range(3 * MOST_VALUES):
        found._take(("image", "place"), number / (3 * MOST_VALUES))
    (place,) = found.by_kind()["image"]
    assert place.items == 3 * MOST_VALUES
    assert sum(place.bins) == MOST_VALUES
    assert abs(place.median - 0.5) < 0.02
