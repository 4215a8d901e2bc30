"""The lines of `sluice watch`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from deploy.cli.plain import COLOURS, plain
from schemas.decisions import Decision
from schemas.policy import Action


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions are wanted; an empty set wants all."""

    actions: frozenset[Action] = frozenset()
    kinds: frozenset[str] = frozenset()

    def fits(self, decision: Decision) -> bool:
        """Tell whether a decision is wanted."""
        wanted = not self.actions or decision.action in self.actions
        return wanted and (not self.kinds or decision.kind in self.kinds)


class Printer:
    """Prints decisions, each in a line at once."""

    def __init__(self, *, as_json: bool, console: Console | None = None) -> None:
        """Write to stdout: in colours on a terminal only, and there with the time of day alone."""
        self._console = console or Console(highlight=False)
        self._as_json = as_json
        self.shown = 0

    def show(self, value: bytes | None, wanted: Filter) -> None:
        """Print a record if it is a decision that is wanted."""
        try:
            decision = Decision.model_validate_json(value or b"")
        except ValidationError:
            return  # somebody else's record
        if not wanted.fits(decision):
            return
        self.shown += 1
        if self._as_json:
            self._console.file.write(decision.to_json().decode() + "\n")
        else:
            self._console.print(line(decision, short=self._console.is_terminal), soft_wrap=True)
        self._console.file.flush()


def line(decision: Decision, *, short: bool) -> Text:
    """Return the line of a decision.

    Args:
        decision: to be shown.
        short: the local time of day, for somebody who looks on; else the date too, in UTC.
    """
    at = datetime.fromtimestamp(decision.timings.decided_at / 1000, UTC)
    score = "-" if decision.score is None else f"{decision.score:.3f}"
    flag = "look" if decision.review else ""
    return Text("  ").join(
        [
            Text(f"{at.astimezone():%H:%M:%S}" if short else f"{at:%Y-%m-%dT%H:%M:%SZ}", style="dim"),
            Text(f"{decision.action:6}", style=COLOURS[decision.action]),
            Text(f"{flag:4}"),
            Text(f"{decision.label or '-':8}"),
            Text(f"{score:>5}"),
            plain(f"{decision.kind:14}"),
            plain(decision.parent_id, "bold"),
            plain(", ".join(reasons(decision)), "dim"),
        ]
    )


def reasons(decision: Decision) -> tuple[str, ...]:
    """Return why the decision is as it is, and what its worst items suffer from."""
    return tuple(dict.fromkeys((*decision.reasons, *(reason for item in decision.worst for reason in item.reasons))))
