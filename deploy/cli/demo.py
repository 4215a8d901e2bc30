"""`sluice demo`: the main job, once, on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.errors import PARTLY_READ

if TYPE_CHECKING:
    from deploy.demo.material import Sample


def demo(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Your own files or folders, instead of the samples.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the cached embeddings first.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for results, logs and the local brokers' data.")] = Path("out/demo"),
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    policy: Annotated[Path | None, typer.Option(help="Policy file. Without one, the demo's.", dir_okay=False)] = None,
    parent_suffix: Annotated[str, typer.Option(help="Added to each parent id: the same content, new parents.")] = "",
    medical_thumbnails: Annotated[
        bool, typer.Option("--medical-thumbnails", help="Show slices of your own volumes in the report.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON instead of the table.")] = False,
) -> None:
    """Publish material, score it, decide it, and show what came out.

    Without paths: real videos, parts of an MRI volume and articles, as they are and damaged. Kafka and Valkey are local
    ones unless SLUICE_KAFKA and SLUICE_REDIS name others. Topics are new in each run; the cache is kept.

    report.html in the folder of results shows every parent with its score, its pictures or texts, and why.

    Exit code 9: some files could not be read. 11: a parent has no decision, or more than one.

    Example: sluice demo ~/clips scan.nii.gz --out out/mine
    """
    from deploy import logs, policyfiles
    from deploy.cli.progress import RunBar, show_notes
    from deploy.demo import summary as summaries
    from deploy.demo.run import DemoError, RunOptions, run
    from deploy.settings import Settings

    logs.configure()
    out.mkdir(parents=True, exist_ok=True)
    samples, parents = _parents(paths or [], out, parent_suffix)
    # the demo's own volume is public; whose slices yours are, nobody here can know
    options = RunOptions(out, policy or policyfiles.DEMO, fresh, device, medical_thumbnails or not paths)
    with RunBar() as bar:
        finished = run(Settings.load(), options, parents, bar)
    show_notes(finished.published.notes)
    summary = summaries.summarise(finished, samples, out)
    summaries.write(out, finished, summary, samples)
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        summaries.show(finished, summary, samples, out)
    if not finished.outcome.sound:
        wrong = finished.outcome.lost + finished.outcome.duplicated + finished.outcome.disagreeing
        raise DemoError(f"lost, duplicated or disagreeing decisions: {', '.join(wrong[:10])}")
    if finished.published.problems:
        raise typer.Exit(PARTLY_READ)


def _parents(paths: list[Path], out: Path, suffix: str) -> tuple[dict[str, Sample], list[Any]]:
    from deploy.demo.material import samples

    if paths:
        return {}, _own(paths, suffix)
    chosen = samples(out / "material", suffix)
    return {sample.parent_id: sample for sample in chosen}, [sample.open for sample in chosen]


def _own(paths: list[Path], suffix: str) -> list[Any]:
    """Return what opens each parent that is found, and what raises each problem at its turn."""
    from functools import partial

    from deploy import privacykey
    from deploy.cli.progress import show_notes
    from deploy.publishing import renamed
    from deploy.settings import Settings
    from workers.sources import Found, Parent, SourceError, SourceOptions, discover

    def opened(found: Found) -> Parent:
        return renamed(found.open(), suffix)

    def refused(problem: SourceError) -> Parent:
        raise problem

    discovery = discover(paths, source="files", options=SourceOptions(secret=privacykey.load(Settings.load())))
    show_notes(discovery.notes)
    return [partial(opened, found) for found in discovery.found] + [
        partial(refused, problem) for problem in discovery.problems
    ]
