"""A comparison as Markdown, short enough for the text of a pull request. Text of strangers cannot break out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from deploy.diff import words
from deploy.diff.compare import Comparison
from deploy.diff.edges import ACTIONS
from deploy.diff.flips import Flip
from deploy.diff.judging import Judgement
from deploy.diff.result import Diff

_GROUPS: Final = 10
_FLIPS: Final = 10
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>#|~&])")
_TICKS: Final = re.compile("`+")


def render(diff: Diff) -> str:
    """Return a comparison as GitHub-flavoured Markdown."""
    parts = [
        "## Decisions before and after",
        f"**{_text(diff.verdict)}**",
        "\n".join(
            f"- {name}: {_text(side.origin.told)}" for name, side in zip(("before", "after"), diff.sides, strict=True)
        ),
        *_section("Mind", [f"- {_text(one)}" for one in diff.warnings]),
        *_section("Transitions", list(_matrix(diff.comparison))),
        *_section("By source", list(_groups(diff.comparison))),
        *([] if diff.judgement is None else _section("Against labels", list(_labels(diff.judgement)))),
        *_section("Flips, the surest first", list(_flips(diff.comparison.flips))),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"### {title}", "\n".join(lines)] if lines else []


def _matrix(comparison: Comparison) -> Iterator[str]:
    total = comparison.total
    if not total.compared:
        return
    yield f"| before, after | {' | '.join(ACTIONS)} |"
    yield "|---|" + "---:|" * len(ACTIONS)
    for before in ACTIONS:
        counts = [(total.moves[before, after], after != before) for after in ACTIONS]
        cells = [f"**{count:,}**" if count and flip else f"{count:,}" for count, flip in counts]
        yield f"| {before} | {' | '.join(cells)} |"


def _groups(comparison: Comparison) -> Iterator[str]:
    ranked = comparison.ranked()
    yield "| kind | source | windows | flips | share | most often | mean score |"
    yield "|---|---|---:|---:|---:|---|---:|"
    for (kind, source), tally in ranked[:_GROUPS]:
        cells = (_code(kind), _code(source), f"{tally.compared:,}", f"{tally.flips:,}", f"{tally.share:.1%}")
        yield f"| {' | '.join((*cells, words.most_often(tally), words.shift(tally)))} |"
    if len(ranked) > _GROUPS:
        yield f"\n{len(ranked) - _GROUPS:,} further ones have smaller shares of flips."


def _labels(judgement: Judgement) -> Iterator[str]:
    yield from (f"- {_text(line)}" for line in words.judged(judgement))
    if not judgement.labels:
        return
    yield ""
    yield "| | before | after |"
    yield "|---|---:|---:|"
    for name, before, after in words.figures(judgement):
        yield f"| {name} | {before} | {after} |"


def _flips(flips: Sequence[Flip]) -> Iterator[str]:
    if not flips:
        return
    yield "| parent | window | source | action | score | margin | what differs |"
    yield "|---|---|---|---|---|---:|---|"
    for flip in flips[:_FLIPS]:
        before, after = flip.before, flip.after
        cells = (
            _code(before.parent_id),
            _code(before.window),
            _code(before.source),
            f"{before.action} → {after.action}",
            f"{words.score(before.score)} → {words.score(after.score)}",
            words.margin(flip),
            ", ".join(flip.because),
        )
        yield f"| {' | '.join(cells)} |"
    if len(flips) > _FLIPS:
        yield f"\n{len(flips) - _FLIPS:,} more."


def _text(text: str) -> str:
    """Return a sentence in one line in which nothing is markup and nobody is mentioned."""
    return _SPECIAL.sub(r"\\\1", _line(text)).replace("@", "@\u200b")


def _code(text: str) -> str:
    """Return a name as code, whatever it holds; in a table a bar needs an escape there too."""
    line = _line(text).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in _TICKS.findall(line)), default=0))
    pad = " " if "`" in line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
