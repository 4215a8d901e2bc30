from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any, get_args

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from deploy.report import Report, Row, page, render
from deploy.report.choice import strip
from deploy.report.data import latest, row_of
from deploy.report.previews import Preview
from schemas.decisions import Cause
from tests.unit.aggregation.records import failed, fed, only, scored, skipped
from tests.unit.deploy.explained import records

EVIL = "</script><script>alert('p')</script>"


def _row(values: list[bytes], *, medical: bool = False) -> Row:
    row = row_of(only(fed(values)), records(values), medical=medical)
    row.shown = strip(row.decision.kind, row.answers, 8)
    return row


def _page(*rows: Row, **left_out: Any) -> LexborHTMLParser:
    return LexborHTMLParser(render(Report("t.", list(rows), **left_out)))


def _first(page: LexborHTMLParser, selector: str) -> LexborNode:
    found = page.css_first(selector)
    assert found is not None
    return found


def _attributes(page: LexborHTMLParser) -> list[tuple[str, str]]:
    return [(name, value or "") for node in page.css("*") for name, value in node.attributes.items()]


def test_text_of_strangers_is_shown_and_is_never_markup() -> None:
    origin: dict[str, Any] = {"kind": EVIL, "source": EVIL}
    row = _row([scored(EVIL, 0, 0.1, 2, reasons=(EVIL,), **origin), scored(EVIL, 1, 0.1, 2, **origin)])
    row.previews[0] = Preview(text=f'{EVIL}" onload="alert(1)')
    page = LexborHTMLParser(render(Report(EVIL, [row]), {"lost": EVIL}, {EVIL: EVIL}))
    assert len(page.css("script")) == 2
    assert _first(page, ".row h3").text() == EVIL
    assert _first(page, ".excerpt q").text().startswith(EVIL)
    assert json.loads(_first(page, "#keys").text())[0]["kind"] == EVIL
    assert not [name for name, _ in _attributes(page) if name.startswith("on")]


def test_the_page_asks_nothing_of_the_net_and_its_policy_forbids_it() -> None:
    row = _row([scored("p", 0, 0.9, 1)])
    row.previews[0] = Preview("data:image/jpeg;base64,AAAA", 10, 10)
    text = render(Report("t.", [row]))
    page = LexborHTMLParser(text)
    for name, value in _attributes(page):
        assert name != "style"  # the policy would drop it
        if name in {"src", "href", "action", "data", "srcset"}:
            assert value.startswith(("data:", "#"))
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)
    policy = _first(page, "meta[http-equiv]").attributes["content"] or ""
    assert "default-src 'none'" in policy
    for kind, node in (("style", _first(page, "style")), ("script", page.css("script")[1])):
        digest = base64.b64encode(hashlib.sha256(node.text().encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_without_javascript_all_rows_are_shown_and_no_dead_controls() -> None:
    page = _page(_row([scored("p", 0, 0.9, 1)]), _row([scored("q", 0, 0.1, 1)]))
    assert [node.text() for node in page.css(".row h3")] == ["p", "q"]
    assert all("hidden" not in node.attributes for node in page.css(".row"))
    assert "hidden" in _first(page, "#tools").attributes


def test_a_row_says_what_was_decided_and_why() -> None:
    values = [scored("p", 0, 0.31, 4, reasons=("blurry", "low_contrast")), failed("p", 1, 4), failed("p", 2, 4)]
    row = _row([*values, scored("p", 3, 0.95, 4)])
    shown = " ".join(_first(_page(row), ".row").text().split())
    for text in ("reject", "rejected", "2 scored", "2 failed", "complete", "blurry, low contrast", "failed items"):
        assert text in shown
    assert "truncated image: #1, #2" in shown
    assert len(_page(row).css(".failed")) == 2


def test_an_action_is_told_by_its_name_and_not_by_its_colour_alone() -> None:
    page = _page(*(_row([scored(f"p{score}", 0, score, 1)]) for score in (0.9, 0.3, 0.1)))
    assert [node.text().split()[-1] for node in page.css(".badge")] == ["accept", "review", "reject"]


def test_every_drawing_has_a_text() -> None:
    page = _page(_row([scored("p", 0, 0.9, 1)]))
    assert page.css("svg")
    assert all(node.attributes.get("aria-label") for node in page.css("svg"))
    assert "1 high" in (_first(page, "figure svg").attributes["aria-label"] or "")


def test_a_parent_of_which_nothing_was_scored_has_a_row() -> None:
    page = _page(_row([skipped("p", 0, 1)]))
    assert "nothing scored" in _first(page, ".row").text()


def test_an_empty_topic_set_has_a_page() -> None:
    assert "0 parents" in _first(_page(), "h1").text()


def test_what_does_not_fit_into_the_page_is_told() -> None:
    text = _page(_row([scored("p", 0, 0.9, 1)]), rows_left_out=7, previews_left_out=3).text()
    assert "7 further parents" in text
    assert "3 further thumbnails" in text


@pytest.mark.parametrize(("kind", "withheld"), [("mri-slice", True), ("video-frame", False)])
def test_pictures_of_medical_kinds_are_withheld_unless_asked_for(kind: str, withheld: bool) -> None:
    values = [scored("p", 0, 0.9, 1, kind=kind)]
    assert _row(values).withheld == withheld
    assert not _row(values, medical=True).withheld
    assert ("nobody asked" in _page(_row(values)).text()) == withheld


def test_the_latest_revision_is_shown_and_foreign_records_are_not() -> None:
    first = only(fed([scored("p", 0, 0.9, 1)]))
    second = first.model_copy(update={"revision": 1, "score": 0.5})
    assert latest([second.to_json(), b"{}", None, first.to_json()]) == [second]


def test_every_closing_cause_has_words() -> None:
    assert set(get_args(Cause)) == set(page._CLOSED) == set(page._WORDS)
