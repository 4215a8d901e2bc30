"""Which decisions differ between two sides, window by window: the pure core of `sluice diff`."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from deploy.diff.flips import Flip, Group
from deploy.diff.said import Key, Said
from deploy.diff.tally import Tally

Windows = Mapping[Key, Said]


@dataclass(slots=True)
class Scores:
    """The scores of a kind's windows: those before and after of all that have them, and of those that were compared.

    `sides[n]` are all scores of a side; `pairs` the scores of the same window on both; `flipped` which of them flip.
    """

    sides: tuple[array[float], array[float]] = field(default_factory=lambda: (array("d"), array("d")))
    pairs: tuple[array[float], array[float]] = field(default_factory=lambda: (array("d"), array("d")))
    flipped: array[int] = field(default_factory=lambda: array("b"))


@dataclass(slots=True)
class Comparison:
    """What differs. `flips` and `apart` are in the order in which a person should look: the surest first."""

    tallies: dict[Group, Tally]
    flips: list[Flip]
    apart: list[Flip]
    only: tuple[list[Said], list[Said]]
    scores: dict[str, Scores]

    @property
    def total(self) -> Tally:
        """All groups together."""
        whole = Tally()
        for tally in self.tallies.values():
            whole.add(tally)
        return whole

    @property
    def kinds(self) -> dict[str, Tally]:
        """Each kind's groups together, by its name."""
        found: defaultdict[str, Tally] = defaultdict(Tally)
        for (kind, _), tally in self.tallies.items():
            found[kind].add(tally)
        return dict(found)

    def ranked(self) -> list[tuple[Group, Tally]]:
        """Return the groups, those with the largest share of flips first."""
        return sorted(self.tallies.items(), key=lambda one: (-one[1].share, -one[1].flips, one[0]))


def compare(before: Windows, after: Windows, *, set_apart: bool = False) -> Comparison:
    """Compare two sides, window by window.

    Args:
        before: what the one side says.
        after: what the other one says.
        set_apart: count windows apart that the wall clock closed live: one side is live.
    """
    tallies: defaultdict[Group, Tally] = defaultdict(Tally)
    scores: defaultdict[str, Scores] = defaultdict(Scores)
    flips: list[Flip] = []
    apart: list[Flip] = []
    for pair in _pairs(before, after):
        tally = tallies[pair.group]
        if set_apart and (pair.before.wall_clock or pair.after.wall_clock):
            tally.apart[pair.move] += 1
            apart += [pair] * bool(pair.steps)
            continue
        tally.take(pair)
        _keep_scores(scores[pair.before.kind], pair)
        flips += [pair] * bool(pair.steps)
    only = _only(before, after), _only(after, before)
    for place, windows in enumerate(only):
        for said in windows:
            tallies[said.kind, said.source].only[place] += 1
    for place, side in enumerate((before, after)):
        for said in side.values():
            if said.score is not None:
                scores[said.kind].sides[place].append(said.score)
    return Comparison(
        dict(sorted(tallies.items())),
        sorted(flips, key=Flip.order),
        sorted(apart, key=Flip.order),
        only,
        {kind: found for kind, found in sorted(scores.items()) if any(found.sides)},
    )


def _pairs(before: Windows, after: Windows) -> Iterator[Flip]:
    for key, one in before.items():
        if key in after:
            yield Flip(one, after[key])


def _keep_scores(scores: Scores, pair: Flip) -> None:
    if pair.before.score is not None and pair.after.score is not None:
        scores.pairs[0].append(pair.before.score)
        scores.pairs[1].append(pair.after.score)
        scores.flipped.append(bool(pair.steps))


def _only(side: Windows, other: Windows) -> list[Said]:
    return sorted((said for key, said in side.items() if key not in other), key=lambda said: said.key)
