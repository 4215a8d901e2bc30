"""One trial: deciders work, faults happen, and afterwards the topics are read whole and judged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploy import policyfiles
from deploy.brokers.ladder import KafkaAddress
from deploy.settings import Settings
from deploy.topicset import TopicSet
from streams import clients
from tests.chaos.evidence import aborted_decisions
from tests.chaos.faults import KINDS, Injector, Kind
from tests.chaos.feed import Feed
from tests.chaos.fleet import Fleet
from tests.chaos.judge import Judgement, Topics, judge
from tests.chaos.material import answers
from tests.chaos.reading import ACTIONS, Watcher, read_whole

STALLED = 120.0  # s without a new decision: it will not come

Report = Callable[[str, int, int], None]  # phase, done, of


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a trial is, and what it needs so as not to be void."""

    parents: int = 100_000
    items: int = 10
    faults: int = 12
    seed: int = 1
    partitions: int = 6
    idle_ms: int = 20_000
    session_ms: int = 6_000
    seconds_a_fault: float = 14.0  # about what one takes with that session time-out; only paces the scores
    aborted: int = 3  # transactions with decisions
    zombies: int = 1
    moved: int = 1
    extra: int = 8  # further faults, at most, until there is enough of each
    kinds: tuple[Kind, ...] = KINDS


@dataclass(slots=True)
class Outcome:
    """What came of a trial."""

    judgement: Judgement
    scores: int
    faults: dict[str, int]
    in_transaction: int
    in_recovery: int
    aborted_records: int
    aborted_transactions: int
    zombies: int
    moved: int
    seconds: float
    problems: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)

    @property
    def code(self) -> int:
        """The exit code: 1 for a broken promise, 3 for a void trial."""
        if self.problems or not self.judgement.flawless:
            return 1
        return 3 if self.lacking else 0

    def lines(self) -> list[str]:
        """Return what to print."""
        made, closed, faults = (_listed(c) for c in (self.judgement.actions, self.judgement.causes, self.faults))
        lines = [
            self.judgement.line(),
            f"{self.judgement.decisions} decisions from {self.scores} scores in {self.seconds:.0f} s: {made}",
            f"closed by: {closed}",
            f"faults {sum(self.faults.values())}: {faults}",
            f"killed in an open transaction: {self.in_transaction}; hit while recovering: {self.in_recovery}",
            f"aborted: {self.aborted_records} decisions, of {self.aborted_transactions} transactions at least",
            f"zombies refused: {self.zombies}; partitions moved: {self.moved}",
            *self.problems[:20],
        ]
        lines += [*self.judgement.lost[:5], *self.judgement.duplicated[:5], *self.judgement.wrong[:10]]
        return lines + ([f"void: {', '.join(self.lacking)}"] if self.lacking else [])

    def summary(self) -> dict[str, Any]:
        """Return everything, for a file."""
        return asdict(self) | {"code": self.code}


