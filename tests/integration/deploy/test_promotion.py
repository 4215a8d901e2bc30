"""Promoting and rolling back on a real Kafka: refusals write nothing, and live decisions show what is promoted."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import murmur2
from safetensors import numpy as tensors

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from deploy.cli.canaries import Recording, recorded
from deploy.policy.writing import to_yaml
from deploy.promotion.candidate import Candidate, candidate_of
from deploy.promotion.proof import Proof
from deploy.promotion.store import HeadStore
from schemas.decisions import Decision
from schemas.items import ItemEnvelope, RawItem
from schemas.policy import Policy
from schemas.releases import AuditEntry, HeadReleased
from schemas.scores import SCORE_RECORD, ItemScored
from streams import clients, offsets
from streams.history import read_whole
from streams.policies import DocumentWriter, WriterFencedError
from tests.integration.deploy.pipeline import Pipeline, pipeline
from tests.integration.deploy.test_canaries import _free_port, _get
from tests.unit.aggregation.records import scored
from tests.unit.deploy import promoted
from tests.unit.deploy.promoted import BUNDLED, case, cases, part, policy, risk, write_proof
from workers.heads.store import WEIGHTS, read_manifest, save_weights

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
TEXT = "document-chunk"
SECONDS = 120.0
IN_FLIGHT = 8


@pytest.fixture
def gate(kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(kafka, redis_address, tmp_path) as made:
        made.environment = {"SLUICE_HEAD_STORE": str(tmp_path / "store")}
        yield made


def _done(gate: Pipeline, *arguments: str) -> Any:
    done = gate.run(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def _refused(gate: Pipeline, *arguments: str) -> str:
    done = gate.run(*arguments)
    assert getattr(done.exception, "exit_code", None) == 26, (done.output, done.exception)
    return str(done.exception)


def _written(gate: Pipeline) -> dict[str, int]:
    """Return how far the topics go that a promotion could write to."""
    admin, names = clients.admin(gate.kafka.properties), gate.names
    ends = {name: offsets.ends(admin, name, [0])[0] for name in (names.audit, names.releases, names.policies)}
    return ends | {names.scores: sum(offsets.ends(admin, names.scores, range(gate.settings.partitions)).values())}


def _audit(gate: Pipeline) -> list[AuditEntry]:
    records = read_whole(gate.kafka.properties, gate.names.audit, 1)
    return [AuditEntry.model_validate_json(one.value() or b"") for one in records]


def _file(gate: Pipeline, document: Policy) -> str:
    path = gate.folder / f"{uuid4().hex[:6]}.yaml"
    path.write_text(to_yaml(document.model_dump(mode="json", exclude={"version"})))
    return str(path)


def _proved(folder: Path, proof: Proof) -> tuple[str, ...]:
    result, calibration = write_proof(folder, proof)
    return "--testcases", str(result), "--calibration", str(calibration), "--no-canaries", "--why", "fewer bad accepts"


def _until(condition: Callable[[], bool]) -> None:
    pause, deadline = threading.Event(), time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.1)


def _decided(gate: Pipeline, parent: str, score: float) -> Decision:
    """Send a parent of one score, and wait for its decision."""
    with clients.producer(gate.kafka.properties) as producer:
        value = scored(parent, 0, score, 1, at=time.time_ns() // 1_000_000)
        partition = murmur2(parent.encode(), gate.settings.partitions)
        producer.produce(gate.names.scores, value, parent.encode(), partition)
        producer.flush(30)
    found: list[Decision] = []

    def is_there() -> bool:
        records = read_whole(gate.kafka.properties, gate.names.decisions, gate.settings.partitions)
        found[:] = [Decision.model_validate_json(one.value() or b"") for one in records]
        return any(one.parent_id == parent for one in found)

    _until(is_there)
    return next(one for one in found if one.parent_id == parent)


def test_a_policy_is_refused_promoted_seen_in_decisions_and_taken_back(gate: Pipeline) -> None:
    own, new = _file(gate, policy(0.4)), _file(gate, policy(0.45))
    candidate = candidate_of(Path(new), None)
    proof = promoted.proof(candidate)
    good = _proved(gate.folder / "good", proof)
    before = _written(gate)
    assert "sluice policy publish" in _refused(gate, "promote", "--policy", new, *good)
    assert _written(gate) == before
    assert gate.run("policy", "publish", own).exit_code == 0
    _refused_by_each_gate(gate, new, proof, good)
    gate.start("decide-0", "decide")
    assert _decided(gate, "first", 0.42).action == "accept"
    assert [one["passed"] for one in _done(gate, "promote", "--policy", new, *good, "--dry-run")["gates"]] == [True] * 4
    assert _audit(gate) == []
    (done,) = _done(gate, "promote", "--policy", new, *good, "--who", "nora")["entries"]
    assert (done["before"]["name"], done["after"]["name"], done["who"]) == ("night@1", "night@2", "nora")
    assert (done["evidence"]["risk"]["threshold"], done["evidence"]["step"]["largest"]) == (0.45, 0.05)
    decision = _decided(gate, "second", 0.42)
    assert (decision.action, decision.policy.version, decision.policy.digest) == ("review", 2, done["after"]["digest"])
    assert _done(gate, "promote", "--policy", new, *good)["entries"] == []
    (back,) = _done(gate, "rollback", "--why", "too strict")["entries"]
    assert (back["action"], back["undoes"], back["after"]["name"]) == ("rollback", done["id"], "night@1")
    decision = _decided(gate, "third", 0.42)
    assert (decision.action, decision.policy.version) == ("accept", 1)
    assert "none to undo" in _refused(gate, "rollback")
    (again,) = _done(gate, "promote", "--policy", new, *good)["entries"]
    assert again["after"]["name"] == "night@2"
    history = _done(gate, "promote", "--history")["entries"]
    assert [one["id"] for one in history] == [done["id"], back["id"], again["id"]] == [one.id for one in _audit(gate)]
    assert "too strict" in gate.run("promote", "--history").stdout


def _refused_by_each_gate(gate: Pipeline, new: str, proof: Proof, good: tuple[str, ...]) -> None:
    before = _written(gate)
    bad = replace(
        proof,
        cases=cases(Candidate(policy=policy(0.3)), case("failed")),
        risk=risk(policy(0.45), part(0.6)),
    )
    found = _refused(gate, "promote", "--policy", new, *_proved(gate.folder / "bad", bad), "--max-step", "0.01")
    assert "blurred: failed" in found
    assert "they were run under policy" in found
    assert "the bound holds from 0.6" in found
    assert "0.05, and 0.01 is allowed" in found
    assert "no calibration was given" in _refused(gate, "promote", "--policy", new, *good[:2], *good[-2:])
    other_heads = _refused(gate, "promote", "--policy", new, *good, "--canaries")
    assert f"the labels are of scores by {promoted.OLD[:12]}: name the folder of the workers' heads" in other_heads
    needed = gate.folder / "needed.yaml"
    needed.write_text("name: n\ncases: [{name: some, metric: accept_rate, assertion: '>= 0.1'}]\n")
    gate.environment["SLUICE_REQUIRED_CASES"] = str(needed)
    assert f"sluice testcases run {needed}" in _refused(gate, "promote", "--policy", new, *good)
    del gate.environment["SLUICE_REQUIRED_CASES"]
    assert _written(gate) == before


def test_a_promotion_that_was_interrupted_is_finished_and_two_at_once_do_not_mix(gate: Pipeline) -> None:
    new = _file(gate, policy(0.45))
    good = _proved(gate.folder / "good", promoted.proof(candidate_of(Path(new), None)))
    assert gate.run("policy", "publish", _file(gate, policy(0.4))).exit_code == 0
    assert gate.run("policy", "publish", new).exit_code == 0  # a promotion that died before its entry leaves this
    (done,) = _done(gate, "promote", "--policy", new, *good)["entries"]
    assert (done["before"]["name"], done["after"]["name"]) == ("night@1", "night@2")
    assert _done(gate, "promote", "--policy", new, *good)["entries"] == []
    late = DocumentWriter(gate.kafka.properties, gate.names.releases)
    assert gate.run("policy", "rollback").exit_code == 0  # and so does a rollback
    (back,) = _done(gate, "rollback")["entries"]
    assert (back["undoes"], back["before"]["name"], back["after"]["name"]) == (done["id"], "night@2", "night@1")
    with pytest.raises(WriterFencedError):
        late.put("video-frame", b"{}")
    late.close()
    assert [one.action for one in _audit(gate)] == ["promotion", "rollback"]


def test_a_policy_and_a_head_go_together_and_come_back_together(gate: Pipeline) -> None:
    new, head = _file(gate, policy(0.45)), BUNDLED / TEXT
    pair = candidate_of(Path(new), head)
    assert pair.head is not None
    good = _proved(gate.folder / "good", promoted.proof(pair))
    assert gate.run("policy", "publish", _file(gate, policy(0.4))).exit_code == 0
    done = gate.run("promote", "--policy", new, "--head", str(head), *good)
    assert (done.exit_code, done.exception) == (0, None)
    assert "32 of document-chunk as recorded" in done.stdout
    first, second = _audit(gate)
    assert (first.what, second.what, second.kind) == ("policy", "head", TEXT)
    assert first.command == second.command
    assert HeadStore(gate.folder / "store").get(pair.head.digest).is_dir()
    (release,) = read_whole(gate.kafka.properties, gate.names.releases, 1)
    assert HeadReleased.model_validate_json(release.value() or b"").scorer == pair.head.scorer
    back = _done(gate, "rollback", "--who", "nora")["entries"]
    assert [(one["undoes"], one["who"]) for one in back] == [(first.id, "nora"), (second.id, "nora")]
    assert "none to undo" in _refused(gate, "rollback", "--head", TEXT)


def _other_head(folder: Path) -> Path:
    """Write a head that differs from the bundled one by a shift of its scores, with canaries of its own."""
    raw = tensors.load((BUNDLED / TEXT / WEIGHTS).read_bytes())
    raw["head.2.bias"] = raw["head.2.bias"] + 1.0
    save_weights(folder, read_manifest(BUNDLED / TEXT), tensors.save(raw))
    (found,) = recorded(Recording(folder, None, [], new=False, epsilon=0.02, device="cpu"))
    assert found.passed
    return folder


class _Feed(threading.Thread):
    """Publishes parents of one chunk each until it is told to stop, a few at a time; no two chunks are the same."""

    def __init__(self, gate: Pipeline) -> None:
        super().__init__(daemon=True)
        self._gate, self._publisher, self._enough = gate, gate.publisher(), threading.Event()
        self._admin = clients.admin(gate.kafka.properties)
        self._before = self._scores()
        self.sent = 0

    def _scores(self) -> int:
        return sum(offsets.ends(self._admin, self._gate.names.scores, range(self._gate.settings.partitions)).values())

    def run(self) -> None:
        while not self._enough.wait(0.05):
            if self.sent - (self._scores() - self._before) < IN_FLIGHT:
                self._some()

    def _some(self) -> None:
        for number in range(self.sent, self.sent + IN_FLIGHT // 2):
            text = f"Chapter {number} tells how the river rose in the year {1800 + number}, and who had seen it."
            name = f"text-{number}"
            envelope = ItemEnvelope(
                id=name, source="lab", kind=TEXT, parent_id=name, index=0, count=1, content_type="text/plain"
            )
            self._publisher.item(RawItem(envelope, text.encode()))
        self._publisher.flush()
        self.sent += IN_FLIGHT // 2

    def stop(self) -> None:
        self._enough.set()
        self.join(SECONDS)


def _answers(gate: Pipeline) -> list[ItemScored]:
    records = read_whole(gate.kafka.properties, gate.names.scores, gate.settings.partitions)
    found = [SCORE_RECORD.validate_json(one.value() or b"") for one in records]
    return [one for one in found if isinstance(one, ItemScored)]


def _turns(answers: list[ItemScored]) -> list[str]:
    """Return the scorers of answers in the order of their items, each as often as it came anew."""
    scorers = [one.scorer for one in sorted(answers, key=lambda one: one.item_offset)]
    return [one for place, one in enumerate(scorers) if scorers[place - 1 : place] != [one]]


def _scored_last_by(gate: Pipeline, scorer: str) -> bool:
    """Tell whether the answer to the newest item that has one is of a scorer."""
    newest = max(_answers(gate), key=lambda one: one.appended_at, default=None)
    return newest is not None and newest.scorer == scorer


def test_workers_go_over_to_a_head_that_is_promoted_and_back_while_they_score(gate: Pipeline) -> None:
    own = gate.folder / "heads" / TEXT
    shutil.copytree(BUNDLED / TEXT, own)
    old, new = (candidate_of(None, folder) for folder in (own, _other_head(gate.folder / "new")))
    assert old.head is not None
    assert new.head is not None
    old_scorer, new_scorer = old.head.scorer, new.head.scorer
    port, feed = _free_port(), _Feed(gate)
    gate.environment |= {"SLUICE_CANARY_SECONDS": "60", "SLUICE_HTTP_PORT": str(port)}
    good = _proved(gate.folder / "good", promoted.proof(new))
    assert gate.run("policy", "publish", _file(gate, policy(0.45))).exit_code == 0
    _done(gate, "promote", "--head", str(new.head.folder), *good)
    gate.start("score-0", "score", "--device", "cpu", "--heads", str(own.parent), "--follow-releases")
    del gate.environment["SLUICE_HTTP_PORT"]
    gate.start("decide-0", "decide")
    feed.start()
    _until(lambda: _scored_last_by(gate, new_scorer))
    (back,) = _done(gate, "rollback", "--head", TEXT, "--why", "misses floods")["entries"]
    assert (back["before"]["digest"], back["after"]) == (new.head.digest, None)
    _until(lambda: _scored_last_by(gate, old_scorer))
    _release_what_is_nowhere(gate)
    _until(lambda: f'sluice_head_release_refused{{kind="{TEXT}"}} 1.0' in _get(port, "/metrics")[1])
    assert _get(port, "/readyz")[0] == 200
    feed.stop()
    _judge(gate, feed.sent, [new_scorer, old_scorer])


def _release_what_is_nowhere(gate: Pipeline) -> None:
    writer = DocumentWriter(gate.kafka.properties, gate.names.releases)
    lost = HeadReleased(kind=TEXT, head="0" * 64, scorer="0" * 64, name="lost", who="x", why="y", at=0)
    writer.put(TEXT, lost.to_json())
    writer.close()


def _judge(gate: Pipeline, sent: int, turns: list[str]) -> None:
    """Check that each item is answered once, by the head of its turn, and that decisions name the head."""
    _until(lambda: len(_answers(gate)) >= sent)
    answers = sorted(_answers(gate), key=lambda one: (one.item_partition, one.item_offset))
    assert len(answers) == len({one.item_id for one in answers}) == sent
    found = [_turns([one for one in answers if one.item_partition == number]) for number in range(4)]
    assert turns in found
    assert all(" ".join(one) in " ".join(turns) for one in found)  # none goes back by itself
    by_parent = {one.parent_id: one.scorer for one in answers}
    decisions = gate.decided(sent)
    assert {parent: one.scorers for parent, one in decisions.items()} == {
        parent: (scorer,) for parent, scorer in by_parent.items()
    }
