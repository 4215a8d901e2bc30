"""Applies a policy's rules about single items: one that stops an item saves all that would follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal

from schemas.itemrules import Duplicate, FlaggedWords, ItemRule, Language, Length
from workers.language import UNDETERMINED, language_of

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*")


class ItemFacts:
    """What rules look at, each found out when a rule asks for it and not before."""

    def __init__(
        self,
        size: int,
        text: Callable[[], str | None],
        metrics: Callable[[], Mapping[str, float]],
        earlier: Callable[[float], str | None] = lambda _: None,
    ) -> None:
        """Say how facts are found out.

        Args:
            size: of the item, in bytes.
            text: decodes a text; None for an item that is none.
            metrics: measures the item: its cheap metrics by name.
            earlier: the id of an earlier item with the same content within so many hours, or None.
        """
        self.size = size
        self._text = text
        self._metrics = metrics
        self.earlier = earlier

    @cached_property
    def text(self) -> str | None:
        """The text, decoded; None for an item that is none."""
        return self._text()

    @cached_property
    def metrics(self) -> Mapping[str, float]:
        """Its cheap metrics by name."""
        return self._metrics()


@dataclass(frozen=True, slots=True)
class Fired:
    """The rules that fired for an item.

    Attributes:
        stopped: the rule that answers the item by itself; later ones were not asked.
        flags: names of those that send its parent to review.
        notes: names of all others that fired.
        duplicate_of: id of the earlier item that has the same content.
    """

    stopped: ItemRule | None = None
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    duplicate_of: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All of them by name."""
        return (*self.flags, *self.notes, *([] if self.stopped is None else [self.stopped.name]))


@dataclass(slots=True)
class _Look:
    facts: ItemFacts
    duplicate_of: str | None = field(default=None)

    def fires(self, rule: ItemRule) -> bool:
        check = rule.when
        if isinstance(check, Duplicate):
            self.duplicate_of = self.facts.earlier(check.within_hours) or self.duplicate_of
            return self.duplicate_of is not None
        if isinstance(check, Length):
            length = _length(self.facts, check.unit)
            return length is not None and check.excludes(length)
        if isinstance(check, FlaggedWords):
            return _has_words(self.facts.text, check.words)
        if isinstance(check, Language):
            return _is_foreign(self.facts.text, check)
        value = self.facts.metrics.get(check.metric)
        return value is not None and check.excludes(value)


def apply_rules(rules: Sequence[ItemRule], facts: ItemFacts) -> Fired:
    """Return what fires for an item: in the order of the rules, up to the first that stops it."""
    look = _Look(facts)
    flags: list[str] = []
    notes: list[str] = []
    for rule in rules:
        if not look.fires(rule):
            continue
        if rule.stops:
            return Fired(rule, tuple(flags), tuple(notes), look.duplicate_of)
        (flags if rule.then == "review" else notes).append(rule.name)
    return Fired(None, tuple(flags), tuple(notes), look.duplicate_of)


def _length(facts: ItemFacts, unit: Literal["bytes", "characters", "words"]) -> int | None:
    if unit == "bytes":
        return facts.size
    if facts.text is None:
        return None
    return len(facts.text) if unit == "characters" else len(_WORD.findall(facts.text))


def _has_words(text: str | None, words: tuple[str, ...]) -> bool:
    return text is not None and _pattern(words).search(text.casefold()) is not None


@lru_cache(maxsize=64)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds any of the words, as words of their own; white space in a phrase may be any."""
    phrases = (r"\s+".join(map(re.escape, word.casefold().split())) for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)")


def _is_foreign(text: str | None, check: Language) -> bool:
    if text is None:
        return False
    found = language_of(text)
    if found.code == UNDETERMINED:  # how sure that is tells nothing
        return UNDETERMINED not in check.allowed
    return found.code not in check.allowed or found.confidence < check.min_confidence
