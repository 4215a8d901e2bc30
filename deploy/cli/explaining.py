"""How `sluice explain` looks on a terminal, or in a file."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.answers import Answer, Weighed
from deploy.cli.plain import COLOURS, plain
from deploy.explain import Account, words
from deploy.explain.account import in_order
from schemas.decisions import Decision

_WIDE = 140  # columns, where there is no edge
_LISTED = 8  # open windows


def show(account: Account, console: Console | None = None) -> None:
    """Print an account: what was decided, why, and the items."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    console.print(_headline(account), soft_wrap=True)
    for name, text in _facts(account):
        console.print(Text(f"  {name:9} ", style="dim") + plain(text), soft_wrap=True)
    console.print()
    for sentence in account.sentences:
        console.print(Text("  ") + plain(sentence), soft_wrap=True)
    if account.found is not None and account.found.answers:
        console.print()
        console.print(_items(account.found))
    if account.trace.dead:
        console.print()
        console.print(_dead_letters(account))


def _headline(account: Account) -> Text:
    decision, parent = account.decision, plain(account.trace.parent_id, "bold")
    if decision is None:
        return parent + Text("  no decision yet", style="yellow")
    score = "nothing scored" if decision.score is None else f"{decision.label} {decision.score:.4f}"
    review = ", a person should look" if decision.review else ""
    return parent + Text("  ") + Text(decision.action, style=COLOURS[decision.action]) + Text(f"  {score}{review}")


def _facts(account: Account) -> Iterator[tuple[str, str]]:
    decision, trace = account.decision, account.trace
    if decision is None:
        yield "scores", f"partition {trace.partition}"
        yield "rule", f"as in {account.rule_from}"
        return
    yield "decision", f"{decision.id}, revision {decision.revision}, window {decision.window}"
    for one in account.earlier:
        yield (
            "earlier",
            f"revision {one.revision}: {one.action} {one.label or ''}, {words.clock(one.timings.decided_at)}",
        )
    for one in account.others:
        yield "also", f"window {one.window}, revision {one.revision}: {one.action} {one.label or ''}"
    if account.open_windows:
        yield "open", f"{', '.join(account.open_windows[:_LISTED])}{_more(len(account.open_windows) - _LISTED)}"
    yield "kind", f"{decision.kind}, source {decision.source}"
    yield "decided", words.clock(decision.timings.decided_at)
    yield "closed", f"{decision.cause}: {words.closing(decision)}"
    yield "counts", _counts(decision)
    yield "scores", f"partition {decision.partition}, offsets {decision.first_offset} to {decision.through_offset}"
    yield (
        "policy",
        f"{decision.policy.name}, version {decision.policy.version}, {decision.policy.digest}{_known(account)}",
    )
    own = decision.policy.experiment
    if own is not None:
        yield "experiment", f"{own.name}: {own.arm}, where {own.share:.4g} of the parents are the candidate's"
    for scorer in decision.scorers:
        yield "scorer", f"{scorer}{', uncalibrated' if decision.uncalibrated else ''}"
    if decision.reasons:
        yield "reasons", ", ".join(decision.reasons)
    if decision.failures:
        yield "failures", ", ".join(decision.failures)
    if decision.audit is not None:
        drawn = "for a person to check" if decision.audit.selected else "not chosen"
        yield "audit", f"drawn with probability {decision.audit.probability:g}: {drawn}"


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def _known(account: Account) -> str:
    """Return whether the policy's document is on its topic; one that was given as a file is not."""
    return ", published" if account.checked is not None and account.checked.published else ""


def _counts(decision: Decision) -> str:
    counts = decision.counts
    expected = "" if counts.expected is None else f"{counts.expected} expected: "
    named = {"ruled": counts.ruled, "remaining": counts.remaining, "late": counts.late}
    further = "".join(f", {count} {name}" for name, count in named.items() if count)
    return (
        f"{expected}{counts.scored} scored, {counts.failed} failed, {counts.skipped} skipped,"
        f" {counts.missing} missing, {counts.duplicate} duplicate{further}"
    )


def _items(found: Weighed) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("item", "answer", "score"):
        table.add_column(name, justify="left" if name == "answer" else "right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for name in ("counts", "cache", "on items", "on scores"):
        table.add_column(name, no_wrap=True)
    for answer in in_order(found.answers):
        table.add_row(*_row(answer))
    return table


def _row(answer: Answer) -> list[str | Text]:
    place = answer.place
    score = "" if answer.score is None else f"{answer.score:.4f}"
    why = ", ".join(answer.why) + (f" ({place.detail})" if place.detail else "")
    return [
        f"#{answer.value.index}",
        Text(answer.state, style="red" if answer.state == "failed" else ""),
        score,
        plain(why),
        "yes" if answer.standing == "counted" else Text(f"no, {answer.standing}", style="yellow"),
        "hit" if place.cached else "",
        "" if place.item_offset is None else f"{place.item_partition}/{place.item_offset}",
        str(answer.offset),
    ]


def _dead_letters(account: Account) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, title="dead letters", title_justify="left")
    for name in ("offset", "from", "stage", "cause"):
        table.add_column(name, no_wrap=True)
    table.add_column("detail", overflow="fold")
    for one in account.trace.dead:
        origin = f"{one.topic} {one.place[0]}/{one.place[1]}"
        table.add_row(str(one.offset), plain(origin), plain(one.stage), plain(one.cause), plain(one.detail))
    return table
