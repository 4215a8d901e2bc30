"""Decides anew, from the scores on the topic alone, and compares. Written apart from the code under test.

It knows the default policy only: the median, three edges, the usual actions, failed items as zeros, nothing may be
missing, no head that is not calibrated may reject.
"""

from __future__ import annotations

import json
import statistics
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.reading import ACTIONS, DecisionKey, Entry, decision_key

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sluice.org/decision/v1")
_ORDER = {"ItemScored": 0, "ItemFailed": 1, "ItemSkipped": 2}
_COMPARED = ("id", "action", "label", "score", "review", "uncalibrated", "reasons", "counts", "first_offset", "cause")

Record = dict[str, Any]
History = list[tuple[int, Record]]  # the records of one parent with their offsets, in order


@dataclass(slots=True)
class Judgement:
    """What is wrong with the decisions of a run; empty lists are what is wanted."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    decisions: int = 0
    causes: dict[str, int] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)

    @property
    def flawless(self) -> bool:
        """Whether nothing was lost, duplicated or wrong."""
        return not (self.lost or self.duplicated or self.wrong)

    def line(self) -> str:
        """Return the line that a run is about."""
        return f"lost {len(self.lost)} duplicated {len(self.duplicated)} wrong {len(self.wrong)}"


@dataclass(frozen=True, slots=True)
class Topics:
    """Whole topics, as a read_committed consumer gets them."""

    scores: list[Entry]
    decisions: list[Entry]
    latest: list[Entry]
    actions: dict[str, list[Entry]]


def judge(topics: Topics, idle_ms: int) -> Judgement:
    """Compare the decisions with the scores, and the views with the decisions."""
    result = Judgement(decisions=len(topics.decisions))
    histories = _histories(topics.scores)
    seen = Counter(decision_key(one.value) for one in topics.decisions)
    result.duplicated = [f"{key} {times} times on decisions" for key, times in seen.items() if times > 1]
    decided = {parent for parent, _, _ in seen}
    result.lost = [parent for _, parent in histories if parent not in decided]
    records = [json.loads(one.value) for one in topics.decisions]
    result.causes = dict(Counter(decision["cause"] for decision in records))
    result.actions = dict(Counter(decision["action"] for decision in records))
    for one, decision in zip(topics.decisions, records, strict=True):
        history = histories.get((one.partition, decision["parent_id"]), [])
        result.wrong += [f"{decision['parent_id']}: {text}" for text in _faults(one, decision, history, idle_ms)]
    _compare_views(topics, seen, result)
    return result


def _histories(scores: Iterable[Entry]) -> dict[tuple[int, str], History]:
    histories: dict[tuple[int, str], History] = defaultdict(list)
    for one in scores:
        record = json.loads(one.value)
        histories[one.partition, record["parent_id"]].append((one.offset, record))
    return dict(histories)


def _faults(one: Entry, decision: Record, history: History, idle_ms: int) -> list[str]:
    if one.key.decode() != decision["parent_id"] or one.partition != decision["partition"]:
        return ["it lies under another key or partition than its own"]
    read = [(offset, record) for offset, record in history if offset <= decision["through_offset"]]
    if not read:
        return ["it was made before the first score"]
    wanted = decide([record for _, record in read])
    wanted |= {"first_offset": read[0][0], "cause": _cause(read, decision, idle_ms)}
    return [
        f"{name} is {decision.get(name)!r}, not {wanted[name]!r}"
        for name in _COMPARED
        if decision.get(name) != wanted[name]
    ]


def decide(records: list[Record]) -> Record:
    """Return what a decision about these records of one parent must say."""
    answers = [record for record in records if record["type"] != "ParentEnded"]
    best: dict[int, Record] = {}
    for record in answers:
        known = best.get(record["index"])
        best[record["index"]] = record if known is None else min(known, record, key=_order)
    expected = max((record["count"] for record in records if record.get("count") is not None), default=None)
    scored = [record for record in best.values() if record["type"] == "ItemScored"]
    failed = sum(record["type"] == "ItemFailed" for record in best.values())
    missing = max(0, (max(best, default=-1) + 1 if expected is None else expected) - len(best))
    counts = {} if expected is None else {"expected": expected}
    wanted: Record = {
        "id": str(uuid.uuid5(_NAMESPACE, f"{records[0]['parent_id']}\nwhole\n0")),
        "uncalibrated": any(not record["calibrated"] for record in scored),
        "counts": counts
        | {
            "scored": len(scored),
            "failed": failed,
            "skipped": len(best) - len(scored) - failed,
            "missing": missing,
            "duplicate": len(answers) - len(best),
        },
    }
    values = [record["score"] for record in scored] + [0.0] * failed
    return wanted | _ruling(values, wanted, too_few=not scored)


def _ruling(values: list[float], found: Record, *, too_few: bool) -> Record:
    notes = ["failed_items"] if found["counts"]["failed"] else []
    obstacles = ["too_few_items"] * too_few + ["missing_items"] * bool(found["counts"]["missing"])
    if not values:
        return {"action": "review", "label": None, "score": None, "review": True, "reasons": obstacles + notes}
    score = statistics.median(values)
    label = "high" if score >= 0.7 else "medium" if score >= 0.4 else "low" if score >= 0.2 else "rejected"
    action = {"high": "accept", "medium": "accept", "low": "review", "rejected": "reject"}[label]
    if action == "reject" and found["uncalibrated"]:
        obstacles.append("uncalibrated_head")
    action = "review" if obstacles else action
    review = action == "review" or label == "medium"
    return {"action": action, "label": label, "score": score, "review": review, "reasons": obstacles + notes}


def _order(record: Record) -> tuple[int, float, str]:
    return (_ORDER[record["type"]], record.get("score", 0.0), record["item_id"])


def _cause(read: History, decision: Record, idle_ms: int) -> str:
    """Return the only cause that these records allow at this place."""
    offset, last = read[-1]
    if _closed_before(read[:-1]):
        return "one before: the window was complete, or ended, earlier than it was closed"
    if last["type"] == "ParentEnded":
        return "end" if offset == decision["through_offset"] else "one before: the end was passed over"
    if _complete([record for _, record in read]):
        return "complete" if offset == decision["through_offset"] else "one before: its last item was passed over"
    quiet = decision["timings"]["decided_at"] - max(record["appended_at"] for _, record in read)
    return "idle" if quiet >= idle_ms else f"none: something came {quiet} ms before"


def _closed_before(read: History) -> bool:
    records = [record for _, record in read]
    return any(record["type"] == "ParentEnded" for record in records) or _complete(records)


def _complete(records: list[Record]) -> bool:
    answers = [record for record in records if record["type"] != "ParentEnded"]
    counts = [record["count"] for record in answers if record.get("count") is not None]
    return bool(counts) and len({record["index"] for record in answers}) >= max(counts)


def _compare_views(topics: Topics, seen: Counter[DecisionKey], result: Judgement) -> None:
    """Hold the actions' topics and `latest` against the log: the same records, each once, each where it belongs."""
    logged = {decision_key(one.value): one.value for one in topics.decisions}
    shown: Counter[DecisionKey] = Counter()
    for action in ACTIONS:
        for one in topics.actions[action]:
            key = decision_key(one.value)
            shown[key] += 1
            if logged.get(key) != one.value or json.loads(one.value)["action"] != action:
                result.wrong.append(f"{key} on {action} is not the one on decisions")
    result.duplicated += [f"{key} {times} times on the actions' topics" for key, times in shown.items() if times > 1]
    result.lost += [f"{key} is on no action's topic" for key in seen.keys() - shown.keys()]
    latest = {one.key.decode(): one.value for one in topics.latest}
    last = {key[0]: value for key, value in logged.items()}
    differing = [key for key in latest.keys() | last.keys() if latest.get(key) != last.get(key)]
    result.wrong += [f"{key}: latest differs from decisions" for key in differing]
