"""`make chaos` in small: see tests/chaos."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from deploy.brokers.ladder import KafkaAddress
from tests.chaos.plan import Plan
from tests.chaos.trial import Trial

SMALL = Plan(
    parents=1_800,
    faults=3,
    seed=11,
    idle_ms=2_000,
    late_ms=600,
    session_ms=3_000,
    aborted=1,
    reopened=0,  # nearly always there are some; half a minute is too short to count on it
    seconds_a_fault=6.0,
    kinds=("kill_in_transaction", "zombie", "kill_in_recovery"),
)


@pytest.mark.chaos
@pytest.mark.kafka
def test_nothing_is_lost_duplicated_or_wrong_while_deciders_die(kafka: KafkaAddress, tmp_path: Path) -> None:
    outcome = Trial(SMALL, kafka, f"chaos-{uuid4().hex[:8]}.", tmp_path, lambda *_: None).run()
    told = "\n".join(outcome.lines())
    assert outcome.judgement.flawless, told
    assert outcome.problems == [], told
    assert outcome.lacking == [], told
