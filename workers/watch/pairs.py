"""Pairs of a good and a damaged item, chosen so that the head tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from schemas.canaries import Canary
from schemas.items import RawItem, content_hash
from workers.damage import CHUNK_DAMAGES, PICTURE_DAMAGES, SLICE_DAMAGES
from workers.media import Chunk, Medium, Picture, Slice
from workers.sources.encode import jpeg, png
from workers.watch.material import Good
from workers.watch.store import LEAST_PAIRS, CanaryError, item_of

GAP: Final = 0.25  # between the scores of a pair, at least
_SEVERITIES = (4, 3, 5)  # in turns: scores between the ends move most when something is wrong
_QUALITY = 80  # of JPEG: a canary is known by its own score, and is to be small
_WHITE = 255.0

Score = Callable[[RawItem], float | None]

_DAMAGES: Mapping[type[Medium], Mapping[str, Callable[..., Medium]]] = MappingProxyType(
    {Picture: PICTURE_DAMAGES, Slice: SLICE_DAMAGES, Chunk: CHUNK_DAMAGES}
)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Canaries that have no recorded scores yet (0), with their bytes, in one order."""

    canaries: tuple[Canary, ...]
    values: tuple[bytes, ...]


def make_pairs(kind: str, material: Iterable[Good], score: Score, *, pairs: int = LEAST_PAIRS, seed: int = 0) -> Pairs:
    """Damage good media until there are enough pairs.

    Args:
        kind: of the head.
        material: good media; as many as it takes are used.
        score: returns the score of an item, or None where it gets none.
        pairs: how many.
        seed: decides the damage.

    Raises:
        CanaryError: the material is too little, or the head does not tell its damage from it.
    """
    rng = np.random.default_rng(seed)
    canaries: list[Canary] = []
    values: list[bytes] = []
    for number, good in enumerate(material):
        if len(canaries) == 2 * pairs:
            break
        for canary, value in _pair(
            len(canaries) // 2, good, partial(_scored, kind, score), _damages(number, good, rng)
        ):
            canaries.append(canary)
            values.append(value)
    if len(canaries) < 2 * pairs:
        raise CanaryError(
            f"{len(canaries) // 2} pairs could be made for {kind}, and {pairs} are needed: the good items are too few, "
            f"or the head does not score their damaged copies {GAP} lower. Give more good items with --good"
        )
    return Pairs(tuple(canaries), tuple(values))


def _scored(kind: str, score: Score, one: tuple[Canary, bytes]) -> float | None:
    return score(item_of(kind, *one))


def _damages(first: int, good: Good, rng: np.random.Generator) -> Iterator[tuple[str, Medium]]:
    """Yield damaged copies with the name of their damage, each kind of damage once, beginning with another one."""
    damages = list(_DAMAGES[type(good.medium)].items())
    for turn in range(first, first + len(damages)):
        (name, damage), severity = damages[turn % len(damages)], _SEVERITIES[turn % len(_SEVERITIES)]
        yield f"{name}/{severity}", damage(good.medium, severity, rng)


def _pair(
    pair: int,
    good: Good,
    score: Callable[[tuple[Canary, bytes]], float | None],
    damaged: Iterable[tuple[str, Medium]],
) -> list[tuple[Canary, bytes]]:
    """Return the good canary and a damaged one, or nothing where no damage is scored low enough."""
    own = _canary(pair, good, good.medium)
    level = score(own)
    for damage, medium in damaged:
        other = _canary(pair, good, medium, damage)
        lower = score(other)
        if level is not None and lower is not None and level - lower >= GAP:
            return [own, other]
    return []


def _canary(pair: int, good: Good, medium: Medium, damage: str = "") -> tuple[Canary, bytes]:
    value, suffix, fields = _stored(medium)
    canary = Canary(
        name=f"{pair:02}-{'damaged' if damage else 'good'}.{suffix}",
        pair=pair,
        good=not damage,
        sha256=content_hash(value),
        damage=damage,
        source=good.source,
        licence=good.licence,
        score=0.0,
        **fields,
    )
    return canary, value


def _stored(medium: Medium) -> tuple[bytes, str, dict[str, Any]]:
    """Return bytes that are small, their suffix, and what the item's envelope has to say of them."""
    if isinstance(medium, Picture):
        return jpeg(medium.rgb, _QUALITY), "jpg", {"content_type": "image/jpeg"}
    if isinstance(medium, Slice):
        plane = np.rint(medium.intensity * _WHITE).astype(np.uint8)
        window = {"window_low": 0.0, "window_high": _WHITE}
        return png(plane), "png", {"content_type": "image/png", **window}
    return medium.text.encode(), "txt", {"content_type": "text/plain"}
