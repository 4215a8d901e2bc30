"""Holds the views against the log: the topics of the actions with their retractions, and `latest`."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from tests.chaos.reading import ACTIONS, DecisionKey, Entry
from tests.chaos.scorelog import Partition

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sluice.org/decision/v1")


@dataclass(frozen=True, slots=True)
class Topics:
    """Whole topics, as a read_committed consumer gets them; where records were deleted since, as one got them."""

    scores: dict[int, Partition]
    decisions: list[Entry]
    latest: list[Entry]
    actions: dict[str, list[Entry]]


class _Findings(Protocol):
    lost: list[str]
    duplicated: list[str]
    wrong: list[str]
    retractions: int


class _Sent(msgspec.Struct, gc=False):
    """A decision or a retraction, as far as the views are concerned."""

    type: str
    parent_id: str
    window: str
    revision: int
    action: str
    id: str = ""
    replaced_by: str = ""


class _Shown(NamedTuple):
    action: str  # whose topic it is on
    sent: _Sent
    entry: Entry


_decode = msgspec.json.Decoder(_Sent).decode


def decision_id(parent_id: str, window: str, revision: int) -> str:
    """Return the id that a decision must have."""
    return str(uuid.uuid5(_NAMESPACE, f"{parent_id}\n{window}\n{revision}"))


def compare_views(topics: Topics, result: _Findings) -> None:
    """Find what is on a view and not in the log, and the other way round."""
    log = {_key(sent): (one, sent) for one, sent in _read(topics.decisions)}
    shown = [_Shown(action, sent, one) for action in ACTIONS for one, sent in _read(topics.actions[action])]
    decisions = [one for one in shown if one.sent.type == "Decision"]
    retractions = [one for one in shown if one.sent.type == "Retraction"]
    result.retractions = len(retractions)
    _compare_actions(log, decisions, result)
    _compare_retractions(log, decisions, retractions, result)
    _compare_latest(topics, log, result)


def _compare_actions(
    log: Mapping[DecisionKey, tuple[Entry, _Sent]], decisions: list[_Shown], result: _Findings
) -> None:
    for one in decisions:
        logged = log.get(_key(one.sent))
        if logged is None or logged[0].value != one.entry.value or one.sent.action != one.action:
            result.wrong.append(f"{_key(one.sent)} on {one.action} is not the one on decisions")
    times = Counter(_key(one.sent) for one in decisions)
    result.duplicated += [f"{key} {count} times on the actions' topics" for key, count in times.items() if count > 1]
    result.lost += [f"{key} is on no action's topic" for key in log.keys() - times.keys()]


def _compare_retractions(
    log: Mapping[DecisionKey, tuple[Entry, _Sent]],
    decisions: list[_Shown],
    retractions: list[_Shown],
    result: _Findings,
) -> None:
    """Each decision that a revision replaced by one of another action is withdrawn where it was sent, once."""
    wanted = {}
    for (parent, window, revision), (_, sent) in log.items():
        replaced = log.get((parent, window, revision - 1))
        if replaced is not None and replaced[1].action != sent.action:
            wanted[parent, window, revision - 1] = (replaced[1].action, sent.action, sent.id)
    places = {_key(one.sent): one for one in decisions}
    for one in retractions:
        key, sent = _key(one.sent), one.sent
        if wanted.get(key) != (one.action, sent.action, sent.replaced_by) or sent.id != decision_id(*key):
            result.wrong.append(f"a retraction of {key} on {one.action}, which was not called for")
        elif key in places and not _follows(one.entry, places[key].entry):
            result.wrong.append(f"{key} was retracted before it was sent")
    times = Counter(_key(one.sent) for one in retractions)
    result.duplicated += [f"{key} retracted {count} times" for key, count in times.items() if count > 1]
    result.lost += [f"the retraction of {key}" for key in wanted.keys() - times.keys()]


def _compare_latest(topics: Topics, log: Mapping[DecisionKey, tuple[Entry, _Sent]], result: _Findings) -> None:
    """Of each parent the last one must be there; compaction may have taken those before."""
    last = {one.key: one.value for one in topics.decisions}
    latest = {one.key: one.value for one in topics.latest}
    differing = [key for key in latest.keys() | last.keys() if latest.get(key) != last.get(key)]
    result.wrong += [f"{key.decode()}: latest differs from decisions" for key in differing]
    order: defaultdict[bytes, int] = defaultdict(lambda: -1)
    for one, sent in _read(topics.latest):
        logged = log.get(_key(sent))
        if logged is None or logged[0].value != one.value:
            result.wrong.append(f"{_key(sent)} on latest is not the one on decisions")
        elif logged[0].offset <= order[one.key]:
            result.wrong.append(f"{_key(sent)} came to latest out of turn")
        else:
            order[one.key] = logged[0].offset


def _read(entries: list[Entry]) -> list[tuple[Entry, _Sent]]:
    return [(one, _decode(one.value)) for one in entries]


def _key(sent: _Sent) -> DecisionKey:
    return sent.parent_id, sent.window, sent.revision


def _follows(one: Entry, other: Entry) -> bool:
    return one.partition == other.partition and one.offset > other.offset
