from __future__ import annotations

import pytest
from redis import Redis

from deploy.errors import ConfigurationError
from deploy.scorer import WorkerOptions, _load
from deploy.settings import Settings
from workers.cache import RedisCache
from workers.claims import ClaimStore
from workers.neighbours import NoNeighbours
from workers.rulebook import NoRules
from workers.seen import NothingSeen


@pytest.mark.parametrize("text", ["perplexity,-spike", " perplexity  -spike ", "perplexity, -spike,"])
def test_metrics_are_named_with_commas_between(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_METRICS", text)
    assert Settings.load().metrics == ("perplexity", "-spike")


def test_what_cannot_be_a_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_METRICS", "--spike")
    with pytest.raises(ConfigurationError, match="SLUICE_METRICS"):
        Settings.load()


def test_a_worker_does_not_start_with_metrics_that_are_not_there() -> None:
    cache = RedisCache(Redis(host="127.0.0.1", port=1))
    with pytest.raises(ConfigurationError, match="there is no metric called sharpnes;"):
        _load(
            WorkerOptions(device="cpu"),
            Settings.load(metrics=("sharpnes",)),
            cache,
            claims=ClaimStore(),
            rules=NoRules(),
            seen=NothingSeen(),
            neighbours=NoNeighbours(),
        )