class Trial:
    """Runs a plan against a Kafka."""

    def __init__(self, plan: Plan, kafka: KafkaAddress, prefix: str, folder: Path, report: Report) -> None:
        """Name the topics by their prefix; nothing is started yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self._plan = plan
        self._properties = dict(kafka.properties)
        self._prefix = prefix
        self._folder = folder
        self._report = report
        self._settings = Settings.load(
            kafka=kafka.bootstrap,
            kafka_properties={n: v for n, v in kafka.properties.items() if n != "bootstrap.servers"},
            topic_prefix=prefix,
            partitions=plan.partitions,
            decide_group=prefix + "decide",
            score_group=prefix + "score",
        )
        self._fleet = Fleet(["decide-0", "decide-1"], self._environment(kafka), folder, plan.partitions)
        self._injector = Injector(
            self._fleet, self._properties, prefix + "decisions", plan.seed, plan.session_ms / 1000
        )
        self._problems: list[str] = []

    def run(self) -> Outcome:
        """Run it all; whatever was started has ended when this returns."""
        begun = time.monotonic()
        TopicSet(clients.admin(self._properties), self._settings).create()
        policy = self._policy()
        total = sum(1 for _ in answers(self._plan.parents, self._plan.items, self._plan.seed))
        feed = self._feed(total)
        watcher = Watcher(self._properties, self._prefix, self._plan.partitions)
        try:
            self._fleet.start("--policy", str(policy), "--verbose")
            watcher.start()
            feed.start()
            self._faults(feed, total)
            feed.full_speed()
            self._await_decisions(watcher, feed, total)
        finally:
            feed.stop()
            codes = self._fleet.finish()
            watcher.stop()
            for thread in (feed, watcher):
                _join(thread)
        self._problems += [f"a decider ended with {code}, not 0" for code in codes if code != 0]
        self._problems += [problem for problem in (feed.problem, watcher.problem) if problem]
        return self._conclude(watcher, total, begun)

    def _feed(self, total: int) -> Feed:
        records = answers(self._plan.parents, self._plan.items, self._plan.seed)
        seconds = max(10.0, self._plan.seconds_a_fault * self._plan.faults)
        return Feed(
            self._properties,
            self._prefix + "scores",
            partitions=self._plan.partitions,
            records=records,
            total=total,
            seconds=seconds,
        )

    def _environment(self, kafka: KafkaAddress) -> dict[str, str]:
        return {
            "SLUICE_KAFKA": kafka.bootstrap,
            "SLUICE_TOPIC_PREFIX": self._prefix,
            "SLUICE_PARTITIONS": str(self._plan.partitions),
            "SLUICE_DECIDE_GROUP": self._prefix + "decide",
            "SLUICE_SCORE_GROUP": self._prefix + "score",
            "SLUICE_KAFKA__SESSION_TIMEOUT_MS": str(self._plan.session_ms),
            "SLUICE_KAFKA__HEARTBEAT_INTERVAL_MS": str(self._plan.session_ms // 6),
        }

    def _policy(self) -> Path:
        """Write the default policy with a shorter idle time, so that abandoned parents are decided while we look."""
        document = yaml.safe_load(policyfiles.DEFAULT.read_text())
        document["rules"][0]["idle_ms"] = self._plan.idle_ms
        path = self._folder / "policy.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    def _faults(self, feed: Feed, total: int) -> None:
        kinds = [self._plan.kinds[place % len(self._plan.kinds)] for place in range(self._plan.faults)]
        for place, kind in enumerate(kinds):
            self._report(f"{kind}, {feed.sent} of {total} scores sent", place, len(kinds))
            self._injector.inject(kind)
        for place in range(self._plan.extra):
            needed = self._next_needed()
            if needed is None:
                return
            self._report(f"one more: {needed}", place, self._plan.extra)
            self._injector.inject(needed)

    def _next_needed(self) -> Kind | None:
        tally = self._injector.tally
        if tally.zombies < self._plan.zombies:
            return "zombie"
        _, transactions = aborted_decisions(self._properties, self._prefix + "decisions", self._plan.partitions)
        if transactions < self._plan.aborted:
            return "kill_in_transaction"
        return "zombie" if self._fleet.journal.moved < self._plan.moved else None

    def _await_decisions(self, watcher: Watcher, feed: Feed, total: int) -> None:
        """Wait until all parents are decided, or no more decisions come."""
        idle, before, progressed = threading.Event(), -1, time.monotonic()
        wanted = 2 * self._plan.parents  # once on decisions, once on an action's topic
        while feed.is_alive() or before < wanted:
            seen = len(watcher.seen) + len(watcher.on_actions)
            if seen != before or feed.is_alive():
                before, progressed = seen, time.monotonic()
            if time.monotonic() - progressed > STALLED or watcher.problem:
                return
            self._report(f"{feed.sent} of {total} scores sent, parents decided", len(watcher.seen), self._plan.parents)
            idle.wait(0.2)

    def _conclude(self, watcher: Watcher, total: int, begun: float) -> Outcome:
        self._report("reading the topics whole", 0, 1)
        topics = self._topics()
        judgement = judge(topics, self._plan.idle_ms)
        missing = self._plan.parents - len({key[0] for key in watcher.seen})
        if missing:
            self._problems.append(f"{missing} parents were never seen decided while we looked")
        if watcher.seen.total() != len(topics.decisions) or max(watcher.seen.values(), default=0) > 1:
            self._problems.append("the consumer that looked on saw other decisions than are there now")
        if watcher.on_actions.total() != watcher.seen.total():
            self._problems.append("the consumer that looked on saw other counts on the actions' topics")
        if len(topics.scores) != total:
            self._problems.append(f"{len(topics.scores)} scores are on the topic, {total} were sent")
        records, transactions = aborted_decisions(self._properties, self._prefix + "decisions", self._plan.partitions)
        tally = self._injector.tally
        outcome = Outcome(
            judgement=judgement,
            scores=len(topics.scores),
            faults=dict(tally.kinds),
            in_transaction=tally.in_transaction,
            in_recovery=tally.in_recovery,
            aborted_records=records,
            aborted_transactions=transactions,
            zombies=tally.zombies,
            moved=self._fleet.journal.moved,
            seconds=time.monotonic() - begun,
            problems=self._problems + [f"not settled after {text}" for text in tally.unsettled],
        )
        outcome.lacking = self._lacking(outcome)
        return outcome

    def _topics(self) -> Topics:
        def whole(name: str) -> Any:
            return read_whole(self._properties, self._prefix + name, self._plan.partitions)

        return Topics(
            whole("scores"), whole("decisions"), whole("latest"), {action: whole(action) for action in ACTIONS}
        )

    def _lacking(self, outcome: Outcome) -> list[str]:
        floors = {
            "aborted transactions with decisions": (outcome.aborted_transactions, self._plan.aborted),
            "refused zombies": (outcome.zombies, self._plan.zombies),
            "moved partitions": (outcome.moved, self._plan.moved),
        }
        return [f"{found} {name}, {wanted} needed" for name, (found, wanted) in floors.items() if found < wanted]


def _join(thread: threading.Thread) -> None:
    if thread.ident is not None:
        thread.join(90)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
