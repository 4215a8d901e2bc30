"""What `sluice items` writes: Parquet, CSV and a page."""

from __future__ import annotations

import base64
import csv
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from deploy.errors import ConfigurationError
from deploy.items import sheet
from deploy.items.columns import FIXED
from deploy.items.export import WriteError, export
from deploy.items.query import Query
from deploy.items.record import Decided, Item
from deploy.items.times import moment
from deploy.report.previews import Preview
from tests.unit.deploy.itemrows import DAY, item, selected

EVIL = "</style><script>alert('p')</script>"
NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)


def _nothing(_: int) -> None:
    """Take the steps of a bar that nobody sees."""


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
_ITEM = st.builds(
    lambda number, score, parent, reasons, metrics: item(
        number, score, parent_id=parent, reasons=tuple(reasons), metrics=metrics
    ),
    st.integers(0, 10**6),
    st.floats(0.0, 1.0),
    _TEXT,
    st.lists(st.sampled_from(("blurry", "dark", "noisy")), max_size=3),
    st.dictionaries(_TEXT, st.floats(allow_nan=False, allow_infinity=False), max_size=3),
)


@given(st.lists(_ITEM, max_size=12, unique_by=lambda one: one.index))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_what_is_written_reads_back_as_it_was(tmp_path: Path, items: list[Item]) -> None:
    decisions = {one.parent_id: Decided("review", "low", one.score) for one in items[::2]}
    names = sorted({name for one in items for name in one.metrics})
    table, text = tmp_path / "rows.parquet", tmp_path / "rows.csv"
    with selected(items, Query(sort="index", descending=True), decisions) as found:
        for path in (table, text):
            export(found, path, _nothing, force=True)
    read, lines = pq.read_table(table), _csv(text)
    assert read.column_names == [*FIXED, *(f"metric_{name}" for name in names)]
    rows = read.to_pylist()
    ordered = sorted(items, key=lambda one: -one.index)
    assert [row["index"] for row in rows] == [one.index for one in ordered]
    for one, row, line in zip(ordered, rows, lines, strict=True):
        decided = decisions.get(one.parent_id)
        assert (row["parent_id"], row["score"], row["scorer"]) == (one.parent_id, one.score, one.scorer)
        assert (row["reasons"], row["action"]) == (list(one.reasons), decided.action if decided else None)
        assert {name: row[f"metric_{name}"] for name in names} == {name: one.metrics.get(name) for name in names}
        assert row["appended_at"] == datetime.fromtimestamp(one.appended_at / 1000, UTC)
        assert (line["parent_id"], float(line["score"]), line["count"]) == (one.parent_id, one.score, "")
        assert tuple(line["reasons"].split(";")) == (one.reasons or ("",))
        assert {n: float(line[f"metric_{n}"]) for n in names if line[f"metric_{n}"]} == one.metrics


def test_the_columns_of_a_file_stay_what_they_are(tmp_path: Path) -> None:
    with selected([item(0, item_time=DAY, metrics={"snr": 3.0})]) as found:
        export(found, tmp_path / "rows.csv", _nothing)
    names, values = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()
    assert names == (
        "parent_id,index,count,kind,source,item_id,score,model_entropy,model_margin,model_band,reasons,flags,scorer,"
        "calibrated,cached,action,label,parent_score,appended_at,item_time,content_hash,embedding,items_partition,"
        "items_offset,scores_partition,scores_offset,metric_snr"
    )
    assert values.startswith(f"p,0,,image,s,p/0,0.5,1.0,0.0,unsure,,,{'ab' * 32},false,false,,,,")
    assert values.endswith(",2023-11-14T22:13:20.000Z,2023-11-14T22:13:20.000Z,,e,0,0,0,0,3.0")


def test_a_time_that_no_calendar_has_is_written_as_a_number(tmp_path: Path) -> None:
    with selected([item(0, item_time=10**17)]) as found:
        export(found, tmp_path / "rows.csv", _nothing)
        export(found, tmp_path / "rows.parquet", _nothing)
    assert _csv(tmp_path / "rows.csv")[0]["item_time"] == str(10**17)


def test_an_empty_selection_has_its_columns(tmp_path: Path) -> None:
    with selected([]) as found:
        export(found, tmp_path / "a" / "rows.parquet", _nothing)
    assert pq.read_table(tmp_path / "a" / "rows.parquet").column_names == list(FIXED)


