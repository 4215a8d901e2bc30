from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deploy import policyfiles
from schemas.itemrules import Language
from tests.unit.workers.samples import item
from workers.decode import InlineDecoder
from workers.itemrules import ItemFacts, apply_rules
from workers.language import UNDETERMINED, language_of
from workers.media import Chunk
from workers.metrics import MetricSet
from workers.metrics.tongue import language_confidence

ENGLISH = "The committee met on Tuesday and agreed that the bridge should be painted before the winter begins."
GERMAN = (
    "Der Ausschuss trat am Dienstag zusammen und beschloss, dass die Brücke noch vor dem Winter gestrichen werden soll."
)
HEADING = "3.2 Bridges"
TABLE = "1990 | 12.5 | 3.1\n1991 | 13.0 | 3.3\n1992 | 13.1 | 3.2"
WITH_LANGUAGE = MetricSet([language_confidence])


def flags(text: str) -> tuple[str, ...]:
    """Return what the bundled policy says of a chunk."""
    rules = policyfiles.load(None).rule_for("document-chunk", "anyone").items
    return apply_rules(rules, ItemFacts(len(text), lambda: text, dict)).flags


@pytest.mark.parametrize(
    ("text", "code"),
    [(ENGLISH, "en"), (GERMAN, "de"), (HEADING, UNDETERMINED), (TABLE, UNDETERMINED), ("", UNDETERMINED)],
)
def test_the_language_is_named_where_it_can_be_told(text: str, code: str) -> None:
    assert language_of(text).code == code


def test_a_language_that_nothing_was_tested_with_is_named_among_the_reasons() -> None:
    assert WITH_LANGUAGE.measure(Chunk(GERMAN)).codes == ("language_de",)
    assert WITH_LANGUAGE.measure(Chunk(GERMAN)).values["language_confidence"] > 0.9
    for text in (ENGLISH, HEADING, TABLE):
        assert WITH_LANGUAGE.measure(Chunk(text)).codes == ()


@pytest.mark.parametrize(
    ("text", "flagged"), [(ENGLISH, ()), (GERMAN, ("untested_language",)), (HEADING, ()), (TABLE, ())]
)
def test_the_bundled_policy_sends_an_untested_language_to_review(text: str, flagged: tuple[str, ...]) -> None:
    assert flags(text) == flagged


def test_a_long_text_whose_language_is_not_sure_goes_to_review_as_well() -> None:
    gibberish = " ".join(
        f"{a}{b}{c}" for a in ("xo", "ka", "wu") for b in "bdfg" for c in ("ip", "ob", "azz") for _ in (1, 2)
    )
    assert language_of(gibberish).code != UNDETERMINED
    assert flags(gibberish) == ("untested_language",)


def test_und_has_to_be_allowed() -> None:
    rule = policyfiles.load(None).rule_for("document-chunk", "anyone").items[0]
    strict = rule.model_copy(update={"when": Language(allowed=("en",))})
    assert apply_rules([strict], ItemFacts(1, lambda: HEADING, dict)).flags == ("untested_language",)


@settings(deadline=None)
@given(st.text(max_size=300))
@example("")
@example("word")
@example("\0\0")
@example("\U0001f600" * 9)
@example("\u4f60\u597d\uff0c\u4e16\u754c")
def test_any_text_has_a_confidence(text: str) -> None:
    found = WITH_LANGUAGE.measure(Chunk(text))
    assert found.failed == ()
    assert 0.0 <= found.values["language_confidence"] <= 1.0


def test_a_chunk_measures_alike_wherever_it_stands() -> None:
    chunk = InlineDecoder().decode(item(GERMAN.encode(), "document-chunk", "text/plain"))
    assert isinstance(chunk, Chunk)
    assert WITH_LANGUAGE.measure(chunk) == WITH_LANGUAGE.measure(replace(chunk, tail=True))
