"""The page of a comparison: one HTML file that asks nothing of the net, without a script."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from deploy.diff import plots, words
from deploy.diff.behind import Shown
from deploy.diff.edges import ACTIONS
from deploy.diff.flips import CAUSES, Group
from deploy.diff.result import Diff
from deploy.diff.said import Key, Said
from deploy.diff.tally import Tally
from deploy.report import page as pages

_FOLDER: Final = Path(__file__).parent / "page"
_STYLES: Final = (Path(pages.__file__).parent / "page" / "style.css", _FOLDER / "diff.css")
_OPEN: Final = 3  # groups whose flips are unfolded
_ALONE: Final = 50  # windows of one side alone that are listed


@dataclass(frozen=True, slots=True)
class Part:
    """A kind and source: its counts, and those of its flips that are shown."""

    group: Group
    tally: Tally
    shown: Sequence[Shown]
    unfolded: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """The drawings of a kind; the second one only where scores moved."""

    kind: str
    medians: tuple[str, str]
    distance: str
    drawings: Sequence[tuple[str, Markup]]


def render(diff: Diff) -> str:
    """Return the page."""
    style = "\n".join(path.read_text(encoding="utf-8") for path in _STYLES)
    environment = pages.environment(_FOLDER)
    environment.filters |= {"share": lambda value: f"{value:.1%}", "count": lambda value: f"{value:,}"}
    apart = {flip.before.key for flip in diff.comparison.apart}
    judgement = diff.judgement
    context: dict[str, Any] = {
        "diff": diff,
        "style": style,
        "policy": pages.content_policy(style),
        "total": diff.comparison.total,
        "words": words,
        "actions": ACTIONS,
        "causes": CAUSES,
        "groups": _parts(diff, apart),
        "drawn": [_drawn(number, diff) for number in range(len(diff.spreads))],
        "judged": () if judgement is None else tuple(words.judged(judgement)),
        "figures": tuple(words.figures(judgement)) if judgement is not None and judgement.labels else (),
        "reliability": plots.reliability("reliability", judgement) if judgement and judgement.sides[0].bins else None,
        "alone": [_alone(name, side) for name, side in zip(("before", "after"), diff.comparison.only, strict=True)],
        "apart": [one for one in diff.shown if one.flip.before.key in apart],
        "made": datetime.now(UTC),
    }
    return environment.get_template("diff.html").render(context)


def _parts(diff: Diff, apart: Collection[Key]) -> list[Part]:
    found = []
    for number, (group, tally) in enumerate(diff.comparison.ranked()):
        own = [one for one in diff.shown if one.flip.group == group and one.flip.before.key not in apart]
        found.append(Part(group, tally, own, bool(own) and number < _OPEN))
    return found


def _drawn(number: int, diff: Diff) -> Drawn:
    spread = diff.spreads[number]
    drawings = [("Scores before and after", plots.histogram(f"scores{number}", spread))]
    if spread.moved:
        drawings.append(("Score after against score before", plots.moves(f"moves{number}", spread)))
    before, after = (words.number(value) for value in spread.medians)
    return Drawn(spread.kind, (before, after), words.number(spread.distance), drawings)


def _alone(name: str, side: Sequence[Said]) -> tuple[str, int, Sequence[Said]]:
    return name, len(side), side[:_ALONE]
