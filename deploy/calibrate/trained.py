"""What heads were trained on, and whether a labelled parent was among it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.errors import ConfigurationError
from schemas.heads import HeadManifest
from schemas.labels import LabelGiven
from workers.heads import Head, HeadError
from workers.heads.store import MANIFEST, read_manifest

_EVALUATION: Final = "evaluation.json"
_USED: Final = frozenset({"train", "calibration"})  # the other splits have no part in a score
_DIGITS: Final = 12  # of a file's SHA-256 that the id of its parent ends with


@dataclass(frozen=True, slots=True)
class Trained:
    """What one head was trained and calibrated on.

    Attributes:
        scorer: the digest that its scores carry.
        name: of the head.
        contents: SHA-256 of files and items.
        names: of files and items, as the labels named them.
        groups: of the labels.
        complete: whether contents are listed. Heads that an earlier Sluice trained on labels do not list them.
    """

    scorer: str
    name: str
    contents: frozenset[str]
    names: frozenset[str]
    groups: frozenset[str]
    complete: bool
    _beginnings: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_beginnings", frozenset(content[:_DIGITS] for content in self.contents))

    def why(self, label: LabelGiven, contents: Iterable[str]) -> str | None:
        """Return why a label may not judge this head, or None where it may.

        Args:
            label: of a parent.
            contents: SHA-256 of the parent's items.
        """
        if not self.contents.isdisjoint(contents):
            return "content"
        _, _, digits = label.parent_id.rpartition("-")
        if label.parent_id in self.names or (len(digits) == _DIGITS and digits in self._beginnings):
            return "parent"
        return "group" if label.group in self.groups else None


def trained_heads(folders: Sequence[Path], scorers: Iterable[str]) -> dict[str, Trained]:
    """Return what the heads of some scorers were trained on.

    Args:
        folders: of heads, or of one head each.
        scorers: digests of the scores that are to be judged.

    Raises:
        ConfigurationError: a head is in none of the folders.
    """
    wanted = set(scorers)
    found: dict[str, Trained] = {}
    for folder in (path for given in folders for path in _folders(given)):
        try:
            manifest = read_manifest(folder)
            scorer = Head.load(folder, manifest.encoding, manifest.versions()).scorer_digest
        except HeadError:
            continue  # it cannot have made a score
        if scorer in wanted:
            found[scorer] = _trained(scorer, manifest, folder)
    absent = sorted(wanted - found.keys())
    if absent:
        looked = ", ".join(map(str, folders))
        raise ConfigurationError(
            f"the head of scorer {absent[0][:_DIGITS]} is not in {looked}, so nobody can tell whether it was trained on"
            " these parents: --heads FOLDER names the folder of heads (or a head's own) that the scores came from"
        )
    return found


def _folders(given: Path) -> list[Path]:
    return [given] if (given / MANIFEST).is_file() else [path.parent for path in sorted(given.glob(f"*/{MANIFEST}"))]


def _trained(scorer: str, manifest: HeadManifest, folder: Path) -> Trained:
    names, groups = _evaluated(folder) if manifest.evaluation_sha256 else (set[str](), set[str]())
    names |= {source.name for source in manifest.sources}
    contents = frozenset(source.sha256 for source in manifest.sources)
    return Trained(scorer, manifest.name, contents, frozenset(names), frozenset(groups), complete=bool(contents))


def _evaluated(folder: Path) -> tuple[set[str], set[str]]:
    """Return the names and groups of the items that a head was trained or calibrated on, by its evaluation."""
    try:
        items = json.loads((folder / _EVALUATION).read_bytes())["items"]
        used = [one for one in items if one["split"] in _USED]
        return {str(one["name"]) for one in used}, {str(one["group"]) for one in used}
    except (OSError, ValueError, KeyError, TypeError):
        return set(), set()  # it lies beside the head for people; the contents are in the manifest


def incomplete(heads: Mapping[str, Trained]) -> list[str]:
    """Return the names of the heads that do not list what they were trained on."""
    return sorted({head.name for head in heads.values() if not head.complete})
