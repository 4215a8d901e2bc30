"""From what was asked to what is read: offsets are found once, so that the same span is the same records."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aggregation.gate import REMEMBER_MS
from deploy.errors import ConfigurationError
from deploy.items.times import moment
from deploy.replay.errors import ReplayError
from deploy.replay.options import ReplayOptions
from deploy.replay.policies import reference_of
from deploy.settings import Settings
from schemas.policy import MAX_LATE_MS, Policy
from schemas.replays import ReplayAsked, ReplayRun
from streams import clients, offsets
from streams.topics import TopicNames

_NEEDED_MS: Final = REMEMBER_MS + MAX_LATE_MS + 60_000  # before the span: what a decider remembers, and clocks differ
_KEPT: Final = (
    "topics",
    "batch_size",
)  # the decisions are the same, but not what becomes of them, or their last digits
_SAME: Final = ("topic_prefix", "sources", "heads", "policy", "own_policy", "epsilon")


@dataclass(frozen=True, slots=True)
class With:
    """What a replay scores and decides with."""

    heads: Mapping[str, str] | None  # scorer digest by kind
    pinned: Policy | None
    own: Policy  # where no policy has been activated


def wanted(settings: Settings, options: ReplayOptions, using: With) -> dict[str, Any]:
    """Return the fields of a run that do not depend on the topics."""
    return {
        "topic_prefix": settings.topic_prefix,
        "asked": ReplayAsked(begin=options.begin, end=options.end),
        "sources": tuple(sorted(set(options.sources))),
        "heads": None if using.heads is None else dict(sorted(using.heads.items())),
        "policy": None if using.pinned is None else reference_of(using.pinned),
        "own_policy": None if using.pinned is not None else reference_of(using.own),
        "epsilon": options.epsilon,
        "topics": options.topics,
        "batch_size": options.batch_size,
    }


def differing(run: ReplayRun, fields: dict[str, Any], *, times: bool = True) -> list[str]:
    """Return the names of what another command has asked for; the times as they were written are among them or not."""
    other = [name for name in (*_SAME, *_KEPT) if getattr(run, name) != fields[name]]
    return ["times", *other] if times and run.asked != fields["asked"] else other


def plan(
    properties: clients.Properties, settings: Settings, options: ReplayOptions, fields: dict[str, Any]
) -> ReplayRun:
    """Find the offsets of a span.

    Args:
        properties: of the brokers.
        settings: name the topics.
        options: what was asked for.
        fields: see `wanted`.

    Raises:
        ConfigurationError: the times make no span.
        ReplayError: nothing was scored within it.
        KafkaException: the brokers refused.
    """
    now = datetime.now(UTC)
    begin, end = moment(options.begin, "--from", now), moment(options.end, "--to", now)
    at = round(now.timestamp() * 1000)
    if begin >= min(end, at):
        raise ConfigurationError(f"--from ({_clock(begin)}) must be before --to ({_clock(end)}) and in the past")
    notices = []
    if end > at:
        notices.append(f"--to {_clock(end)} is in the future: the span ends now, {_clock(at)}")
        end = at
    names, admin, own = TopicNames(settings.topic_prefix), clients.admin(properties), range(settings.partitions)
    ends, kept = offsets.ends(admin, names.scores, own), offsets.starts(admin, names.scores, own)
    firsts = offsets.at_times(admin, names.scores, dict.fromkeys(own, begin))
    lasts = offsets.at_times(admin, names.scores, dict.fromkeys(own, end))
    spans = {number: _span(firsts.get(number), lasts.get(number), ends[number]) for number in own}
    if all(first == last for first, last in spans.values()):
        raise ReplayError(
            f"no item was scored on {names.scores} between {_clock(begin)} and {_clock(end)}:"
            f" {'the topic is empty' if ends == kept else 'choose other times; without a zone they are UTC'}"
        )
    if any(first == kept[number] > 0 for number, (first, _) in spans.items()):
        notices.append("retention has deleted the records before the span, and perhaps its first ones")
    logged = offsets.ends(admin, names.decisions, own)
    begins = offsets.at_times(admin, names.decisions, dict.fromkeys(own, max(0, begin - _NEEDED_MS)))
    known = {number: (min(begins.get(number, logged[number]), logged[number]), logged[number]) for number in own}
    run_id = _id(spans, end, fields)
    return ReplayRun(
        id=run_id, from_ms=begin, to_ms=end, spans=spans, known=known, notices=tuple(notices),
        chunk_records=options.chunk_records, **fields,
    )  # fmt: skip


def _span(first: int | None, last: int | None, end: int) -> tuple[int, int]:
    """Return the range of offsets between two times; no record is as late as the one that is None."""
    begin = end if first is None else min(first, end)
    return begin, end if last is None else max(begin, min(last, end))


def _id(spans: Mapping[int, tuple[int, int]], to_ms: int, fields: dict[str, Any]) -> str:
    told = {name: fields[name] for name in _SAME} | {"spans": sorted(spans.items()), "to_ms": to_ms}
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), default=lambda one: one.model_dump(mode="json"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _clock(ms: int) -> str:
    try:
        return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}Z"
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
