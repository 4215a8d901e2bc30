"""A real worker on a real Kafka whose model goes wrong, or that dies while its answers wait for canaries."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.scorer import HEADS
from schemas.decisions import Decision
from schemas.items import ItemEnvelope, RawItem
from schemas.scores import SCORE_RECORD, ItemScored, ItemWithdrawn
from streams import groupoffsets
from streams.history import read_whole
from tests.integration.deploy.pipeline import Pipeline, pipeline
from tests.integration.deploy.test_worker_kill import _pictures
from workers.domains import load_domains
from workers.encoders import EncoderRegistry
from workers.results import Scored
from workers.scorer import Scorer

pytestmark = pytest.mark.kafka
KIND = "video-frame"
MODULE = "tests.integration.deploy.faultyworker"
ITEMS = 8
SECONDS = 200.0


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _heads(folder: Path) -> Path:
    """Return a folder with the head for pictures alone: what is not loaded takes no time."""
    shutil.copytree(HEADS / KIND, folder / "heads" / KIND)
    return folder / "heads"


def _environment(port: int, heads: Path) -> dict[str, str]:
    return {
        "SLUICE_CANARY_SECONDS": "60",
        "SLUICE_HTTP_PORT": str(port),
        "SLUICE_TEST_FOLDER": str(heads.parent),
    }


def _until(condition: Callable[[], bool]) -> None:
    pause, deadline = threading.Event(), time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.1)


def _get(port: int, page: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=5) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def _items(parent: str, values: list[bytes]) -> list[RawItem]:
    return [
        RawItem(
            ItemEnvelope(
                id=f"{parent}/{index}",
                source="test",
                kind=KIND,
                parent_id=parent,
                index=index,
                count=len(values),
                content_type="image/jpeg",
            ),
            value,
        )
        for index, value in enumerate(values)
    ]


def _publish(gate: Pipeline, items: list[RawItem]) -> None:
    publisher = gate.publisher()
    for item in items:
        publisher.item(item)
    publisher.flush()


def _answers(gate: Pipeline) -> list[ItemScored]:
    records = read_whole(gate.kafka.properties, gate.names.scores, gate.settings.partitions)
    found = [SCORE_RECORD.validate_json(record.value() or b"") for record in records]
    return [one for one in found if isinstance(one, ItemScored)]


def _withdrawn(gate: Pipeline) -> dict[str, int]:
    """Return the ids of items whose answers were withdrawn, with what further ones must say to count."""
    records = read_whole(gate.kafka.properties, gate.names.scores, gate.settings.partitions)
    found = [SCORE_RECORD.validate_json(record.value() or b"") for record in records]
    return {one.item_id: one.again for one in found if isinstance(one, ItemWithdrawn)}


def _decisions(gate: Pipeline, parent: str) -> list[Decision]:
    records = read_whole(gate.kafka.properties, gate.names.decisions, gate.settings.partitions)
    found = [Decision.model_validate_json(record.value() or b"") for record in records]
    return sorted((one for one in found if one.parent_id == parent), key=lambda one: one.revision)


def _committed(gate: Pipeline) -> int:
    places = range(gate.settings.partitions)
    found = groupoffsets.committed(gate.kafka.properties, gate.settings.score_group, gate.names.items, places)
    return sum(found.values())


@pytest.mark.timeout(600)
def test_a_worker_whose_model_goes_wrong_answers_nothing_until_it_is_repaired(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    values = list(islice(_pictures(), 2 * ITEMS))
    before, after = _items("before", values[:ITEMS]), _items("after", values[ITEMS:])
    port, heads = _free_port(), _heads(tmp_path)
    with pipeline(kafka, redis_address, tmp_path) as gate:
        gate.environment = _environment(port, heads)
        worker = gate.start("score-0", module=MODULE)
        _publish(gate, before)
        _until(lambda: len(_answers(gate)) == ITEMS)
        assert _get(port, "/readyz")[0] == 200
        os.kill(worker.pid, signal.SIGUSR1)
        _publish(gate, after)
        _until(lambda: "not to be trusted" in _get(port, "/readyz")[1])
        assert _get(port, "/readyz")[0] == 503
        assert "sluice_canary_halted 1.0" in _get(port, "/metrics")[1]
        _until(lambda: "sluice_partitions_owned 0.0" in _get(port, "/metrics")[1])
        assert {one.parent_id for one in _answers(gate)} == {"before"}
        assert _committed(gate) == ITEMS
        (tmp_path / "repaired").touch()
        _until(lambda: len(_answers(gate)) == 2 * ITEMS)
        _until(lambda: _get(port, "/readyz")[0] == 200)
        answers = _answers(gate)
    assert len(answers) == 2 * ITEMS
    right = _right_scores(heads, [*before, *after])
    assert {one.item_id: one.score for one in answers} == pytest.approx(right, abs=0.005)
    assert not any(one.cached for one in answers)


def _right_scores(heads: Path, items: list[RawItem]) -> dict[str, float]:
    sound = Scorer(load_domains(heads, EncoderRegistry(), "cpu")).score(items)
    return {
        item.envelope.id: result.score for item, result in zip(items, sound, strict=True) if isinstance(result, Scored)
    }


@pytest.mark.timeout(600)
def test_under_revise_what_a_wrong_model_answered_is_withdrawn_and_its_parent_is_decided_again(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    items = _items("parent", list(islice(_pictures(), 500, 500 + ITEMS)))  # in nobody's cache
    port, heads = _free_port(), _heads(tmp_path)
    with pipeline(kafka, redis_address, tmp_path) as gate:
        gate.start("decide-0", "decide")
        gate.environment = {
            **_environment(port, heads),
            "SLUICE_CANARY_POLICY": "revise",
            "SLUICE_CANARY_SECONDS": "3600",
        }
        worker = gate.start("score-0", module=MODULE)
        _until(lambda: 'sluice_canary_rounds_total{result="passed"} 1.0' in _get(port, "/metrics")[1])
        os.kill(worker.pid, signal.SIGUSR1)
        _publish(gate, items)
        _until(lambda: len(_decisions(gate, "parent")) == 1)
        os.kill(worker.pid, signal.SIGUSR2)
        _until(lambda: len(_withdrawn(gate)) == ITEMS)
        assert "not to be trusted" in _get(port, "/readyz")[1]
        (tmp_path / "repaired").touch()
        _until(lambda: len(_decisions(gate, "parent")) == 2)
        wrong, revised = _decisions(gate, "parent")
        numbers, answers = _withdrawn(gate), _answers(gate)
        assert f"sluice_canary_withdrawn_items_total {ITEMS}.0" in _get(port, "/metrics")[1]
    right = _right_scores(heads, items)
    again = {one.item_id: one for one in answers if one.again}
    assert {name: one.again for name, one in again.items()} == numbers
    assert {name: one.score for name, one in again.items()} == pytest.approx(right, abs=0.005)
    assert (revised.revision, revised.cause, revised.counts.scored) == (1, "complete", ITEMS)
    assert revised.score == pytest.approx(statistics.median(right.values()), abs=0.005)
    assert wrong.score != pytest.approx(revised.score, abs=0.02)


@pytest.mark.timeout(600)
def test_a_worker_that_dies_while_answers_wait_loses_none_and_repeats_none(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    port, heads = _free_port(), _heads(tmp_path)
    with pipeline(kafka, redis_address, tmp_path) as gate:
        gate.environment = _environment(port, heads)
        frozen = gate.start("score-0", "frozen", module=MODULE)
        _publish(gate, _items("parent", list(islice(_pictures(), ITEMS))))
        _until(lambda: f"sluice_canary_held_items {ITEMS}.0" in _get(port, "/metrics")[1])
        assert _answers(gate) == []
        assert _committed(gate) == 0
        os.kill(frozen.pid, signal.SIGKILL)
        frozen.wait(SECONDS)
        sound = gate.start("score-1", "score", "--device", "cpu", "--heads", str(heads))
        _until(lambda: len(_answers(gate)) >= ITEMS)
        os.kill(sound.pid, signal.SIGTERM)
        assert sound.wait(SECONDS) == 0
        answers = _answers(gate)
        assert _committed(gate) == ITEMS
    assert sorted(one.item_id for one in answers) == sorted(f"parent/{index}" for index in range(ITEMS))
