"""Faults that are put into the bundled encoder and head after they were loaded, each as it has happened somewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from deploy.scorer import HEADS
from schemas.canaries import Channels
from schemas.items import RawItem
from workers.domains import Domain, load_domains
from workers.encoders import EncoderError, EncoderRegistry, Prepared
from workers.encoders.lite0 import Lite0
from workers.media import Picture
from workers.results import Result, Scored
from workers.scorer import Scorer
from workers.service import ScoringService
from workers.watch.inputs import WINDOW, InputWatch, strange
from workers.watch.model import ModelWatch
from workers.watch.rounds import Plan, Probe
from workers.watch.service import Live, WatchedService
from workers.watch.store import CanarySet, load_all

KIND = "video-frame"
DOCUMENTS = "document-chunk"
SECONDS = 120.0
Restore = Callable[[], None]


def _random_head(domain: Domain) -> Restore:
    """Another network takes the head's place, as when a file is overwritten."""
    network: Any = domain.head._network
    weights = network.weights
    rng = np.random.default_rng(0)
    other = tuple(rng.normal(0, float(one.std()), one.shape) for one in weights)
    object.__setattr__(network, "weights", other)
    return lambda: object.__setattr__(network, "weights", weights)


def _swapped_channels(domain: Domain) -> Restore:
    """Blue comes where red belongs, as from a decoder of another library."""
    encoder: Any = domain.encoder

    def prepare(medium: Picture) -> Prepared:
        return Lite0.prepare(encoder, Picture(np.ascontiguousarray(medium.rgb[:, :, ::-1])))

    encoder.prepare = prepare
    return lambda: delattr(encoder, "prepare")


def _no_normalisation(domain: Domain) -> Restore:
    """The network gets 0 to 255, as when a step of preprocessing is lost."""
    stem: Any = domain.encoder.network._conv_stem  # type: ignore[attr-defined]
    handle = stem.register_forward_pre_hook(lambda _, inputs: (inputs[0] * 128.0 + 127.0,), prepend=True)
    restore: Restore = handle.remove
    return restore


def _flipped_weight(domain: Domain) -> Restore:
    """One bit of one weight turns over: the highest of the exponent, of the largest weight of the first layer."""
    weight: torch.Tensor = domain.encoder.network._conv_stem.weight  # type: ignore[attr-defined]
    flat = weight.data.flatten()  # a copy: the layer lies in memory by channels
    place = int(flat.abs().argmax())
    index = np.unravel_index(place, tuple(weight.shape))
    before = weight.data[index].clone()
    bits = before.reshape(1).view(torch.int32) ^ (1 << 30)
    weight.data[index] = bits.view(torch.float32)[0]

    def restore() -> None:
        weight.data[index] = before

    return restore


FAULTS = {
    "random head": _random_head,
    "BGR for RGB": _swapped_channels,
    "missing normalisation": _no_normalisation,
    "one flipped weight": _flipped_weight,
}


class Gate:
    """A gate for pictures alone, whose repair takes the fault out again."""

    def __init__(self, domain: Domain, canaries: CanarySet) -> None:
        self.scorer = Scorer({KIND: domain})
        self.domain = domain
        self.canaries = canaries
        self.told: list[str] = []
        self.restore: Restore = lambda: None
        inner: ScoringService[Live[int] | Probe] = ScoringService(self.scorer, linger_seconds=0.0)
        plan = Plan(seconds=3600.0, hold_seconds=0.0)
        self.service: WatchedService[int] = WatchedService(
            inner, self.scorer, {KIND: canaries}, plan, repair=self._repair, tell=self._tell
        )

    def _tell(self, event: str, **_: object) -> None:
        self.told.append(event)

    def _repair(self) -> Mapping[str, CanarySet]:
        self.restore()
        return {KIND: self.canaries}

    def until(self, condition: Callable[[], bool]) -> list[tuple[int, Result]]:
        pause, deadline = threading.Event(), time.monotonic() + SECONDS
        found: list[tuple[int, Result]] = []
        while not condition():
            assert time.monotonic() < deadline, self.service.status
            found += self.service.take()
            pause.wait(0.005)
        return found

    def answer(self, items: Sequence[RawItem]) -> list[tuple[int, Result]]:
        for token, one in enumerate(items):
            self.service.submit(token, one)
        pause, deadline = threading.Event(), time.monotonic() + SECONDS
        found: list[tuple[int, Result]] = []
        while len(found) < len(items):
            assert time.monotonic() < deadline, self.service.status
            found += self.service.take()
            pause.wait(0.005)
        return found


@pytest.fixture(scope="module")
def domains() -> dict[str, Domain]:
    torch.set_num_threads(1)
    return load_domains(HEADS, EncoderRegistry(), "cpu")


@pytest.fixture(scope="module")
def sets(domains: dict[str, Domain]) -> dict[str, CanarySet]:
    return load_all(HEADS, domains)


@pytest.fixture(scope="module")
def gate(domains: dict[str, Domain], sets: dict[str, CanarySet]) -> Iterator[Gate]:
    own = sets[KIND]
    few = own.record.model_copy(update={"canaries": own.record.canaries[:12]})  # six pairs: a round is a second
    made = Gate(domains[KIND], CanarySet(few, own.items[:12]))
    yield made
    made.service.close(drain=False)


