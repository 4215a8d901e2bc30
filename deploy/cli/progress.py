"""Progress bars: on a terminal only, and on stderr, so that stdout stays for results."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from workers.sources import Parent


def bars(*columns: ProgressColumn) -> Progress:
    """Return progress bars that show themselves on a terminal only, with these columns behind the bar."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *(columns or (MofNCompleteColumn(), TimeElapsedColumn())),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )


def show_notes(notes: Iterable[str]) -> None:
    """Show on stderr how things were read; dim, since nothing is wrong with them."""
    for note in notes:
        typer.secho(f"note: {note}", err=True, dim=True)


class Shown:
    """Shows its bars for as long as a `with` lasts."""

    def __init__(self, shown: Progress | None = None) -> None:
        """Take bars; None: the usual ones."""
        self._bars = shown or bars()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


class PublishBar(Shown):
    """A bar for publishing: one step an item, of as many as are known."""

    def __init__(self) -> None:
        """Make the bar; it shows from `with` on."""
        super().__init__()
        self._task = self._bars.add_task("publishing", total=None)
        self._known = 0

    def parent(self, parent: Parent) -> None:
        """Name the parent that begins."""
        self._known += parent.count or 0
        self._bars.update(self._task, description=f"publishing {parent.parent_id[:40]}", total=self._known or None)

    def item(self) -> None:
        """Count an item."""
        self._bars.advance(self._task)


class RunBar(Shown):
    """Bars for a whole run: what is published, and what is decided. Without a terminal, a line a stage."""

    def __init__(self) -> None:
        """Make the bars; they show from `with` on."""
        super().__init__()
        self._console = Console(stderr=True)
        self._items = self._bars.add_task("published", total=None)
        self._decisions = self._bars.add_task("decided", total=None)

    def stage(self, text: str) -> None:
        """Name the stage that begins."""
        if self._bars.disable:
            self._console.print(text, highlight=False)
        else:
            self._bars.update(self._decisions, description=text)

    def parent(self, parent: Parent) -> None:
        """Name the parent that begins."""
        self._bars.update(self._items, description=f"published {parent.parent_id[:30]}")

    def item(self) -> None:
        """Count an item."""
        self._bars.advance(self._items)

    def decided(self, count: int, parents: int) -> None:
        """Show how many parents are decided."""
        self._bars.update(self._decisions, completed=count, total=parents)
