"""What a head expects and returns, and how it was trained, from its folder. Its encoder is not loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from deploy.errors import ConfigurationError
from schemas.heads import HeadManifest
from workers.heads import Head, HeadError
from workers.heads.reasons import CODES
from workers.heads.store import MANIFEST, read_manifest
from workers.metrics import MetricSet
from workers.metrics.measure import FAMILY_OF

PROBABILITY = "the probability that the item is good, in [0,1]"
QUALITY = "quality in [0,1], and no probability: the head is not calibrated"

EncoderState = Literal["here", "differs", "absent"]


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """A head whose files are sound.

    Attributes:
        folder: where it lies.
        manifest: its manifest.
        scorer: the digest that its scores carry.
        codes: the reasons that it can give.
        encoder: whether its encoder is here.
        unmeasured: its metrics that are not measured here, or in another version.
    """

    folder: Path
    manifest: HeadManifest
    scorer: str
    codes: tuple[str, ...]
    encoder: EncoderState
    unmeasured: tuple[str, ...] = ()

    @property
    def returns(self) -> str:
        """What a score means."""
        return PROBABILITY if self.manifest.calibrated else QUALITY

    def figures(self) -> Mapping[str, Mapping[str, float]]:
        """Return its held-out figures in groups: what they are of, then by name."""
        found: dict[str, dict[str, float]] = {}
        for name, value in self.manifest.results.items():
            group, _, figure = name.rpartition("/")
            found.setdefault(group, {})[figure] = value
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs: the manifest as it is written, and what follows from it."""
        return {
            "manifest": self.manifest.model_dump(mode="json"),
            "returns": self.returns,
            "reasons": self.codes,
            "scorer": self.scorer,
            "encoding_digest": self.manifest.encoding.digest(),
            "encoder": self.encoder,
            "unmeasured": self.unmeasured,
            "folder": str(self.folder),
        }


@dataclass(frozen=True, slots=True)
class BrokenHead:
    """A head that a worker would refuse, and why."""

    folder: Path
    problem: str

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"folder": str(self.folder), "problem": self.problem}


def read(folder: Path, encoders: Path, measured: MetricSet) -> HeadFacts:
    """Read a head, and check that its weights are those of its manifest.

    Args:
        folder: holds manifest.json and head.safetensors.
        encoders: the folder of encoders that were added.
        measured: the metrics that are measured here.

    Raises:
        HeadError: it cannot be read, or its files contradict each other.
    """
    manifest = read_manifest(folder)
    head = Head.load(folder, manifest.encoding, manifest.versions())
    sides = [code for name in manifest.metrics for code in CODES.get(name, ()) if code is not None]
    codes = tuple(dict.fromkeys([*(one.name for one in manifest.defects), *sides]))
    return HeadFacts(
        folder, manifest, head.scorer_digest, codes, _encoder(manifest, encoders), _unmeasured(manifest, measured)
    )


def read_all(heads: Path, encoders: Path, measured: MetricSet) -> list[HeadFacts | BrokenHead]:
    """Read every head in a folder of heads, by the order of their folders' names."""
    found: list[HeadFacts | BrokenHead] = []
    for folder in _folders(heads):
        try:
            found.append(read(folder, encoders, measured))
        except HeadError as error:
            found.append(BrokenHead(folder, str(error)))
    return found


def find(named: str, heads: Path, shared: Mapping[str, str]) -> Path:
    """Return the folder of a head.

    Args:
        named: a folder, a kind, a head's name, or the name of its folder.
        heads: the folder of heads that a worker would load.
        shared: kinds without a head of their own, and whose they use.

    Raises:
        ConfigurationError: there is none.
    """
    if (Path(named) / MANIFEST).is_file():
        return Path(named)
    known = dict(_names(heads))
    folder = known.get(named) or known.get(shared.get(named, ""))
    if folder is None:
        near, there = get_close_matches(named, [*known, *shared], 3), ", ".join(sorted(known))
        hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {there or 'none'}."
        raise ConfigurationError(
            f"{named!r} is no folder with a {MANIFEST}, and no kind or name of a head in {heads}. {hint}"
        )
    return folder


def _folders(heads: Path) -> Sequence[Path]:
    return [path.parent for path in sorted(heads.glob(f"*/{MANIFEST}"))]


def _names(heads: Path) -> Iterator[tuple[str, Path]]:
    for folder in _folders(heads):
        yield folder.name, folder
        try:
            manifest = read_manifest(folder)
        except HeadError:
            continue
        yield manifest.name, folder
        yield manifest.kind, folder


def _unmeasured(manifest: HeadManifest, measured: MetricSet) -> tuple[str, ...]:
    """Return the metrics that a worker would miss; of a kind of nobody's, those that no family has."""
    families = [FAMILY_OF[manifest.kind]] if manifest.kind in FAMILY_OF else sorted(set(FAMILY_OF.values()))
    there = {pair for family in families for pair in measured.versions(family).items()}
    return tuple(name for name, version in manifest.versions().items() if (name, version) not in there)


def _encoder(manifest: HeadManifest, encoders: Path) -> EncoderState:
    """Return whether the encoder of this name is the very one that the head was trained on."""
    from workers.encoders import EncoderError  # noqa: PLC0415 (torch takes its time)
    from workers.encoders.description import describe, names  # noqa: PLC0415

    name = manifest.encoding.name
    if name not in names(encoders):
        return "absent"
    try:
        return "here" if describe(name, encoders).digest == manifest.encoding.digest() else "differs"
    except EncoderError:
        return "absent"
