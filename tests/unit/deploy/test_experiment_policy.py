"""Experiments of policies as people see them: shown, compared, explained, verified; and heads that are refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.experiments import candidates
from deploy.experiments.candidates import ShadowOption, SplitOption
from deploy.experiments.errors import ExperimentError
from deploy.explain.check import check
from deploy.explain.published import Published
from deploy.itemrecords import record_of
from deploy.metrics.score import AnswerCounter
from deploy.policy.compare import compare
from schemas.decisions import ArmRef
from schemas.experiments import Arm, arm_of
from schemas.items import ItemEnvelope, RawItem
from schemas.policy import Experiment, Policy, Rule, Thresholds
from streams.work import Answer, Shadowed, Ticket
from tests.unit.aggregation.records import scored
from tests.unit.deploy.explained import printed, told
from tests.unit.workers.heads import ENCODING, METRICS, MeanLevel
from tests.unit.workers.test_candidates import write
from workers.domains import Domain
from workers.heads import Head
from workers.metrics import METRICS_VERSION
from workers.results import Failed, Scored

STRICT = Thresholds(high=0.9, medium=0.8, low=0.1)
SPLIT = Policy(name="test", rules=[Rule()], experiment=Experiment(name="sharper", share=0.5, thresholds=STRICT))
IN_CANDIDATE = next(f"clip-{n}" for n in range(99) if arm_of("sharper", 0.5, f"clip-{n}") is Arm.CANDIDATE)
TEXT = """\
name: night
rules: [{}]
experiment:
  name: sharper
  share: 0.1
  thresholds: {high: 0.8, medium: 0.5}
"""


def test_a_policy_with_an_experiment_shows_both_arms(tmp_path: Path) -> None:
    path = tmp_path / "night.yaml"
    path.write_text(TEXT)
    done = CliRunner().invoke(app, ["policy", "validate", str(path)])
    assert done.exit_code == 0
    assert "experiment sharper: 0.1 of the parents are the candidate's" in done.stdout
    assert "high from 0.7" in done.stdout
    assert "high from 0.8" in done.stdout


@pytest.mark.parametrize(
    ("wrong", "line", "right"),
    [
        ("share: 2", 5, "a number, above 0 and below 1"),
        ("shar: 0.5", 5, "Did you mean share?"),
        ("share: 0.1\n  rules: [{window: {by: index, size: 3}}]", 1, "not both"),
    ],
)
def test_a_wrong_experiment_is_told_with_what_would_be_right(tmp_path: Path, wrong: str, line: int, right: str) -> None:
    path = tmp_path / "night.yaml"
    path.write_text(TEXT.replace("share: 0.1", wrong))
    done = CliRunner().invoke(app, ["policy", "validate", str(path)])
    assert done.exit_code != 0
    assert f"{path}:{line}:" in done.stderr or line == 1
    assert right in done.stderr


def test_experiments_are_compared_field_by_field() -> None:
    without = Policy(name="test", rules=[Rule()])
    assert SPLIT.experiment is not None
    wider = SPLIT.model_copy(update={"experiment": SPLIT.experiment.model_copy(update={"share": 0.6})})
    found = {one.field: (one.before, one.after) for one in compare(SPLIT, wider).differences}
    assert found == {"experiment.share": (0.5, 0.6)}
    named = {one.field for one in compare(without, SPLIT).differences}
    assert {"experiment.name", "experiment.share", "experiment.thresholds.high"} <= named
    assert compare(SPLIT, SPLIT).differences == []


def test_a_decision_names_its_arm_and_is_verified_under_the_rule_of_it() -> None:
    account = told([scored(IN_CANDIDATE, 0, 0.75, 1)], SPLIT)
    decision = account.decision
    assert decision is not None
    assert decision.policy.experiment == ArmRef(name="sharper", share=0.5, arm=Arm.CANDIDATE)
    assert "sharper: candidate, where 0.5 of the parents are the candidate's" in printed(account)
    document = SPLIT.model_dump_json().encode()
    trace = replace(account.trace, policies=Published.of([(b"test@1", document)]))
    assert check(decision, trace).verified
    other = ArmRef(name="sharper", share=0.5, arm=Arm.CONTROL)
    moved = decision.model_copy(update={"policy": decision.policy.model_copy(update={"experiment": other})})
    (found,) = check(moved, trace).differences
    assert (found.field, found.written, found.again) == ("policy.experiment.arm", Arm.CONTROL, Arm.CANDIDATE)


def test_a_candidate_for_another_encoder_is_refused_with_its_exit_code(tmp_path: Path) -> None:
    write(tmp_path / "live")
    write(tmp_path / "other", encoding=ENCODING.model_copy(update={"preprocessing": "v2"}))
    versions = dict.fromkeys(METRICS, METRICS_VERSION)
    domains = {"video-frame": Domain(MeanLevel(), Head.load(tmp_path / "live", ENCODING, versions))}
    events: list[dict[str, Any]] = []
    for shadows, split in (
        ((ShadowOption("brisk", tmp_path / "other"),), None),
        ((), SplitOption("brisk", 0.5, tmp_path / "other")),
    ):
        with pytest.raises(ExperimentError, match="preprocessing 'v2', not 'v1'") as refused:
            candidates.load(shadows, split, domains, (), lambda event, **fields: events.append({event: fields}))
        assert refused.value.exit_code == 25
    assert events == []
    own = candidates.load(
        (ShadowOption("brisk", tmp_path / "live"),),
        None,
        domains,
        (),
        lambda event, **fields: events.append({event: fields}),
    )
    assert [one.name for one in own.shadows] == ["brisk"]
    heads = {"video-frame": domains["video-frame"].head.scorer_digest}
    assert events == [{"candidate": {"shadow": "brisk", "heads": heads}}]


class _Worker:
    """A worker with one answer of a candidate in shadow."""

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        raise NotImplementedError

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        ticket, envelope = Ticket(0, 1, 7, 0), ItemEnvelope(id="i", source="s", kind="image", parent_id="p", index=0)
        failed = Failed("metric_failed")
        result = Scored(0.5, (), {}, "old", calibrated=True, embedding="e", cached=False, shadows=(("brisk", failed),))
        return [(ticket, record_of(ticket, envelope, result))]

    def withdraw(self, wanted: Callable[[Ticket], bool]) -> Sequence[Ticket]:
        raise NotImplementedError


def test_what_a_candidate_answers_in_shadow_is_counted_apart_from_what_is_live() -> None:
    counter = AnswerCounter(_Worker(), ["image"])
    ((_, answer),) = counter.finished()
    assert isinstance(answer, Shadowed)
    assert answer.shadows["brisk"].item_offset == answer.live.item_offset == 7
    samples = {(one.name, *one.labels.values()): one.value for family in counter.collect() for one in family.samples}
    assert samples["sluice_shadow_items_total", "brisk", "failed"] == 1
    assert samples["sluice_items_answered_total", "image", "scored"] == 1
    assert not [name for name, *_ in samples if name == "sluice_items_failed_total"]