def test_bundled_heads_have_canaries_that_score_as_recorded(
    domains: dict[str, Domain], sets: dict[str, CanarySet]
) -> None:
    assert set(sets) == {"document-chunk", "mri-slice", "video-frame"}
    for kind, own in sets.items():
        record = own.record
        assert sum(one.good for one in record.canaries) >= 16
        assert sum(not one.good for one in record.canaries) >= 16
        assert record.margin > 0.5
        some = own.items[:2]
        for canary, result in zip(record.canaries, Scorer(domains).score(some), strict=False):
            assert isinstance(result, Scored)
            assert abs(result.score - canary.score) < record.epsilon / 4, (kind, canary.name)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_gate_in_one_round_and_it_goes_on_after_repair(gate: Gate, fault: str) -> None:
    items = gate.canaries.items[:2]
    gate.told.clear()
    gate.restore = FAULTS[fault](gate.domain)
    for token, one in enumerate(items):
        gate.service.submit(token, one)
    assert gate.until(lambda: "canaries_failed" in gate.told) == []
    why = gate.service.status.halted  # a flipped exponent makes numbers that are none
    assert "canaries differ by more than 0.02" in why or "12 canaries got no score" in why
    assert gate.until(lambda: "scoring_resumed" in gate.told) == []
    assert gate.told == ["canaries_failed", "scoring_resumed"]
    right = [one.score for one in gate.canaries.record.canaries[:2]]
    answers = dict(gate.answer(items))
    for token, score in enumerate(right):
        result = answers[token]
        assert isinstance(result, Scored)
        assert result.score == pytest.approx(score, abs=0.005)


def test_a_margin_alone_would_not_have_seen_them(sets: dict[str, CanarySet]) -> None:
    from workers.watch.judge import judge  # noqa: PLC0415

    record = sets[KIND].record
    shifted = {
        one.name: Scored(
            max(0.0, one.score - 0.05), (), {}, record.scorer, calibrated=False, embedding="", cached=False
        )
        for one in record.canaries
    }
    finding = judge(record, shifted)
    assert finding.margin > record.margin * 0.9
    assert not finding.passed


def test_raw_levels_at_the_first_layer_are_an_alarm_within_one_window(
    domains: dict[str, Domain], sets: dict[str, CanarySet]
) -> None:
    domain = domains[KIND]
    told: list[tuple[str, str]] = []
    asked: list[int] = []
    watch = ModelWatch(
        Scorer({KIND: domain}),
        {KIND: sets[KIND]},
        lambda event, **fields: told.append((event, str(fields["why"]))),
        lambda: asked.append(1),
    )
    inputs = watch.inputs[domain.encoder.name]
    inputs.every = 1
    prepared = [domain.encoder.prepare(Scorer({KIND: domain})._intake.decoder.decode(one)) for one in sets[KIND].items]
    assert 2 * len(prepared) >= WINDOW  # two views each: a window
    domain.encoder.embed(prepared)
    assert inputs.seen is not None
    assert told == []
    restore = _no_normalisation(domain)
    domain.encoder.embed(prepared)  # a window
    restore()
    inputs.detach()
    assert [event for event, _ in told] == ["input_alarm"]
    assert "is it missing" in told[0][1]
    assert asked == [1]


def test_inputs_that_were_only_divided_by_255_are_strange_too() -> None:
    recorded = Channels(mean=[0.0] * 3, std=[0.6] * 3, low=[-1.0] * 3, high=[1.0] * 3)
    assert not strange(Channels(mean=[-0.5] * 3, std=[0.3] * 3, low=[-1.0] * 3, high=[0.9] * 3), recorded)
    assert strange(Channels(mean=[0.4] * 3, std=[0.25] * 3, low=[0.0] * 3, high=[1.0] * 3), recorded)
    assert strange(Channels(mean=[0.0], std=[1.0], low=[-1.0], high=[1.0]), recorded)
    assert strange(Channels(mean=[1e30] * 3, std=[1e30] * 3, low=[1e30] * 3, high=[1e30] * 3), recorded)


def test_an_encoder_in_training_mode_is_told_and_embeds_nothing(
    domains: dict[str, Domain], sets: dict[str, CanarySet]
) -> None:
    domain = domains[DOCUMENTS]
    watch = ModelWatch(Scorer({DOCUMENTS: domain}), sets, lambda *_, **__: None, lambda: None)
    network: torch.nn.Module = domain.encoder.network  # type: ignore[attr-defined]
    assert watch.modes()[domain.encoder.name]
    network.train()
    try:
        assert not watch.modes()[domain.encoder.name]
        with pytest.raises(EncoderError, match="training mode"):
            Scorer({DOCUMENTS: domain}).score(sets[DOCUMENTS].items[:1])
    finally:
        network.eval()


def test_the_norms_of_embeddings_are_watched() -> None:
    from workers.results import Failed  # noqa: PLC0415
    from workers.watch.embeddings import WINDOW as NORMS  # noqa: PLC0415
    from workers.watch.embeddings import NormWatch  # noqa: PLC0415

    told: list[str] = []
    watch = NormWatch(1.0, 2.0, told.append)
    row: NDArray[np.float32] = np.array([1.5, 0.0], dtype=np.float32)
    watch.look([row] * NORMS)
    assert watch.mean == pytest.approx(1.5)
    assert told == []
    watch.look([row * 10, Failed("scoring_error"), row * np.nan] * NORMS)
    assert watch.not_finite == NORMS
    assert len(told) == 1


def test_a_network_without_channels_is_not_watched_for_them() -> None:
    assert not InputWatch().attach(torch.nn.Linear(2, 2))
    assert not InputWatch().attach(Path())
