"""What `sluice canary` does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from deploy.cli.progress import bars
from deploy.errors import ConfigurationError, MissingPartError
from deploy.settings import Settings
from workers.decode import InlineDecoder
from workers.device import DeviceError, resolve
from workers.domains import Domain, load_domains
from workers.encoders import EncoderError, EncoderRegistry
from workers.heads import HeadError
from workers.heads.store import MANIFEST, read_manifest
from workers.media import UndecodableError
from workers.sources import SourceError, SourceOptions, discover
from workers.training.parts import SampleError
from workers.watch import material
from workers.watch.judge import Finding, judge
from workers.watch.material import Good
from workers.watch.record import record, record_new
from workers.watch.store import FOLDER, RECORD, CanaryError, CanarySet, load, read_items, read_record, save

_BUNDLED = Path(__file__).parent.parent / "heads"


@dataclass(frozen=True, slots=True)
class Recording:
    """What `sluice canary record` was asked for."""

    heads: Path
    kinds: Sequence[str] | None
    good: Sequence[Path]
    new: bool
    epsilon: float
    device: str


def recorded(wanted: Recording) -> list[Finding]:
    """Record canaries, and return how they score by their own record.

    Raises:
        ConfigurationError: a head or the canaries cannot be used.
        MissingPartError: sample material is not installed.
    """
    found = []
    for folder, domain in _chosen(wanted.heads, wanted.kinds, wanted.device):
        kind = domain.head.manifest.kind
        try:
            with bars() as shown:
                shown.add_task(f"{kind}: recording", total=None)
                own = _record(folder, kind, domain, wanted)
        except CanaryError as error:
            raise ConfigurationError(str(error)) from error
        except SampleError as error:
            raise MissingPartError(str(error)) from error
        save(folder, own)
        found.append(_judged(domain, own))
    return found


def checked(heads: Path, kinds: Sequence[str] | None, device: str) -> list[Finding]:
    """Score the canaries beside heads once.

    Raises:
        ConfigurationError: there are none, or a head or they cannot be used.
    """
    found = []
    for folder, domain in _chosen(heads, kinds, device):
        try:
            own = load(folder, domain)
        except CanaryError as error:
            raise ConfigurationError(str(error)) from error
        if own is None:
            raise ConfigurationError(f"{folder.name} has no canaries: sluice canary record --heads {heads}")
        found.append(_judged(domain, own))
    return found


def shown(found: Sequence[Finding], *, as_json: bool) -> None:
    """Print what canaries showed."""
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found]))
        return
    table = Table("kind", "canaries", "largest difference", "margin", box=None)
    for one in found:
        state = "[green]as recorded[/]" if one.passed else "[red]wrong[/]"
        table.add_row(one.kind, state, f"{one.largest:.4f}", f"{one.margin:.3f}")
    console = Console()
    console.print(table)
    for one in found:
        if one.why:
            console.print(f"{one.kind}: {one.why}", markup=False)


def _chosen(heads: Path, kinds: Sequence[str] | None, device: str) -> list[tuple[Path, Domain]]:
    try:
        registry = EncoderRegistry.of(Settings.load().encoder_folder)
        domains = load_domains(heads, registry, resolve(device))
        places = (
            [heads] if (heads / MANIFEST).is_file() else [one.parent for one in sorted(heads.glob(f"*/{MANIFEST}"))]
        )
        folders = {read_manifest(place).kind: place for place in places}
    except (DeviceError, HeadError, EncoderError) as error:
        raise ConfigurationError(str(error)) from error
    unknown = sorted(set(kinds or ()) - folders.keys())
    if unknown:
        raise ConfigurationError(f"--kind {unknown[0]}: the heads of {heads} are for {', '.join(folders)}")
    return [(folder, domains[kind]) for kind, folder in folders.items() if not kinds or kind in kinds]


def _record(folder: Path, kind: str, domain: Domain, wanted: Recording) -> CanarySet:
    if wanted.good:
        return record_new(kind, domain, _goods(wanted.good, kind), wanted.epsilon)
    own = next((place for place in (folder, _bundled(kind)) if (place / FOLDER / RECORD).exists()), None)
    if own is None or wanted.new:
        if kind not in material.MATERIAL:
            raise CanaryError(f"there are no canaries of kind {kind} yet: name good items to make them of, with --good")
        return record_new(kind, domain, material.MATERIAL[kind](), wanted.epsilon)
    canaries = read_record(own / FOLDER / RECORD).canaries
    values: Mapping[str, bytes] = read_items(own / FOLDER)
    lacking = [one.name for one in canaries if one.name not in values]
    if lacking:
        raise CanaryError(f"{own / FOLDER} lacks the bytes of {lacking[0]}: make them anew with --new")
    return record(kind, domain, canaries, [values[one.name] for one in canaries], wanted.epsilon)


def _bundled(kind: str) -> Path:
    return _BUNDLED / kind


def _goods(paths: Iterable[Path], kind: str) -> Iterator[Good]:
    """Yield the media of this kind in files and folders; what cannot be read is left out."""
    for found in discover(paths, source="canary", options=SourceOptions()).found:
        try:
            for one in found.open().items:
                item = replace(one, envelope=one.envelope.model_copy(update={"kind": kind}))
                yield Good(material.cut(InlineDecoder().decode(item)), Path(found.label).name, "as given")
        except (SourceError, UndecodableError):
            continue


def _judged(domain: Domain, own: CanarySet) -> Finding:
    from workers.scorer import Scorer

    scorer = Scorer({own.record.kind: domain})
    results = scorer.score(own.items)
    names = [one.name for one in own.record.canaries]
    return judge(own.record, dict(zip(names, results, strict=True)))
