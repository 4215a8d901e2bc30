"""`sluice testcases`: assertions about slices of what a head or policy decides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Test cases of a head or policy: a slice, a metric and an assertion. `check` them, or `run` them on a replay.",
    no_args_is_help=True,
)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Files of test cases (YAML).", dir_okay=False)],
    as_json: _AsJson = False,
) -> None:
    """Check files of test cases. Needs no Kafka and no replay.

    Exit code 2: a file is wrong; each problem is told with its line and what would be right.

    Example: sluice testcases check cases.yaml
    """
    from deploy.cli.casetable import show_checked
    from deploy.errors import ConfigurationError
    from deploy.slices.suite import load

    problems = []
    for path in files:
        try:
            found = load(path)
        except ConfigurationError as error:
            problems.append(str(error))
            continue
        if as_json:
            typer.echo(json.dumps({"file": str(path), "digest": found.digest(), **found.model_dump(mode="json")}))
        else:
            show_checked(path, found)
    if problems:
        raise ConfigurationError("\n".join(problems))


@app.command()
def run(
    cases: Annotated[Path, typer.Argument(help="Test cases (YAML).", dir_okay=False)],
    replay: Annotated[
        Path | None, typer.Option(help="Folder of a replay. Without one, what was decided live.", file_okay=False)
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV, JSONL or Parquet with parent and label. Without one, the topic labels.", dir_okay=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write the result to this .json file, for `sluice promote`.", dir_okay=False),
    ] = None,
    equally_drawn: Annotated[
        bool, typer.Option("--equally-drawn", help="Take all labels as drawn alike, whatever they say.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of resamples.")] = 0,
    as_json: _AsJson = False,
) -> None:
    """Run test cases on what a replay decided.

    A file has a name and cases, such as {name: no bad from the noisy camera, where: "source == 'camera-3'", metric:
    false_accept_rate, assertion: "<= 0.05", least: 30, judge_by: interval}. With fewer than `least` parents that the
    metric is about, a case is too_few; judge_by says whether the whole 95% interval must hold, or the figure (point).

    Metrics: false_accept_rate, false_reject_rate, held_back_rate, bad_among_accepted, wrong_rate, accept_rate,
    mean_score, auc. `where` is that of `sluice items`, of parents: score is the parent's, a metric the mean over its
    items, min_NAME and max_NAME the lowest and the highest value.

    Exit code 24: a case is not passed. One with too few parents to tell is not.

    Example: sluice testcases run cases.yaml --replay out/night --labels labels.csv --out result.json
    """
    from deploy.cli.casetable import run as run_and_show
    from deploy.slices.gathering import Asked

    run_and_show(cases, Asked(replay=replay, labels=labels, equally=equally_drawn), out, seed, as_json=as_json)
