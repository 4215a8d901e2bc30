"""The worst mistakes on the test part, and what they look like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from deploy.report.choice import MEDICAL
from deploy.report.previews import Preview, of_medium
from workers.decode import InlineDecoder
from workers.sources import open_parent
from workers.training.evaluation import Evaluation, ItemResult

MOST: Final = 8  # of each side
_decoder = InlineDecoder()

Look = Callable[[ItemResult, bool], Preview | None]
"""Returns what an item looks like; that of a medical kind only where the second argument says so."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """An item whose score is far from its label; `preview` is None where it is withheld or cannot be read."""

    item: ItemResult
    preview: Preview | None


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Bad items that score highest and good items that score lowest, the worst first."""

    bad: tuple[Mistake, ...]
    good: tuple[Mistake, ...]
    withheld: bool  # of a medical kind, and nobody asked for pictures


def mistakes(evaluation: Evaluation, *, medical: bool, look: Look) -> Mistakes:
    """Return the worst mistakes with their previews; those of medical kinds only where `medical` asks for them."""
    withheld = evaluation.kind in MEDICAL and not medical
    bad, good = worst(evaluation)

    def shown(items: Sequence[ItemResult]) -> tuple[Mistake, ...]:
        return tuple(Mistake(item, None if withheld else look(item, medical)) for item in items)

    return Mistakes(shown(bad), shown(good), withheld)


def worst(evaluation: Evaluation, most: int = MOST) -> tuple[list[ItemResult], list[ItemResult]]:
    """Return the bad items of the test part that score highest, and the good ones that score lowest."""
    test = [item for item in evaluation.items if item.split == "test"]
    bad = [item for item in test if item.label < evaluation.binary_cut]
    good = [item for item in test if item.label >= evaluation.binary_cut]
    bad.sort(key=lambda item: (-item.score, item.name))
    good.sort(key=lambda item: (item.score, item.name))
    return bad[:most], good[:most]


def look(item: ItemResult, medical: bool) -> Preview | None:
    """Return what an item looks like, read as it was for training (FILE, or FILE#INDEX); None where it may not be."""
    place = item.name.removeprefix(item.name.rpartition("#")[0] + "#") if "#" in item.name else ""
    index = int(place) if place.isdigit() and not item.path.name.endswith(f"#{place}") else 0
    try:
        parent = open_parent(item.path)
        found = next((raw for raw in islice(parent.items, index + 1) if raw.envelope.index == index), None)
        hidden = parent.kind in MEDICAL and not medical
        return None if found is None or hidden else of_medium(_decoder.decode(found))
    except Exception:  # noqa: BLE001 (a page without one picture is better than no page)
        return None