def test_a_file_is_replaced_only_when_that_is_asked_for_and_then_whole(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("mine", encoding="utf-8")
    with selected([item(0)]) as found:
        with pytest.raises(ConfigurationError, match="is there already: choose another name, or pass --force"):
            export(found, path, _nothing)

        def broken(_: int) -> None:
            raise RuntimeError

        with pytest.raises(RuntimeError):
            export(found, path, broken, force=True)
        assert path.read_text(encoding="utf-8") == "mine"
        export(found, path, _nothing, force=True)
    assert len(_csv(path)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_names_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with selected([]) as found:
        with pytest.raises(ConfigurationError, match=r"must end in \.parquet or \.csv"):
            export(found, tmp_path / "rows.xlsx", _nothing)
        with pytest.raises(WriteError, match="cannot be written"):
            export(found, tmp_path / "file" / "rows.csv", _nothing)


def _page(items: list[Item], query: Query | None = None, *, medical: bool = False, **previews: Any) -> LexborHTMLParser:
    shown = {(0, int(number.removeprefix("at"))): one for number, one in previews.items()}
    decisions = {"p": Decided("reject", "rejected", 0.1)}
    with selected(items, query, decisions) as found:
        rows = list(found.rows())
        wanted = sheet.wanted(rows, medical=medical)
        got = {place: one for place, one in shown.items() if place in wanted}
        return LexborHTMLParser(sheet.render(found, rows, got, [EVIL], topic_prefix="t.", medical=medical))


def _texts(page: LexborHTMLParser, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in page.css(selector)]


def test_the_page_has_cards_in_order_with_what_was_asked_for() -> None:
    items = [item(n, 0.1 * n, metrics={"snr": float(n)}, reasons=("too_dark",)) for n in range(3)]
    picture = Preview("data:image/jpeg;base64,AAAA", 10, 10)
    page = _page(items, Query(sort="snr", descending=True), at2=picture, at1=Preview(text="once upon a time"))
    assert _texts(page, ".card h3") == ["p #2", "p #1", "p #0"]
    assert _texts(page, ".card .score") == ["0.2000 reject", "0.1000 reject", "0.0000 reject"]
    assert _texts(page, ".card dd") == ["2", "1", "0"]
    assert _texts(page, ".card .because") == ["too dark"] * 3
    assert [node.attributes["src"] for node in page.css("img")] == [picture.picture]
    assert _texts(page, ".look q") == ["once upon a time"]
    assert _texts(page, "tbody tr:last-child > *") == ["snr", "3", "0", "0", "0.5", "1", "1.5", "2", "1"]


def test_text_of_strangers_is_never_markup_and_the_page_asks_nothing_of_the_net() -> None:
    one = item(0, parent_id=EVIL, kind=EVIL, reasons=(EVIL,), metrics={EVIL: 1.0})
    page = _page([one], Query(columns=(EVIL,)), at0=Preview(text=EVIL))
    assert not page.css("script")
    assert _texts(page, ".card h3") == [f"{EVIL} #0"]
    assert _texts(page, ".look q") == [EVIL]
    attributes = [(name, value or "") for node in page.css("*") for name, value in node.attributes.items()]
    assert not [name for name, _ in attributes if name.startswith("on")]
    assert not [value for name, value in attributes if name in {"src", "href"} and not re.match("data:|#", value)]
    (policy,) = [value for name, value in attributes if value.startswith("default-src")]
    (style,) = page.css("style")
    digest = base64.b64encode(hashlib.sha256(style.text().encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'" in policy


def test_slices_of_patients_are_shown_to_who_asks_for_them() -> None:
    items, picture = [item(0, kind="mri-slice")], Preview("data:image/jpeg;base64,AAAA", 10, 10)
    assert not _page(items, at0=picture).css("img")
    assert "nobody asked for it" in _texts(_page(items, at0=picture), ".look")[0]
    assert len(_page(items, medical=True, at0=picture).css("img")) == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-05-31", datetime(2026, 5, 31, tzinfo=UTC)),
        ("2026-05-31T08:30", datetime(2026, 5, 31, 8, 30, tzinfo=UTC)),
        ("2026-05-31T08:30:00+02:00", datetime(2026, 5, 31, 6, 30, tzinfo=UTC)),
        ("90s", datetime(2026, 5, 31, 11, 58, 30, tzinfo=UTC)),
        ("2h", datetime(2026, 5, 31, 10, tzinfo=UTC)),
        ("1W", datetime(2026, 5, 24, 12, tzinfo=UTC)),
    ],
)
def test_times_can_be_written_in_several_ways(text: str, wanted: datetime) -> None:
    assert moment(text, "--from", NOW) == wanted.timestamp() * 1000


def test_what_is_no_time_is_refused_with_examples() -> None:
    with pytest.raises(ConfigurationError, match="--from 'yesterday' is no time: write 2026-05-31"):
        moment("yesterday", "--from", NOW)
