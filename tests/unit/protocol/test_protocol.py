"""The protocol of one decision per window, explored state by state: whole, and with each of its rules taken away.

Rules that are each other's second line (taking one of a pair away breaks nothing, taking both away does):
METADATA_EARLY and REBALANCE_WAITS. Metadata taken with the batch is refused once another replica owns the partition;
and while no callback runs in the middle of a transaction, metadata taken late is still of the same ownership. The pair
is tested as one, and each alone is shown to be covered by the other.

METADATA_FOLLOWS: in the model a commit with the metadata of an earlier epoch is refused, as brokers with the classic
protocol do it. Apache Kafka 4.3 takes an earlier epoch under KIP-848 for a partition that was owned since. Whoever
keeps the metadata of the assignment and sends nothing once the client has others waits for ever in both cases: there is
no callback when an epoch moves and the assignment stays.

Not told apart here, and why: a spent score from a late one (they differ in counts that no later decision shows while
windows are never forgotten and never revised). "Drop what is below the position" is not enough for a batch that
outlives an assignment (the seek may have gone back below it), and not needed for one that does not (a seek discards
what was fetched before it), so BATCH_DIES stands for both.
"""

import logging

import pytest

from tests.unit.protocol.checker import Report, explore
from tests.unit.protocol.model_decider import Decider, Faults
from tests.unit.protocol.model_evidence import Evidence, EvidenceModel
from tests.unit.protocol.model_kafka import Rule
from tests.unit.protocol.model_window import END, Score, Script

_log = logging.getLogger(__name__)

ANY_ONE = Faults(total=1, rebalance=1, crash=1, lost_answer=1, timeout=1)
ANY_TWO = Faults(total=2, rebalance=2, crash=1, lost_answer=1, timeout=1)

# q is decided while the older p is open; a duplicate of q comes late.
COUNT = Script(
    (Score("p", "1", 0), Score("q", "1", 0), Score("q", "2", 0), Score("q", "1", 0), Score("p", "2", 0)), needs=2
)
ONE_AT_ONCE = COUNT._replace(at_once=1)
# p is complete, q idle; a late duplicate of p would be idle too, if p were not known as decided; r stays open.
IDLE = Script(
    (
        Score("p", "1", 0),
        Score("p", "2", 4),
        Score("q", "1", 6),
        Score("p", "3", 7),
        Score("p", "1", 20),
        Score("r", "1", 30),
    ),
    needs=3,
    idle=5,
)
# p is ended, with a late score; q waits for an item that never comes and is closed by the wall clock.
ENDED = Script((Score("p", "1", 0), Score("q", "1", 0), Score("p", END, 0), Score("p", "2", 0)), needs=3, wall=True)

SECOND_LINES = frozenset({Rule.METADATA_EARLY, Rule.REBALANCE_WAITS})
CRASH_AND_REBALANCE = Faults(total=2, rebalance=1, crash=1)
TWO_REBALANCES = Faults(total=2, rebalance=2)
LOST_THEN_REBALANCE = Faults(total=2, rebalance=1, lost_answer=1)
SCOPES: dict[Rule, tuple[Script, Faults]] = {
    Rule.STATE_DIES: (COUNT, TWO_REBALANCES),
    Rule.BATCH_DIES: (COUNT, TWO_REBALANCES),
    Rule.NEW_PRODUCER: (COUNT, LOST_THEN_REBALANCE),
    Rule.WAITING_IS_OPEN: (ONE_AT_ONCE, ANY_ONE),
    Rule.STREAM_TIME_AT_LOW: (IDLE, ANY_ONE),
    Rule.REMEMBER: (IDLE, Faults()),
}
OPEN_PARENT, ENDED_PARENT = (1, 2, 3), (1, 2, 0)


def decide(script: Script, faults: Faults, *without: Rule) -> Report:
    report = explore(Decider(script, faults, frozenset(without), idle_commits=script is IDLE))
    _log.info("without %s: %s", [rule.name for rule in without], report)
    return report


@pytest.mark.parametrize(
    ("script", "faults"),
    [(COUNT, ANY_TWO), (IDLE, CRASH_AND_REBALANCE), (ENDED, CRASH_AND_REBALANCE), (ONE_AT_ONCE, ANY_ONE)],
    ids=["count", "idle", "ended", "one-at-once"],
)
def test_no_violation_with_all_rules(script: Script, faults: Faults) -> None:
    report = decide(script, faults)
    assert not report.reason, str(report)
    assert report.states > 1_000


@pytest.mark.parametrize("rule", sorted(set(Rule) - SECOND_LINES), ids=lambda rule: rule.name)
def test_each_rule_is_needed(rule: Rule) -> None:
    script, faults = SCOPES.get(rule, (COUNT, ANY_ONE))
    assert decide(script, faults, rule).reason


def test_one_of_the_second_lines_is_needed() -> None:
    assert decide(COUNT, ANY_ONE, *sorted(SECOND_LINES)).reason


@pytest.mark.parametrize("rule", sorted(SECOND_LINES), ids=lambda rule: rule.name)
def test_a_second_line_covers_for_the_other(rule: Rule) -> None:
    report = decide(COUNT, ANY_ONE, rule)
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
