"""How heads look on a terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from deploy.cli.plain import plain
from deploy.cli.policyrules import print_parts
from deploy.headfacts import BrokenHead, HeadFacts
from schemas.heads import HeadManifest
from workers.encoders.description import names
from workers.kinds import SHARED

_DIGEST = 8  # characters that are shown in a list
_ENCODER = {
    "here": "here, the same",
    "differs": "here, but another one: a worker refuses the head",
    "absent": "not here: `sluice encoder add` adds it",
}
_SOURCES = 100  # that are listed
# What stands in lines of its own; any other field that a manifest has is printed as it is.
_TOLD = frozenset(
    {
        "format",
        "name",
        "kind",
        "model",
        "encoding",
        "metrics",
        "metrics_version",
        "metric_versions",
        "fusion",
        "calibrated",
        "calibration",
        "defects",
        "parents",
        "seed",
        "labels",
        "labels_used",
        "damages",
        "sources",
        "results",
        "weights_sha256",
    }
)


def show_all(found: Sequence[HeadFacts | BrokenHead], heads: Path, encoders: Path, *, as_json: bool) -> bool:
    """Print what a worker would load, and return whether it would start."""
    there = names(encoders)
    good = [one for one in found if isinstance(one, HeadFacts)]
    kinds = [one.manifest.kind for one in good]
    problems = [f"two heads are for {kind}" for kind in sorted({kind for kind in kinds if kinds.count(kind) > 1})]
    problems += [
        f"{one.manifest.kind}: its encoder is {_ENCODER[one.encoder]}" for one in good if one.encoder != "here"
    ]
    problems += [f"{one.manifest.kind}: {_unmeasured(one)}" for one in good if one.unmeasured]
    problems += [] if found else [f"no head lies in {heads}; `sluice train` makes them"]
    if as_json:
        shared = {kind: owner for kind, owner in SHARED.items() if owner in kinds}
        told = {"heads": [one.as_dict() for one in found], "shared": shared, "encoders": there, "problems": problems}
        typer.echo(json.dumps(told, ensure_ascii=False))
    else:
        print_parts(_table(found, kinds))
        for problem in problems:
            print_parts(plain(problem, "red"))
        print_parts()
        print_parts(Text("encoders  ", style="dim"), plain(", ".join(there)))
        print_parts(Text(f"heads lie in {heads}, added encoders in {encoders}", style="dim"))
    return not problems and len(good) == len(found)


def _table(found: Sequence[HeadFacts | BrokenHead], kinds: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("kind", "head", "model", "calibrated", "encoder", "numbers", "metrics", "scorer"):
        table.add_column(name, overflow="fold", justify="right" if name in {"numbers", "metrics"} else "left")
    for one in found:
        if isinstance(one, BrokenHead):
            table.add_row(plain(one.folder.name), plain(one.problem, "red"))
            continue
        manifest = one.manifest
        table.add_row(
            plain(manifest.kind, "bold"),
            plain(manifest.name),
            plain(manifest.model),
            "yes" if manifest.calibrated else Text("no", style="yellow"),
            plain(manifest.encoding.name),
            str(manifest.encoding.dimension),
            str(len(manifest.metrics)),
            one.scorer[:_DIGEST],
        )
    for kind, owner in SHARED.items():
        if owner in kinds and kind not in kinds:
            table.add_row(plain(kind, "bold"), plain(f"as {owner}", "dim"))
    return table


def show_head(found: HeadFacts) -> None:
    """Print what a head expects, what it returns, and how it was trained."""
    manifest = found.manifest
    print_parts(plain(manifest.name, "bold"), plain(f"  {manifest.model} head for {manifest.kind}"))
    for title, facts in (
        ("expects", _expects(found)),
        ("returns", _returns(found)),
        ("trained", _trained(manifest)),
        ("digests", _digests(found)),
    ):
        print_parts(plain(f"  {title}", "bold"))
        for name, text in facts:
            print_parts(Text(f"    {name:12} ", style="dim"), plain(text))
    if manifest.results:
        print_parts(plain("  figures", "bold"), plain("  on what was held out", "dim"))
        for group, figures in found.figures().items():
            print_parts(Text(f"    {group}", style="dim"))
            print_parts(plain("      " + "  ".join(f"{name} {value:g}" for name, value in figures.items())))


def _unmeasured(found: HeadFacts) -> str:
    return f"not measured here, or in another version: {', '.join(found.unmeasured)}"


def _expects(found: HeadFacts) -> Iterator[tuple[str, str]]:
    manifest, encoding = found.manifest, found.manifest.encoding
    yield "kind", manifest.kind
    yield "encoder", f"{encoding.name}, {_ENCODER[found.encoder]}"
    yield "embedding", f"float32 ({encoding.dimension},)"
    yield "input", encoding.preprocessing
    yield "layers", ", ".join(encoding.layers)
    yield "pooling", encoding.pooling
    versions = manifest.versions()
    plain_names = [name for name in manifest.metrics if versions[name] == manifest.metrics_version]
    others = [f"{name} ({version})" for name, version in versions.items() if version != manifest.metrics_version]
    yield "metrics", ", ".join([*plain_names, *others]) or "none"
    if found.unmeasured:
        yield "missing", _unmeasured(found)
    yield "version", f"{manifest.metrics_version} of the metrics"
    yield "fusion", manifest.fusion


def _returns(found: HeadFacts) -> Iterator[tuple[str, str]]:
    manifest = found.manifest
    yield "score", found.returns
    if manifest.calibration is not None:
        one = manifest.calibration
        yield (
            "calibrated",
            f"by {one.method} on {one.items} items of {one.groups} groups; good is {one.binary_cut:g} and up",
        )
    for parent in manifest.parents:
        fitted = f"{parent.calibrator} on {parent.parents} parents of {parent.groups} groups"
        yield "of parents", f"{parent.kind}, {parent.method}: {fitted}; good is {parent.binary_cut:g} and up"
    yield "reasons", ", ".join(found.codes) or "none"
    for defect in manifest.defects:
        auc = "too few to tell how well" if defect.auc is None else f"auc {defect.auc:g}"
        yield "defect", f"{defect.name}: learnt from {defect.positives} items, {auc}"


def _trained(manifest: HeadManifest) -> Iterator[tuple[str, str]]:
    yield "labels", manifest.labels
    used = manifest.labels_used
    if used is not None:
        yield "labels", f"sha256 {used.sha256}; good is {used.binary_cut:g} and up; a group is {used.groups}"
        for name, size in used.splits.items():
            yield "split", f"{name}: {size.items} items of {size.groups} groups, {size.good} of them good"
    if manifest.damages:
        yield "damages", ", ".join(manifest.damages)
    yield "seed", str(manifest.seed)
    for source in manifest.sources[:_SOURCES]:
        yield "source", f"{source.name}: {source.items} items; {source.licence}; sha256 {source.sha256[:16]}"
    if len(manifest.sources) > _SOURCES:
        yield "source", f"and {len(manifest.sources) - _SOURCES} more; --json lists them"
    for name, value in manifest.model_dump(mode="json", exclude_defaults=True).items():
        if name not in _TOLD:
            yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _digests(found: HeadFacts) -> Iterator[tuple[str, str]]:
    yield "scorer", found.scorer
    yield "weights", f"sha256 {found.manifest.weights_sha256}"
    yield "encoder", f"weights sha256 {found.manifest.encoding.weights_sha256}"
    yield "encoding", found.manifest.encoding.digest()
