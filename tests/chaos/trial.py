"""One trial: deciders work, faults happen, and afterwards the topics are read whole and judged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from confluent_kafka.admin import AdminClient

from deploy.brokers.ladder import KafkaAddress
from deploy.policy.publication import PolicyDesk
from deploy.settings import Settings
from deploy.topicset import TopicSet
from streams import clients
from streams.topics import TopicNames
from tests.chaos import decider
from tests.chaos.aftermath import Aftermath
from tests.chaos.cleaning import Cleaner
from tests.chaos.evidence import aborted_decisions, transactions
from tests.chaos.faults import Injector, Kind
from tests.chaos.feed import Feed
from tests.chaos.fleet import SLUICE, Fleet
from tests.chaos.judge import judge
from tests.chaos.material import Sending, answers
from tests.chaos.plan import Outcome, Plan
from tests.chaos.policies import NAME, write
from tests.chaos.reading import Entry, Watcher
from tests.chaos.scorelog import Answer, windows_of

STALLED = 120.0  # s without a new decision: it will not come
OWN = f"{NAME}@1"
_LATE_TIMES = 5  # as long as any late time here, as a day is to that of a policy

Report = Callable[[str, int, int], None]  # phase, done, of


class Trial:
    """Runs a plan against a Kafka."""

    def __init__(self, plan: Plan, kafka: KafkaAddress, prefix: str, folder: Path, report: Report) -> None:
        """Name the topics by their prefix; nothing is started yet."""
        folder.mkdir(parents=True, exist_ok=True)
        self._plan = plan
        self._properties = dict(kafka.properties)
        self._admin: AdminClient = clients.admin(self._properties)
        self._prefix = prefix
        self._folder = folder
        self._report = report
        self._versions = plan.versions()
        self._settings = Settings.load(
            kafka=kafka.bootstrap,
            kafka_properties={n: v for n, v in kafka.properties.items() if n != "bootstrap.servers"},
            topic_prefix=prefix,
            partitions=plan.partitions,
            decide_group=prefix + "decide",
            score_group=prefix + "score",
        )
        self._desk = PolicyDesk(self._properties, TopicNames(prefix), plan.partitions)
        program = SLUICE if plan.remember_ms is None else decider.PROGRAM
        self._fleet = Fleet(["decide-0", "decide-1"], self._environment(kafka), folder, plan.partitions, program)
        self._injector = Injector(
            self._fleet, self._properties, prefix + "decisions", plan.seed, plan.session_ms / 1000
        )
        self._cleaner = Cleaner(self._properties, prefix, plan.partitions)
        self._watcher = Watcher(self._properties, prefix, plan.partitions)
        self._aftermath = Aftermath(self._properties, self._settings, self._watcher)
        self._aborted: dict[tuple[int, int], Entry] = {}
        self._problems: list[str] = []

    def run(self) -> Outcome:
        """Run it all; whatever was started has ended when this returns."""
        begun = time.monotonic()
        TopicSet(self._admin, self._settings).create()
        if self._plan.remember_ms is not None:
            self._cleaner.compact_at_once()
        policy = write(self._versions, self._folder / "policies")
        self._desk.publish(self._versions[OWN])
        total, expected = self._expected()
        feed = self._feed(total)
        try:
            self._fleet.start("--policy", str(policy), "--verbose")
            self._watcher.start()
            feed.start()
            self._faults(feed, total)
            feed.full_speed()
            self._await_decisions(feed, expected)
            _join(feed)
            self._problems += self._aftermath.drain(feed)
        finally:
            feed.stop()
            codes = self._fleet.finish()
            self._watcher.stop()
            for thread in (feed, self._watcher):
                _join(thread)
        self._problems += [f"a decider ended with {code}, not 0" for code in codes if code != 0]
        self._problems += [problem for problem in (feed.problem, self._watcher.problem) if problem]
        return self._conclude(feed, begun)

    def _expected(self) -> tuple[int, set[tuple[str, str]]]:
        """Return how many scores there will be, and the windows that they are in, by parent."""
        policy, windows, total = self._versions[OWN], set(), 0
        for record, *_ in self._records():
            total += 1
            if record["type"] != "ParentEnded":
                score = msgspec.convert(record, Answer)
                rule = policy.rule_for(score.kind, score.source)
                windows |= {(score.parent_id, name) for name in windows_of(score, rule)}
        return total, windows

    def _records(self) -> Iterator[Sending]:
        return answers(self._plan.mix(), self._plan.seed)

    def _feed(self, total: int) -> Feed:
        return Feed(
            self._properties,
            self._prefix + "scores",
            partitions=self._plan.partitions,
            records=self._records(),
            total=total,
            seconds=max(10.0, self._plan.seconds_a_fault * self._plan.faults),
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
            decider.REMEMBER_MS: str(self._plan.remember_ms or 0),
            decider.LATE_MS: str(_LATE_TIMES * self._plan.late_ms),
        }

    # ------------------------------------------------------------------------------------------------------ faults

    def _faults(self, feed: Feed, total: int) -> None:
        """Inject the faults; meanwhile policies are switched, and in the middle the topics are cleaned."""
        kinds = [self._plan.kinds[place % len(self._plan.kinds)] for place in range(self._plan.faults)]
        switches = {len(kinds) // 4: f"{NAME}@2", len(kinds) // 2: OWN, len(kinds) * 3 // 4: f"{NAME}@2"}
        for place, kind in enumerate(kinds):
            self._report(f"{kind}, {feed.sent} of {total} scores sent", place, len(kinds))
            if self._plan.remember_ms is not None and place >= len(kinds) // 2:
                self._clean(first=place == len(kinds) // 2)
            switch = threading.Thread(target=self._switch, args=(switches.get(place),), daemon=True)
            switch.start()
            self._injector.inject(kind)
            switch.join(60)
        for place in range(self._plan.extra):
            needed = self._next_needed()
            if needed is None:
                return
            self._report(f"one more: {needed}", place, self._plan.extra)
            self._injector.inject(needed)

    def _switch(self, reference: str | None) -> None:
        """Activate another policy, as a person would."""
        if reference is None:
            return
        try:
            known = self._desk.book().versions
            if reference in known:
                self._desk.rollback(reference)
            else:
                self._desk.publish(self._versions[reference])
        except Exception as error:  # noqa: BLE001 - on a thread: whatever it is, the trial has failed
            self._problems.append(f"{reference} was not activated: {error}")

    def _clean(self, *, first: bool) -> None:
        self._note_aborted()  # of what is deleted now, nobody can count it afterwards
        if first:
            self._cleaner.clean(self._watcher, self._settings.decide_group)
        else:
            self._cleaner.delete_more(self._settings.decide_group)

    def _note_aborted(self) -> int:
        found = aborted_decisions(self._properties, self._prefix + "decisions", self._plan.partitions)
        self._aborted |= {(one.partition, one.offset): one for one in found}
        return transactions(self._aborted.values())

    def _next_needed(self) -> Kind | None:
        tally = self._injector.tally
        if tally.zombies < self._plan.zombies:
            return "zombie"
        if self._note_aborted() < self._plan.aborted:
            return "kill_in_transaction"
        return "zombie" if self._fleet.journal.moved < self._plan.moved else None

    # --------------------------------------------------------------------------------------------------------- end

    def _await_decisions(self, feed: Feed, expected: set[tuple[str, str]]) -> None:
        """Wait until every window is decided, the last ones by the wall clock, or no more decisions come."""
        idle, before, progressed = threading.Event(), -1, time.monotonic()
        while feed.is_alive() or expected:
            seen = self._watcher.seen.total()
            if seen != before or feed.is_alive():
                before, progressed = seen, time.monotonic()
                expected -= {(parent, window) for parent, window, _ in tuple(self._watcher.seen)}
            if time.monotonic() - progressed > STALLED or self._watcher.problem:
                return
            self._report(f"{feed.sent} scores sent, windows left", len(expected), len(expected))
            idle.wait(0.5)

    def _conclude(self, feed: Feed, begun: float) -> Outcome:
        self._report("reading the topics whole", 0, 1)
        topics, differing = self._aftermath.topics(self._versions)
        self._problems += differing
        judgement = judge(topics, self._versions, OWN)
        scores = sum(len(one.offsets) - len(one.markers) for one in topics.scores.values())
        if scores != feed.sent:
            self._problems.append(f"{scores} scores are on the topic, {feed.sent} were sent")
        aborted = self._note_aborted()
        tally = self._injector.tally
        return Outcome(
            plan=self._plan,
            judgement=judgement,
            scores=scores,
            faults=dict(tally.kinds),
            in_transaction=tally.in_transaction,
            in_recovery=tally.in_recovery,
            aborted_records=len(self._aborted),
            aborted_transactions=aborted,
            zombies=tally.zombies,
            moved=self._fleet.journal.moved,
            seconds=time.monotonic() - begun,
            cleaned=self._cleaner.cleaned,
            problems=self._problems + [f"not settled after {text}" for text in tally.unsettled],
        )


def _join(thread: threading.Thread) -> None:
    if thread.ident is not None:
        thread.join(90)
