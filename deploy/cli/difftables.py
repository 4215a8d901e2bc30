"""How a comparison looks on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.cli.plain import COLOURS, plain
from deploy.diff import words
from deploy.diff.behind import Shown
from deploy.diff.compare import Comparison
from deploy.diff.edges import ACTIONS
from deploy.diff.flips import Move
from deploy.diff.judging import Judgement
from deploy.diff.result import Diff
from schemas.policy import Action

_WIDE = 160  # columns, where there is no edge
_GROUPS = 20
_FLIPS = 20


def show(diff: Diff, console: Console | None = None) -> None:
    """Print a comparison: both sides, what differs, where, and the surest flips."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    for name, side in zip(("before", "after"), diff.sides, strict=True):
        console.print(Text.assemble(Text(f"{name:8}", style="bold"), plain(side.origin.told)))
    console.print(plain(diff.verdict, "bold"))
    for warning in diff.warnings:
        console.print(Text.assemble(Text("warning: ", style="yellow"), plain(warning)))
    comparison = diff.comparison
    if comparison.total.compared:
        _space(console, _matrix(comparison))
    if comparison.tallies:
        _space(console, _groups(comparison))
    if len(comparison.tallies) > _GROUPS:
        console.print(f"{len(comparison.tallies) - _GROUPS:,} further ones: --json has all.", style="dim")
    if diff.judgement is not None:
        _show_judgement(console, diff.judgement)
    _show_flips(console, diff)


def _show_judgement(console: Console, judgement: Judgement) -> None:
    console.print()
    for sentence in words.judged(judgement):
        console.print(plain(sentence))
    if judgement.labels:
        table = _table("against labels", "before", "after", right=2)
        for name, before, after in words.figures(judgement):
            table.add_row(Text(name), Text(before), Text(after))
        console.print(table)


def _show_flips(console: Console, diff: Diff) -> None:
    known = {flip.before.key for flip in diff.comparison.flips}
    shown = [one for one in diff.shown if one.flip.before.key in known]
    if not shown:
        return
    _space(console, _flips(shown[:_FLIPS]))
    left = len(diff.comparison.flips) - len(shown[:_FLIPS])
    if left:
        console.print(f"{left:,} more: --json has all, --html shows their items.", style="dim")


def _matrix(comparison: Comparison) -> Table:
    total = comparison.total
    table = _table("before, after", *ACTIONS, right=len(ACTIONS))
    for before in ACTIONS:
        cells = [_count(total.moves[before, after], (before, after)) for after in ACTIONS]
        table.add_row(_action(before), *cells)
    return table


def _count(count: int, move: Move) -> Text:
    style = "" if move[0] == move[1] else "bold yellow" if count else "dim"
    return Text(f"{count:,}", style=style)


def _groups(comparison: Comparison) -> Table:
    table = _table("kind", "source", "windows", "differ", "share", "most often", "score", "alone")
    for column in (2, 3, 4, 6, 7):
        table.columns[column].justify = "right"
    for (kind, source), tally in comparison.ranked()[:_GROUPS]:
        cells = (f"{tally.compared:,}", f"{tally.flips:,}", f"{tally.share:.1%}", words.most_often(tally))
        table.add_row(plain(kind), plain(source), *cells, words.shift(tally), f"{sum(tally.only):,}")
    return table


def _flips(shown: Sequence[Shown]) -> Table:
    table = _table("parent", "window", "source", "before", "after", "score", "from an edge", "what differs", "items")
    for one in shown:
        before, after = one.flip.before, one.flip.after
        table.add_row(
            plain(before.parent_id),
            plain(before.window),
            plain(before.source),
            _action(before.action),
            _action(after.action),
            f"{words.score(before.score)} {words.score(after.score)}",
            words.margin(one.flip),
            ", ".join(one.flip.because),
            plain(_items(one)),
        )
    return table


def _items(one: Shown) -> str:
    """Return the two lowest items in words."""
    told = []
    for item in one.items[:2]:
        scores = [words.score(seen.score) if seen else "?" for seen in (item.before, item.after)]
        moved = scores[0] if scores[0] == scores[1] else f"{scores[0]} -> {scores[1]}"
        told.append(f"#{item.index} {moved} {' '.join(item.why[:2])}".strip())
    return "; ".join(told)


def _action(action: str) -> Text:
    return Text(action, style=COLOURS[Action(action)])


def _space(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _table(*names: str, right: int = 0) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number >= len(names) - right else "left", overflow="fold")
    return table
