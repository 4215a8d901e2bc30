from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aggregation import PartitionGate
from deploy.errors import ConfigurationError
from deploy.health import WEDGED_AFTER, Health, served
from deploy.metrics.base import Metrics
from deploy.metrics.decide import DecideMetrics
from streams.standing import Standing
from tests.asking import ask
from tests.unit.aggregation.records import NOW, policy, scored

WORKING = Standing(turned_at=100.0, joined=True, owned=3, recovering=0, draining=False, lag={0: 7})


@dataclass
class _Loop:
    standing: Standing = WORKING


@dataclass
class _Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class _Site:
    """A served process, and where it is served."""

    health: Health
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def notify(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))

    def ask(self, page: str) -> tuple[int, dict[str, Any]]:
        status, text = self.text(page)
        return status, json.loads(text)

    def text(self, page: str) -> tuple[int, str]:
        (port,) = [fields["port"] for event, fields in self.events if event == "listening"]
        return ask(port, page)


def test_a_starting_process_is_alive_and_not_ready() -> None:
    site = _Site(Health())
    with served(site.health, Metrics("score", "a", site.health).registry, 0, site.notify):
        assert site.ask("/healthz")[0] == 200
        status, answer = site.ask("/readyz")
    assert (status, answer["ok"]) == (503, False)
    assert "loaded" in answer["why"]


@pytest.mark.parametrize(
    ("standing", "status", "why"),
    [
        (WORKING, 200, "working on 3"),
        (replace(WORKING, owned=0), 200, "working on 0"),  # more replicas than partitions
        (replace(WORKING, joined=False, owned=0), 503, "group"),
        (replace(WORKING, recovering=2), 503, "recovering 2"),
        (replace(WORKING, draining=True), 503, "told to stop"),
    ],
)
def test_readiness_says_what_it_waits_for(standing: Standing, status: int, why: str) -> None:
    site = _Site(Health(_Clock()))
    site.health.watch(_Loop(standing))
    with served(site.health, Metrics("decide", "a", site.health).registry, 0, site.notify):
        answered, answer = site.ask("/readyz")
        alive, _ = site.ask("/healthz")
    assert (answered, alive) == (status, 200)
    assert why in answer["why"]
    assert answer["owned"] == standing.owned


def test_a_loop_that_does_not_turn_is_neither_alive_nor_ready() -> None:
    clock = _Clock()
    health = Health(clock)
    health.watch(_Loop())
    clock.now += WEDGED_AFTER
    assert health.alive().ok
    clock.now += 1
    assert not health.alive().ok
    assert not health.ready().ok
    assert "has not turned" in health.alive().why


def test_other_pages_are_not_found_and_the_answer_names_those_that_are() -> None:
    site = _Site(Health())
    with served(site.health, Metrics("score", "a", site.health).registry, 0, site.notify):
        status, answer = site.ask("/")
    assert status == 404
    assert "/metrics" in answer["why"]


def test_a_taken_port_is_named_with_what_to_do() -> None:
    site = _Site(Health())
    registry = Metrics("score", "a", site.health).registry
    with served(site.health, registry, 0, site.notify):
        port = site.events[0][1]["port"]
        with (
            pytest.raises(ConfigurationError, match=f"SLUICE_HTTP_PORT {port} cannot be used"),
            served(site.health, registry, port, site.notify),
        ):
            pass


def test_without_a_port_nothing_is_served() -> None:
    site = _Site(Health())
    with served(site.health, Metrics("score", "a", site.health).registry, None, site.notify):
        assert site.events == []


def _samples(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_metrics_of_a_decider_count_what_was_committed_and_never_go_back() -> None:
    site = _Site(Health(_Clock()))
    site.health.watch(_Loop())
    metrics = Metrics("decide", "decide-0", site.health)
    decider = DecideMetrics(metrics.registry)
    notify = metrics.counting(decider.note)
    gate = decider.watch(0, PartitionGate(0, policy()))
    gate.apply(enumerate([scored("a", 0, 0.9, 1), scored("b", 0, 0.9, 2), scored("a", 0, 0.9, 1), b"?"]), NOW)
    notify("committed", decisions=1, by_cause={"accept/complete": 1}, dead_letters=1, seconds=0.03)
    notify("fenced", decisions=0, error="another replica is there")
    with served(site.health, metrics.registry, 0, site.notify):
        before = _samples(site.text("/metrics")[1])
        gate = decider.watch(0, PartitionGate(0, policy()))  # the partition was lost and given again
        after = _samples(site.text("/metrics")[1])
    assert before["sluice_decisions_total['accept', 'complete']"] == 1
    assert before["sluice_transactions_total['committed']"] == before["sluice_transactions_total['fenced']"] == 1
    assert before["sluice_transaction_seconds_count[]"] == 1
    assert before["sluice_dead_letters_total[]"] == 1
    assert before["sluice_windows_open[]"] == 1
    assert before["sluice_lag_records['0']"] == 7
    assert before["sluice_loop_events_total['fenced']"] == 1
    assert before["sluice_scores_late_total[]"] == after["sluice_scores_late_total[]"] == 1
    assert before["sluice_scores_unreadable_total[]"] == after["sluice_scores_unreadable_total[]"] == 1
    assert after["sluice_windows_open[]"] == gate.open_windows == 0
