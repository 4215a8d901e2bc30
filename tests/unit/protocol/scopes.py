"""What the rules are tried on: what lies in the partition, and what may go wrong meanwhile."""

from typing import NamedTuple

from tests.unit.protocol.model_decider import Faults
from tests.unit.protocol.model_window import END, Marker, Score, Script, Terms, Unreadable
from tests.unit.protocol.rules import Rule


class Scope(NamedTuple):
    script: Script
    faults: Faults
    idle_commits: bool = False  # also where nothing was decided


ANY_ONE = Faults(total=1, rebalance=1, crash=1, lost_answer=1, timeout=1)
TWO_KINDS = Faults(total=2, rebalance=1, crash=1, lost_answer=1, timeout=1)
CRASH = Faults(total=1, crash=1)
CRASH_AND_REBALANCE = Faults(total=2, rebalance=1, crash=1)
TWO_REBALANCES = Faults(total=2, rebalance=2)
LOST_THEN_REBALANCE = Faults(total=2, rebalance=1, lost_answer=1)
RETENTION_AND_CRASH = Faults(total=2, retention=1, crash=1)
MEMORY_AND_CRASH = Faults(total=2, memory=1, crash=1)

PAIR = (Terms(needs=2, late=100),)

# q is decided while the older p is open; a duplicate of q comes late.
COUNT = Script((Score("p", "1"), Score("q", "1"), Score("q", "2"), Score("q", "1"), Score("p", "2")), PAIR)
SHORT = COUNT._replace(records=(Score("p", "1"), Score("q", END), Score("p", "2")))
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
    (Terms(needs=3, idle=5, late=100),),
)
# p is ended, with a late score; q waits for an item that never comes and is closed by the wall clock.
ENDED = Script(
    (Score("p", "1"), Score("q", "1"), Score("p", END), Score("p", "2")), (Terms(needs=3, late=100),), wall=True
)
# Two windows of c are decided while the older r is open.
RANGES = Script(
    (Score("r", "1"), Score("c", "0"), Score("c", "2"), Score("c", "1"), Score("c", "3"), Score("r", "0")),
    (Terms(needs=2, span=2, late=100),),
)
IN_ORDER = RANGES._replace(records=(Score("c", "0"), Score("c", "1"), Score("c", "2"), Score("c", "3")))
# p is accepted; a late bad item makes it a reject, a good one comes after its late time.
REVISED = Script(
    (Score("p", "1", 0), Score("p", "2", 0), Score("p", "3!", 3), Score("q", END, 30), Score("p", "4", 31)),
    (Terms(needs=2, late=10, revise=True),),
)
# A bad item settles p before its others come.
EARLY = Script(
    (Score("p", "1"), Score("p", "2!"), Score("q", "1"), Score("p", "3")),
    (Terms(needs=4, late=10, revise=True, early=True),),
    wall=True,
)
# p opens before the marker and is decided after it, r opens after it.
SWITCHED = Script(
    (Score("p", "1"), Marker(1), Score("q", END), Score("p", "2"), Score("r", END)),
    (Terms(needs=2, late=100), Terms(needs=2, late=100)),
)
# p is one window; a policy that cuts parents comes before p's last score.
CUT = Script(
    (Score("r", "1"), Score("p", "1"), Marker(1), Score("p", "2"), Score("r", "2")),
    (Terms(needs=2, late=100), Terms(needs=2, span=2, late=100)),
    wall=True,
)
# p's late time is over while the older r is open; recovery has to read p's scores again.
OLDER = Script(
    (Score("r", "1", 0), Score("p", "1", 1), Score("p", "2", 1), Score("q", "1", 8), Score("r", "2", 9)),
    (Terms(needs=2, late=3),),
    remember=0,
)
# p comes once more in its late time, and again after it.
AGAIN = Script(
    (
        Score("p", "1", 0),
        Score("p", "2", 0),
        Score("p", "1", 1),
        Score("q", END, 8),
        Score("p", "1", 9),
        Score("p", "2", 9),
    ),
    (Terms(needs=2, late=3),),
    remember=100,
)
# p comes again after its late time, and then a late item of it.
AGAIN_REVISED = Script(
    (
        Score("p", END, 0),
        Score("q", END, 8),
        Score("p", "1", 9),
        Score("p", "2", 9),
        Score("p", "3", 10),
    ),
    (Terms(needs=2, late=3, revise=True),),
    remember=100,
)
# p comes again after its late time, and is decided early; the older r is open.
AGAIN_EARLY = Script(
    (Score("p", END, 0), Score("q", END, 8), Score("r", "1", 9), Score("p", "1!", 9), Score("p", "2", 9)),
    (Terms(needs=3, late=3, revise=True, early=True),),
    wall=True,
    remember=100,
)
# Retention deletes p's first score and a marker before they are read; q is decided by then, or gone.
DELETED = Script(
    (Score("p", "1"), Marker(1), Score("q", "1"), Score("q", "2"), Score("p", "2"), Score("r", "1"), Score("r", "2")),
    (Terms(needs=2, late=100), Terms(needs=2, late=100)),
    wall=True,
    retained=2,
)
# The scores of q's decision are deleted, and then the decision.
OLD_DECISIONS = COUNT._replace(terms=(Terms(needs=2),), retained=4, wall=True)
# The same with p, which comes again: its decision has to stay.
OLD_AGAIN = AGAIN._replace(retained=3, wall=True)
NO_ROOM = COUNT._replace(wall=True)
UNREADABLE = Script((Score("p", "1"), Unreadable(), Score("q", "1"), Score("q", "2"), Score("p", "2")), PAIR)

