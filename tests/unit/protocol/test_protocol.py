"""The protocol of one decision per window, explored state by state: whole, and with each of its rules taken away.

Rules that are each other's second line (taking one of a pair away breaks nothing, taking both away does):
METADATA_EARLY and REBALANCE_WAITS. Metadata taken with the batch is refused once another replica owns the partition;
and while no callback runs in the middle of a transaction, metadata taken late is still of the same ownership. The pair
is tested as one, and each alone is shown to be covered by the other.

METADATA_FOLLOWS: in the model a commit with the metadata of an earlier epoch is refused, as brokers with the classic
protocol do it. Apache Kafka 4.3 takes an earlier epoch under KIP-848 for a partition that was owned since. Whoever
keeps the metadata of the assignment and sends nothing once the client has others waits for ever in both cases: there is
no callback when an epoch moves and the assignment stays.

"Drop what is below the position" is not enough for a batch that outlives an assignment (the seek may have gone back
below it), and not needed for one that does not (a seek discards what was fetched before it), so BATCH_DIES stands for
both.
"""

import logging
from pathlib import Path

import pytest

from tests.unit.protocol.checker import Report, explore
from tests.unit.protocol.model_decider import Decider
from tests.unit.protocol.model_evidence import Evidence, EvidenceModel
from tests.unit.protocol.model_worker import FAILED, SCORED, SKIPPED, Answering, WorkerModel
from tests.unit.protocol.rules import Rule
from tests.unit.protocol.scopes import EVERYWHERE, SECOND_LINES, SHOWS_IN, SMALLER, SOUND, Scope

_log = logging.getLogger(__name__)

OPEN_PARENT, ENDED_PARENT = (1, 2, 3), (1, 2, 0)
README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
OUTCOMES = (frozenset({SCORED, FAILED}), frozenset({SKIPPED}))


def decide(scope: Scope, *without: Rule) -> Report:
    model = Decider(scope.script, scope.faults, frozenset(without), idle_commits=scope.idle_commits)
    report = explore(model)
    _log.info("without %s: %s", [rule.name for rule in without], report)
    return report


@pytest.mark.parametrize("scope", SOUND)
def test_no_violation_with_all_rules(scope: str) -> None:
    report = decide(SOUND[scope])
    assert not report.reason, str(report)
    row = next(line for line in README.splitlines() if line.startswith(f"| {scope} |"))
    assert row.endswith(f"| {report.states:,} |")


@pytest.mark.parametrize("rule", sorted(set(Rule) - SECOND_LINES), ids=lambda rule: rule.name)
def test_each_rule_is_needed(rule: Rule) -> None:
    scope = SHOWS_IN.get(rule, EVERYWHERE)
    report = decide((SOUND | SMALLER)[scope], rule)
    assert report.reason
    assert f"| {rule.name} | {rule} | {scope} | {report.kind} |" in README


@pytest.mark.parametrize(("remember", "kind"), [(10, ""), (5, "decided twice")])
def test_an_id_is_issued_once_while_it_is_recognised(remember: int, kind: str) -> None:
    scope = SOUND["again"]  # p is decided at 0 and comes again at 9
    assert decide(scope._replace(script=scope.script._replace(remember=remember))).kind == kind


def test_one_of_the_second_lines_is_needed() -> None:
    assert decide(SOUND[EVERYWHERE], *sorted(SECOND_LINES)).reason


@pytest.mark.parametrize("rule", sorted(SECOND_LINES), ids=lambda rule: rule.name)
def test_a_second_line_covers_for_the_other(rule: Rule) -> None:
    report = decide(SOUND[EVERYWHERE], rule)
    assert not report.reason, str(report)


@pytest.mark.parametrize("script", [OPEN_PARENT, ENDED_PARENT], ids=["open", "ended"])
def test_evidence_holds_with_all_rules(script: tuple[int, ...]) -> None:
    report = explore(EvidenceModel(script, deaths=1))
    _log.info("%s", report)
    assert not report.reason, str(report)


@pytest.mark.parametrize("rule", list(Evidence), ids=lambda rule: rule.name)
def test_each_rule_of_evidence_is_needed(rule: Evidence) -> None:
    script = ENDED_PARENT if rule is Evidence.END_LAST else OPEN_PARENT
    report = explore(EvidenceModel(script, 1, frozenset({rule})))
    _log.info("without %s: %s", rule.name, report)
    assert report.reason
    assert f"| {rule.name} | {rule} | evidence | {report.kind} |" in README


def test_every_item_is_answered_with_all_rules() -> None:
    report = explore(WorkerModel(OUTCOMES, 1, frozenset()))
    _log.info("%s", report)
    assert not report.reason, str(report)


@pytest.mark.parametrize("rule", list(Answering), ids=lambda rule: rule.name)
def test_each_rule_of_answering_is_needed(rule: Answering) -> None:
    report = explore(WorkerModel(OUTCOMES, 1, frozenset({rule})))
    _log.info("without %s: %s", rule.name, report)
    assert report.reason
    assert f"| {rule.name} | {rule} | worker | {report.kind} |" in README
