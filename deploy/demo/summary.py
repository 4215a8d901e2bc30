"""What a run says at its end: a table for people, a summary for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.demo.material import HEAVY, MILD, Sample
from deploy.demo.problems import written
from deploy.demo.run import Run
from deploy.report import render
from schemas.decisions import Decision
from schemas.policy import Action

_WIDE = 120  # columns
_SEVERITIES = {0: "none", MILD: "mild", HEAVY: "heavy"}
_COLOURS = {Action.ACCEPT: "green", Action.REVIEW: "yellow", Action.REJECT: "red"}


def summarise(run: Run, samples: Mapping[str, Sample], folder: Path) -> dict[str, Any]:
    """Return the run's figures.

    Args:
        run: what happened.
        samples: what is known of each parent, for the demo's own material; empty for one's own files.
        folder: takes the report.
    """
    outcome = run.outcome
    summary: dict[str, Any] = {
        "parents": len(run.published.parents),
        "items": run.published.items,
        "decisions": outcome.by_action(),
        "lost": len(outcome.lost),
        "duplicated": len(outcome.duplicated),
        "disagreeing": len(outcome.disagreeing),
        "scored": outcome.scored,
        "failed": outcome.failed,
        "skipped": outcome.skipped,
        "encoder_calls": outcome.encoder_calls,
        "cache_hits": outcome.cache_hits,
        "dead_letters": outcome.dead_letters,
        "unreadable_files": written(run.published.problems),
        "seconds": round(run.seconds, 1),
        "seconds_to_first_decision": round(run.first_decision_seconds, 1),
        "topic_prefix": run.topic_prefix,
        "report": str(folder / "report.html"),
    }
    if samples:
        summary["expectations"] = _expectations(outcome.decisions, samples)
    return summary


def _expectations(decisions: list[Decision], samples: Mapping[str, Sample]) -> dict[str, float]:
    """Return how the decisions fit what was done to the material, as shares of the parents."""
    actions = {decision.parent_id: decision.action for decision in decisions}
    clean = [actions[parent] for parent, sample in samples.items() if sample.severity == 0 and parent in actions]
    heavy = [actions[parent] for parent, sample in samples.items() if sample.severity == HEAVY and parent in actions]
    return {
        "undamaged_accepted": _share(clean, {Action.ACCEPT}),
        "heavily_damaged_not_accepted": _share(heavy, {Action.REVIEW, Action.REJECT}),
        "heavily_damaged_rejected": _share(heavy, {Action.REJECT}),
    }


def _share(actions: list[Action], wanted: set[Action]) -> float:
    return round(sum(action in wanted for action in actions) / len(actions), 3) if actions else 0.0


def write(folder: Path, run: Run, summary: Mapping[str, Any], samples: Mapping[str, Sample]) -> None:
    """Write decisions.jsonl, summary.json and report.html."""
    lines = [decision.to_json() + b"\n" for decision in run.outcome.decisions]
    (folder / "decisions.jsonl").write_bytes(b"".join(lines))
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    damages = {parent: _damage(sample) for parent, sample in samples.items()}
    (folder / "report.html").write_text(render(run.report, summary, damages), encoding="utf-8")


def _damage(sample: Sample) -> str:
    if not sample.severity:
        return "undamaged"
    return f"{_SEVERITIES.get(sample.severity, str(sample.severity))} {sample.damage.replace('_', ' ')}"


def show(run: Run, summary: Mapping[str, Any], samples: Mapping[str, Sample], folder: Path) -> None:
    """Print the decisions as a table, and the figures below it."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)  # a file or a pipe has no edge
    console.print(_table(run.outcome.decisions, samples, wide=console.width >= _WIDE))
    by_action = ", ".join(f"{count} {action}" for action, count in summary["decisions"].items())
    console.print(f"\n{summary['parents']} parents, {summary['items']} items: {by_action}")
    console.print(
        f"lost {summary['lost']}  duplicated {summary['duplicated']}  dead letters {summary['dead_letters']}"
        f"  encoder calls {summary['encoder_calls']}  cache hits {summary['cache_hits']}"
        f"  {summary['seconds']} s"
    )
    for name, share in summary.get("expectations", {}).items():
        console.print(f"{name.replace('_', ' ')}: {share:.0%}")
    for problem in run.published.problems:
        console.print(f"not read: {problem}", style="red", markup=False)
    files = (folder / "decisions.jsonl", folder / "summary.json", summary["report"])
    console.print(f"written: {', '.join(map(str, files))}", markup=False, soft_wrap=True)


def _table(decisions: list[Decision], samples: Mapping[str, Sample], *, wide: bool) -> Table:
    """Return the decisions as a table that fits into 80 columns, or with the reasons where there is room."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("parent", no_wrap=True, overflow="ellipsis")
    for name in ("damage", "items", "score", "label", "action", *(["why"] if wide else [])):
        table.add_column(name, justify="right" if name in {"items", "score"} else "left", no_wrap=True)
    kind = ""
    for decision in decisions:
        if decision.kind != kind:
            kind = decision.kind
            table.add_row(Text(kind, style="bold"))
        row = _row(decision, samples.get(decision.parent_id))
        table.add_row(*(row if wide else row[:-1]))
    return table


def _row(decision: Decision, sample: Sample | None) -> list[str | Text]:
    return [
        f"  {decision.parent_id}",
        "" if sample is None else _SEVERITIES.get(sample.severity, str(sample.severity)),
        str(decision.counts.scored + decision.counts.failed),
        "" if decision.score is None else f"{decision.score:.3f}",
        decision.label or "",
        Text(decision.action, style=_COLOURS[decision.action]),
        ", ".join((*decision.reasons, *_item_reasons(decision))),
    ]


def _item_reasons(decision: Decision) -> tuple[str, ...]:
    """Return what the worst items suffer from."""
    return tuple(dict.fromkeys(reason for item in decision.worst for reason in item.reasons))