SOUND: dict[str, Scope] = {
    "count": Scope(COUNT, ANY_ONE),
    "two faults": Scope(SHORT, TWO_KINDS),
    "two rebalances": Scope(SHORT, TWO_REBALANCES),
    "one at once": Scope(ONE_AT_ONCE, ANY_ONE),
    "idle": Scope(IDLE, ANY_ONE, idle_commits=True),
    "ended": Scope(ENDED, ANY_ONE),
    "early": Scope(EARLY, ANY_ONE),
    "no room": Scope(NO_ROOM, MEMORY_AND_CRASH),
    "ranges": Scope(RANGES, ANY_ONE),
    "revised": Scope(REVISED, ANY_ONE),
    "switched": Scope(SWITCHED, ANY_ONE),
    "cut": Scope(CUT, ANY_ONE),
    "older": Scope(OLDER, ANY_ONE, idle_commits=True),
    "again": Scope(AGAIN, CRASH),
    "again, revised": Scope(AGAIN_REVISED, CRASH),
    "again, early": Scope(AGAIN_EARLY, CRASH),
    "deleted": Scope(DELETED, RETENTION_AND_CRASH),
    "old decisions": Scope(OLD_DECISIONS, RETENTION_AND_CRASH),
    "old, again": Scope(OLD_AGAIN, RETENTION_AND_CRASH),
    "unreadable": Scope(UNREADABLE, CRASH),
}
"""In these nothing is wrong with all rules on."""

SMALLER: dict[str, Scope] = {
    "count, no fault": Scope(COUNT, Faults()),
    "count, rebalances": Scope(COUNT, TWO_REBALANCES),
    "count, lost answer": Scope(COUNT, LOST_THEN_REBALANCE),
    "idle, no fault": Scope(IDLE, Faults(), idle_commits=True),
    "in order": Scope(IN_ORDER, CRASH),
    "revised, no fault": Scope(REVISED, Faults()),
    "revised, crash": Scope(REVISED, CRASH),
    "switched, no fault": Scope(SWITCHED, Faults()),
}
"""Where a rule that is taken away shows sooner."""

SECOND_LINES = frozenset({Rule.METADATA_EARLY, Rule.REBALANCE_WAITS})
SHOWS_IN: dict[Rule, str] = {
    Rule.WAITING_IS_OPEN: "one at once",
    Rule.STREAM_TIME_AT_LOW: "idle",
    Rule.STATE_DIES: "count, rebalances",
    Rule.BATCH_DIES: "count, rebalances",
    Rule.NEW_PRODUCER: "count, lost answer",
    Rule.REMEMBER: "idle, no fault",
    Rule.BY_ITEM: "in order",
    Rule.EARLY_IS_FINAL: "early",
    Rule.FINAL_KNOWN: "again, early",
    Rule.MEMORY_CLOSES: "no room",
    Rule.SPENT_OR_LATE: "revised",
    Rule.KEPT_IS_OPEN: "revised, crash",
    Rule.REBUILD: "revised",
    Rule.LAST_REVISION: "revised",
    Rule.RETRACT: "revised, no fault",
    Rule.MARKER_IN_SCORES: "switched, no fault",
    Rule.VERSION_AT_FIRST: "switched, no fault",
    Rule.STAYS_WHOLE: "cut",
    Rule.POLICY_COMMITTED: "switched",
    Rule.POLICY_AT_LOW: "switched",
    Rule.FORGET_AFTER_LATE: "again",
    Rule.FORGET_BELOW_LOW: "older",
    Rule.RECOGNISE: "again",
    Rule.REOPENED_ID: "again",
    Rule.REBUILT_ID: "again, revised",
    Rule.FROM_UNFORGOTTEN: "older",
    Rule.FROM_RECOGNISED: "again",
    Rule.DECISIONS_OUTLIVE: "old decisions",
    Rule.DECISIONS_LAST: "old, again",
    Rule.NOT_COMPACTED: "ranges",
    Rule.NOT_LATEST: "ranges",
    Rule.TRUNCATED: "deleted",
    Rule.TRUNCATED_COMMITTED: "deleted",
    Rule.TRUNCATED_POLICY: "deleted",
    Rule.COUNTED_ONCE: "unreadable",
}
"""The scope in which each rule is needed; for the others it is this one."""

EVERYWHERE = "count"
