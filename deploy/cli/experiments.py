"""How an experiment looks on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.table import Table

from deploy.cli.plain import plain
from deploy.cli.policyrules import print_parts
from deploy.cli.progress import bars, show_notes
from deploy.experiments.result import Result, Side
from workers.experiments import Needed, State
from workers.experiments.bounds import Bounds

_COLOURS: Final = {
    State.GO_ON: "yellow",
    State.DIFFERS: "bold red",
    State.NO_DIFFERENCE_SHOWN: "green",
    State.NOT_TOLD: "bold yellow",
}
_WORDS: Final = {
    State.GO_ON: "go on",
    State.DIFFERS: "differs",
    State.NO_DIFFERENCE_SHOWN: "no difference shown",
    State.NOT_TOLD: "cannot be told from these labels",
}
_APART: Final = {
    "live_only": "decided live alone",
    "shadow_only": "decided in shadow alone",
    "other_windows": "with other windows on both sides",
    "other_items": "with other items on both sides",
    "decided_early": "decided early, before the candidate had seen all items",
    "mixed_scorers": "scored by several heads",
    "further_windows": "further windows of parents that count by their first",
    "without_label": "without a label",
    "without_label_control": "of the control arm without a label",
    "without_label_candidate": "of the candidate's arm without a label",
    "unknown_probability": "with labels whose probability nobody gave",
    "outside": "outside of the experiment",
}
_SHORT: Final = 12  # digits of a digest


@contextmanager
def bar(text: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar for as long as the block lasts."""
    with bars() as progress:
        task = progress.add_task(text, total=total)
        yield lambda steps: progress.advance(task, steps)


def show(result: Result) -> None:
    """Print what came of an experiment."""
    design = "the same parents in shadow" if result.design == "paired" else "two arms"
    print_parts(plain(result.name, "bold"), plain(f": {design}, outcome {result.outcome} ({result.outcome_means})"))
    print_parts(_sides(result))
    if result.discordant is not None:
        plus, minus = result.discordant
        print_parts(plain(f"{plus + minus} parents differ: {plus} with the candidate alone, {minus} live alone"))
    if result.difference is not None:
        within = _within(result.difference_bounds)
        print_parts(plain(f"difference {result.difference:+.4f}{within}"))
    _show_test(result)
    apart = [f"{count} {_APART.get(reason, reason)}" for reason, count in (result.apart or {}).items()]
    if apart:
        print_parts(plain(f"set apart: {'; '.join(apart)}", "dim"))
    show_notes(result.notices)


def _show_test(result: Result) -> None:
    standing = result.standing
    state = plain(_WORDS[standing.state], _COLOURS[standing.state])
    at = "" if standing.decided_at is None else f" since the parent {standing.decided_at}"
    told = f"{at}: evidence {standing.evidence:.3g}, at most {standing.largest:.3g} of {1 / result.alpha:.3g} needed"
    print_parts(state, plain(f"{told} ({result.test})" if standing.state is not State.NOT_TOLD else ""))
    if result.one_look is not None:
        name, p_value = result.one_look
        print_parts(plain(f"{name}: p = {p_value:.3g}, valid for one look alone", "dim"))
    print_parts(plain(f"power: {_power(result)}"))


def _power(result: Result) -> str:
    wanted = f"a difference of {result.least_difference:g} is found with probability {result.power:g}"
    if result.needed is not None:
        return f"{wanted} {_needed(result.needed)}; there are {result.standing.looked_at}"
    if result.planned is not None:
        return f"{result.planned} parents are planned; there are {result.standing.looked_at}"
    if result.weighted:
        return "not told for labels that were drawn unequally: --planned says when to stop"
    return f"a difference of {result.least_difference:g} cannot be here: --difference is of rates, from 0 to 1"


def _needed(needed: Needed) -> str:
    if needed.sequential is None:
        few = f"in more than {needed.searched} parents (one look: {needed.one_look})"
        return f"{few}, so that it never says `no difference shown`, but with --planned"
    return f"in {needed.sequential} parents (one look: {needed.one_look})"


def _sides(result: Result) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("side")
    for title in ("parents", result.outcome, "rate"):
        table.add_column(title, justify="right")
    table.add_column(f"within, at {1 - result.alpha:.0%}")
    table.add_column("scorers")
    for side in result.sides:
        table.add_row(*_row(side, result))
    return table


def _row(side: Side, result: Result) -> list[str]:
    rate = "-" if side.rate is None else f"{side.rate:.4f}"
    scorers = ", ".join(one[:_SHORT] for one in (result.scorers or {}).get(side.name, ()))
    return [side.name, str(side.parents), str(side.found), rate, _within(side.bounds).strip(), scorers or "-"]


def _within(bounds: Bounds | None) -> str:
    return "" if bounds is None else f" {bounds[0]:.4f} to {bounds[1]:.4f}"
