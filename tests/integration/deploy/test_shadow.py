"""Candidates beside what is live, on a real Kafka with real workers and deciders: in shadow, and in an experiment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from safetensors import numpy as safetensors_numpy
from typer.testing import Result

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.brokers.waiting import wait_until
from deploy.experiments.errors import ExperimentError
from deploy.scorer import HEADS
from schemas.decisions import Decision
from schemas.experiments import Arm, arm_of
from schemas.heads import HeadManifest
from schemas.items import ItemEnvelope, RawItem, content_hash
from schemas.scores import SCORE_RECORD, ItemScored
from streams import clients, offsets
from streams.history import read_whole
from streams.shadows import ShadowNames, shadow_names
from streams.topics import TopicNames
from tests.integration.deploy.pipeline import PARTITIONS, Pipeline, pipeline
from tests.integration.deploy.test_worker_kill import _pictures
from workers.heads.store import save_weights

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
KIND = "video-frame"
NAME, SHARE = "sharper", 0.5
ITEMS = 2
PARENTS = [f"clip-{number}" for number in range(6)]
UNCOUNTED = PARENTS[-1]  # closed by the wall clock, with evidence that nothing of it is on its way
POLICY: dict[str, Any] = {
    "name": "split",
    "rules": [{"kind": "*", "source": "*", "uncalibrated_may_reject": True, "idle_ms": 1_500}],
    "experiment": {"name": NAME, "share": SHARE},
}


def _candidate(folder: Path) -> Path:
    """Write a copy of the bundled head of pictures that scores everything low."""
    manifest = HeadManifest.model_validate_json((HEADS / KIND / "manifest.json").read_text())
    tensors = safetensors_numpy.load((HEADS / KIND / "head.safetensors").read_bytes())
    last = max(name for name in tensors if name.endswith("bias"))
    tensors[last] = np.full_like(tensors[last], -50.0)
    save_weights(folder, manifest, safetensors_numpy.save(tensors))
    return folder


def _items() -> Iterator[RawItem]:
    pictures = _pictures()
    for parent in PARENTS:
        for index, value in enumerate(islice(pictures, ITEMS)):
            envelope = ItemEnvelope(
                id=f"{parent}/{index}",
                source="test",
                kind=KIND,
                parent_id=parent,
                index=index,
                count=None if parent == UNCOUNTED else ITEMS,
                content_type="image/jpeg",
                content_hash=content_hash(value),
            )
            yield RawItem(envelope, value)


def _run(line: Pipeline, *arguments: str) -> Result:
    return line.run(*arguments, SLUICE_DATA_DIR=str(line.folder / "data"))


def _told(line: Pipeline, *arguments: str) -> Any:
    done = _run(line, *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def _written(path: Path, document: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(document))
    return str(path)


def _decisions(line: Pipeline, names: TopicNames) -> dict[str, Decision]:
    messages = read_whole(line.kafka.properties, names.decisions, PARTITIONS)
    found = [Decision.model_validate_json(message.value() or b"") for message in messages]
    assert len({one.id for one in found}) == len(found)
    return {one.parent_id: one for one in found}


def _wait(line: Pipeline, names: TopicNames) -> dict[str, Decision]:
    assert wait_until(lambda: len(_decisions(line, names)) == len(PARENTS), timeout_s=120)
    return _decisions(line, names)


def _scores(line: Pipeline, names: TopicNames) -> list[ItemScored]:
    messages = read_whole(line.kafka.properties, names.scores, PARTITIONS)
    records = [SCORE_RECORD.validate_json(message.value() or b"") for message in messages]
    return [record for record in records if isinstance(record, ItemScored)]


def _ends(line: Pipeline) -> dict[str, dict[int, int]]:
    """Return the end offsets of all live topics."""
    admin = clients.admin(line.kafka.properties)
    found = admin.list_topics(timeout=20).topics
    prefix = line.settings.topic_prefix
    live = {name: one for name, one in found.items() if name.startswith(prefix) and ".shadow." not in name}
    assert len(live) > 8
    return {name: offsets.ends(admin, name, one.partitions) for name, one in live.items()}


def _own(names: ShadowNames) -> list[str]:
    kinds = ("scores", "decisions", "latest", "accept", "review", "reject", "dead-letters")
    return [f"{names.live.prefix}shadow.brisk.{kind}" for kind in kinds]


def _check_arms(live: dict[str, Decision], own: str, other: str) -> None:
    """Each parent was scored by the head of its arm, which its decision names."""
    assert {arm_of(NAME, SHARE, parent) for parent in PARENTS} == set(Arm)
    for parent, one in live.items():
        arm = arm_of(NAME, SHARE, parent)
        assert one.policy.experiment is not None
        assert (one.policy.experiment.name, one.policy.experiment.arm) == (NAME, arm)
        assert one.scorers == ((other,) if arm is Arm.CANDIDATE else (own,))
        assert one.action == "reject" or arm is Arm.CONTROL


def test_a_candidate_runs_in_shadow_and_in_an_arm(
    kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path
) -> None:
    shutil.copytree(HEADS / KIND, tmp_path / "heads" / KIND)
    folder = _candidate(tmp_path / "candidate")
    with pipeline(kafka, redis_address, tmp_path) as line:
        names = shadow_names(line.names, "brisk")
        policy = _written(tmp_path / "policy.yaml", POLICY)
        created = _told(line, "shadow", "create", "brisk")["created"]
        assert sorted(created) == sorted(_own(names))
        assert _told(line, "shadow", "create", "brisk")["created"] == []
        split = ("--shadow", f"brisk={folder}", "--experiment", f"{NAME}:{SHARE}={folder}")
        line.start("score-0", "score", "--device", "cpu", "--heads", str(tmp_path / "heads"), *split)
        line.start("decide-0", "decide", "--policy", policy)
        publisher = line.publisher()
        for item in _items():
            publisher.item(item)
        publisher.flush()
        live = _wait(line, line.names)
        before = _ends(line)
        line.start("shadow-0", "decide", "--shadow", "brisk", "--policy", policy)
        shadow = _wait(line, names)
        listed = _told(line, "shadow", "list")
        busy = _run(line, "shadow", "delete", "brisk")
        told = _told(line, "experiment", "brisk", "--outcome", "reject")
        arms = _told(line, "experiment", NAME, "--outcome", "reject")
        verified = _run(line, "explain", PARENTS[0], "--verify")
        shown = _run(line, "experiment", "brisk", "--outcome", "reject")
        line.running["shadow-0"].stop()
        gone = _told(line, "shadow", "delete", "brisk")["deleted"]
        assert _ends(line) == before  # whatever was done in the shadow
        scored = _scores(line, line.names)
    (own,) = {one.scorer for one in scored if arm_of(NAME, SHARE, one.parent_id) is Arm.CONTROL}
    (brisk,) = {scorer for one in shadow.values() for scorer in one.scorers}
    _check_arms(live, own, brisk)
    assert {one.action for one in shadow.values()} == {"reject"}
    assert all(one.counts.scored == ITEMS for one in (*live.values(), *shadow.values()))
    assert {side[UNCOUNTED].cause for side in (live, shadow)} == {"idle"}
    assert listed == [{"name": "brisk", "head": True, "deciders": 1, "behind": 0}]
    assert isinstance(busy.exception, ExperimentError)
    assert "stop them first" in str(busy.exception)
    assert sorted(gone) == sorted(created)
    assert verified.exit_code == 0, verified.output
    control = sum(one.action == "reject" for one in live.values())
    assert told["design"] == "paired"
    assert told["discordant"] == [len(PARENTS) - control, 0]
    assert [side["found"] for side in told["sides"]] == [control, len(PARENTS)]
    assert told["standing"]["state"] == "go_on"
    assert arms["design"] == "two_arms"
    assert arms["scorers"] == {"control": [own], "candidate": [brisk]}
    assert sum(side["parents"] for side in arms["sides"]) == len(PARENTS)
    assert shown.exit_code == 0
    assert "power: a difference of 0.05" in shown.stdout
