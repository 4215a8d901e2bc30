"""Which items of a parent are shown: the worst ones, and some of the rest from the beginning to the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deploy.answers import Answer

MEDICAL: Final = frozenset({"mri-slice"})  # a patient's: shown to who asks for it
TEXTS: Final = frozenset({"document-chunk"})

_PICTURES, _EXCERPTS = 8, 3
_WORST = 3
_FAILED = 2
_TYPICAL_CHARS = 5_000  # of a thumbnail in the page


def strip_length(parents: int, room: int) -> int:
    """Return how many pictures each parent may show, so that the last one has as many as the first."""
    return max(1, min(_PICTURES, room // (_TYPICAL_CHARS * max(1, parents))))


def strip(kind: str, answers: Sequence[Answer], limit: int) -> list[Answer]:
    """Return the answers whose items are shown, by index. What was skipped on purpose is not.

    Args:
        kind: of the parent; of a text fewer pieces are shown, since they need more room.
        answers: those that count, by index.
        limit: how many at most.
    """
    limit = min(limit, _EXCERPTS) if kind in TEXTS else limit
    seen = [answer for answer in answers if answer.state != "skipped"]
    if len(seen) <= limit:
        return seen
    failed = [answer for answer in seen if answer.state == "failed"]
    scored = sorted((answer for answer in seen if answer.state == "scored"), key=_by_score)
    first = [*scored[: min(_WORST, max(1, limit // 2))], *failed[:_FAILED]][:limit]
    taken = {answer.offset for answer in first}
    rest = [answer for answer in seen if answer.offset not in taken]
    return sorted([*first, *_spread(rest, limit - len(first))], key=lambda answer: answer.value.index)


def _by_score(answer: Answer) -> tuple[float, int]:
    return (answer.score or 0.0, answer.value.index)


def _spread(answers: Sequence[Answer], count: int) -> list[Answer]:
    """Return so many, evenly from the first to the last."""
    if count <= 1:
        return list(answers[len(answers) // 2 :][:count])
    return [answers[number * (len(answers) - 1) // (count - 1)] for number in range(count)]
