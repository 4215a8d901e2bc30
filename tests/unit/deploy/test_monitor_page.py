"""What the monitor gives to a browser, to scripts and to Prometheus."""

from __future__ import annotations

import json
import re

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from deploy.metrics.monitor import MonitorMetrics
from deploy.monitor.monitor import Monitor
from deploy.monitor.page import page
from tests.unit.deploy.monitored import NOON, decision


def _monitor() -> Monitor:
    """Return one that has read a minute of two invented sources, one of which was bad."""
    monitor = Monitor(60_000, 5, 20, clock=lambda: NOON + 180_000)
    for n in range(60):
        monitor.take(("accept", 0), decision(f"a{n}", at=NOON + n * 1_000, source="invented-1").to_json(), NOON)
        bad = decision(f"b{n}", at=NOON + n * 1_000, source="invented-2", action="reject", score=0.1)
        monitor.take(("reject", 0), bad.to_json(), NOON)
    assert len(monitor.judged()) == 1
    monitor.refresh()
    return monitor


def test_the_page_asks_the_net_for_nothing() -> None:
    status, kind, body = page()
    text = body.decode()
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'; connect-src 'self'" in text
    assert not re.search(r"<(link|img|iframe|script)[^>]+(src|href)=", text)
    assert set(re.findall(r"https?://[^\"'`\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "innerHTML" not in text


def test_the_json_tells_before_and_after_there_are_tables() -> None:
    empty = json.loads(Monitor(60_000, 5, 20).page()[2])
    assert (empty["tables"], empty["waiting"], empty["read"]) == (None, [], {})
    monitor = _monitor()
    monitor.lag = lambda: {("sluice.accept", 1): 7}
    answer = json.loads(monitor.page()[2])
    assert answer["at"] == NOON + 180_000
    assert answer["waiting"] == [{"topic": "sluice.accept", "partition": 1, "records": 7}]
    assert answer["read"] == {"decision": 120}
    assert {group["source"]: group["state"] for group in answer["tables"]["groups"]} == {
        "invented-1": "in_band",
        "invented-2": "alarm",
    }
    assert [(one["state"], one["active"]) for one in answer["tables"]["alarms"]] == [("raised", True)]


def test_metrics_are_by_rule_and_hold_no_words_of_a_producer() -> None:
    registry = CollectorRegistry()
    MonitorMetrics(registry, _monitor())
    text = generate_latest(registry).decode()
    assert "invented" not in text
    samples = {
        (sample.name, *(sample.labels.get(name, "") for name in ("action", "state", "edge"))): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    rate = samples["sluice_pass_rate_ratio", "", "", ""]
    assert rate.labels == {"policy": "night", "version": "1", "kind": "*", "source": "*"}
    assert rate.value == 0.5
    assert samples["sluice_window_decisions", "reject", "", ""].value == 60
    assert samples["sluice_alarms_active", "", "", ""].value == 1
    assert samples["sluice_alarms_total", "", "raised", ""].value == 1
    assert samples["sluice_pass_rate_expected_ratio", "", "", "low"].value == 0.8
    assert samples["sluice_monitor_decisions_total", "reject", "", ""].value == 60
    assert samples["sluice_newest_decision_timestamp_seconds", "", "", ""].value == (NOON + 59_000) / 1000
