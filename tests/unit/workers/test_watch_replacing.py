"""Another head takes over in a watched service: no answer waits for canaries of a head that did not give it."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.heads import HeadManifest
from tests.unit.workers.canaries import KIND, Watched, canaries_of, picture
from tests.unit.workers.heads import METRICS, features, manifest, network
from workers.domains import Domain
from workers.heads import Head, LogisticHead, save
from workers.metrics import METRICS_VERSION
from workers.results import Result, Scored
from workers.watch.rounds import Plan


def _other(folder: Path, gate: Watched) -> Domain:
    """Return the domain with the head turned round: what scored high scores low."""
    usual = network("logistic", features().width)
    assert isinstance(usual, LogisticHead)
    own: HeadManifest = manifest()
    save(folder, own, features(), LogisticHead(-usual.weight, -usual.bias))
    head = Head.load(folder, gate.encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION))
    return Domain(gate.domain.encoder, head)


PLANS = {
    "hold": Plan(seconds=3600.0, hold_seconds=600.0),
    "revise": Plan(seconds=3600.0, hold=False, revise=True),
    "off": Plan(seconds=3600.0, hold=False),
}


@pytest.mark.parametrize("plan", PLANS)
def test_a_head_takes_over_when_all_that_was_begun_is_answered(tmp_path: Path, plan: str) -> None:
    gate = Watched(tmp_path / "old", plan=PLANS[plan])
    other = _other(tmp_path / "new", gate)
    try:
        for token in range(20):
            gate.service.submit(token, picture(100 + token))
        found = gate.until(gate.service.settle)
        assert len(found) == 20  # at once, though nothing else would have asked for canaries for ten minutes
        gate.scorer.renew({KIND: other})
        gate.service.replace({KIND: canaries_of(other)})
        for token in range(20, 40):
            gate.service.submit(token, picture(80 + token))
        found += gate.until(gate.service.settle)
        assert sorted(token for token, _ in found) == list(range(40))
        assert _scorers(found) == [gate.domain.head.scorer_digest] * 20 + [other.head.scorer_digest] * 20
        assert (gate.service.status.failed, gate.service.status.halted) == (0, "")
        if plan != "off":  # a round of the old head's canaries, and one of the new head's
            assert gate.service.status.passed >= 2
        assert gate.service.take_back() == []
    finally:
        gate.service.close(drain=False)


def _scorers(found: list[tuple[int, Result]]) -> list[str]:
    results = [result for _, result in sorted(found, key=lambda one: one[0])]
    return [result.scorer for result in results if isinstance(result, Scored)]
