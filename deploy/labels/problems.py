"""What can be wrong with labels."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.errors import ConfigurationError

SHOWN = 10


class LabelsError(ConfigurationError):
    """A file of labels that cannot be used; the text names lines, and says what would be right."""

    def __init__(self, problem: str, places: Sequence[str] = ()) -> None:
        """Tell a problem, and the places where it is; the first ten are shown."""
        super().__init__("\n  ".join([problem, *some(places)]))


def some(names: Sequence[str]) -> list[str]:
    """Return the first ten of some names, and how many more there are."""
    more = [f"... and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return [*names[:SHOWN], *more]
