"""What the live log of decisions tells of a span: what began before it, and what the wall clock closed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec
from pydantic import ValidationError

from aggregation.spans import REOPENED
from deploy.replay.ranges import overlap
from schemas.itemrules import ItemRule
from schemas.policy import Policy, Rule
from schemas.windows import MAX_OVERLAP

Key = tuple[str, str]
"""Parent and window; of a window that was opened again, that of the first."""

_LAST: Final = 2 * MAX_OVERLAP  # windows of a parent that one of the replay may share items with
_STREAM: Final = frozenset({"complete", "end", "early"})  # causes that lie at the record which closed the window


class _Timings(msgspec.Struct, frozen=True):
    closed_at: int = 0


class _Rule(msgspec.Struct, frozen=True):
    window: msgspec.Raw = msgspec.Raw(b'{"by":"whole"}')
    items: msgspec.Raw = msgspec.Raw(b"[]")


class _Policy(msgspec.Struct, frozen=True):
    name: str
    version: int
    digest: str
    rule: msgspec.Raw


class LiveDecision(msgspec.Struct, frozen=True, tag_field="type", tag="Decision"):
    """What matters here of `schemas.decisions.Decision`."""

    parent_id: str
    kind: str
    source: str
    window: str
    cause: str
    first_offset: int
    through_offset: int
    timings: _Timings
    policy: _Policy

    @property
    def key(self) -> Key:
        """Parent and window."""
        return self.parent_id, self.window.partition(REOPENED)[0]


_decoder = msgspec.json.Decoder(LiveDecision)
_rule = msgspec.json.Decoder(_Rule)


@dataclass(frozen=True, slots=True)
class Under:
    """A policy that live decisions were made under, and one of them."""

    name: str
    version: int
    digest: str
    one: LiveDecision = field(compare=False)

    def is_rule_of(self, policy: Policy) -> bool:
        """Whether another policy of this name has the very rule; its digest differs where it has fields of its own."""
        rule = policy.rule_for(self.one.kind, self.one.source)
        if (policy.name, policy.version) != (self.name, self.version):
            return False
        try:
            return Rule.model_validate_json(bytes(self.one.policy.rule)) == rule
        except ValidationError:
            return False


@dataclass(slots=True)
class LiveLog:
    """The live decisions of one partition, as far as a replay of a span needs them."""

    span: tuple[int, int]
    policy: Policy | None  # that the replay is pinned to
    wanted: Callable[[str], bool]  # whether a source's parents are decided
    stream_time: int = 0  # ms, as it was before the span, as far as decisions tell
    idle: list[tuple[int, int, Key]] = field(default_factory=list)  # through, closed_at, window: perhaps by the clock
    left_out: set[str] = field(default_factory=set)  # parents with a window that was open when the span began
    policies: set[Under] = field(default_factory=set)  # within the span
    other_rules: set[tuple[str, str]] = field(default_factory=set)  # kinds and sources whose rules for items differ
    _within: set[int] = field(default_factory=set)
    _before: dict[str, deque[str]] = field(default_factory=dict)  # windows that began before, where cut otherwise
    _alike: dict[tuple[str, str, str, bool], bool] = field(default_factory=dict)

    def learn(self, values: Iterable[bytes | None], recall: Callable[[bytes], object]) -> None:
        """Take the log's records; those of windows that began before the span are handed to the gate.

        Args:
            values: of the log, in its order. What is no decision says nothing.
            recall: of the gate.
        """
        for value in values:
            try:
                one = _decoder.decode(value or b"")
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if one.first_offset < self.span[0]:
                self._learn_before(one)
                recall(value or b"")
            elif one.through_offset < self.span[1]:
                self._learn_within(one)
        self.idle.sort()

    def _learn_before(self, one: LiveDecision) -> None:
        if one.through_offset >= self.span[0]:
            if self.wanted(one.source):
                self.left_out.add(one.parent_id)
        elif one.cause in _STREAM:
            self.stream_time = max(self.stream_time, one.timings.closed_at)
        if not self._is_alike(one, items=False):
            self._before.setdefault(one.parent_id, deque(maxlen=_LAST)).append(one.key[1])

    def _learn_within(self, one: LiveDecision) -> None:
        self._within.add(hash(one.key))
        if one.cause not in {*_STREAM, "memory"}:
            self.idle.append((one.through_offset, one.timings.closed_at, one.key))
        self.policies.add(Under(one.policy.name, one.policy.version, one.policy.digest, one))
        if not self._is_alike(one, items=True):
            self.other_rules.add((one.kind, one.source))

    def _is_alike(self, one: LiveDecision, *, items: bool) -> bool:
        """Whether the replay's policy cuts a decision's parent as the live one did, or has its rules about items."""
        if self.policy is None:
            return True
        asked = (one.policy.digest, one.kind, one.source, items)
        if asked not in self._alike:
            rule = self.policy.rule_for(one.kind, one.source)
            live = _rule.decode(one.policy.rule)
            if items:
                self._alike[asked] = _items(live.items) == rule.items
            else:
                self._alike[asked] = msgspec.json.decode(live.window) == rule.window.model_dump(mode="json")
        return self._alike[asked]

    def began_before(self, parent_id: str, window: str) -> bool:
        """Whether a window of the replay, which cuts otherwise than live, has items from before the span."""
        return any(overlap(window, earlier) for earlier in self._before.get(parent_id, ()))

    def has(self, key: Key) -> bool:
        """Whether a window has a live decision within the span."""
        return hash(key) in self._within


def _items(raw: msgspec.Raw) -> tuple[ItemRule, ...]:
    return tuple(ItemRule.model_validate(one) for one in msgspec.json.decode(raw))
