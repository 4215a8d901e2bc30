"""`sluice train`: heads from labels, or from damaged copies of the sample material."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HEADS = Path(__file__).parent.parent / "heads"
OWN = Path("out/heads")


def train(
    labels: Annotated[
        Path | None,
        typer.Argument(
            help="CSV, JSONL or Parquet with the columns item (FILE or FILE#INDEX) or parent (FILE or FOLDER), and "
            "label in [0,1]; also defects, group, kind and split. Without it, the bundled heads are trained.",
            dir_okay=False,
        ),
    ] = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="Train the bundled heads, on damaged copies of sample material.")
    ] = False,
    kind: Annotated[list[str] | None, typer.Option(help="Kind to train; may be repeated. All if left out.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder of heads. From labels, {OWN} if left out, with a new folder in it named by its content; of "
            "samples, each kind's is replaced.",
            file_okay=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides all that is random.")] = 0,
    root: Annotated[
        Path | None, typer.Option(help="What paths in LABELS count from, if not its folder.", file_okay=False)
    ] = None,
    cut: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="A label of at least this is good, where two classes are needed.")
    ] = 0.5,
    encoder: Annotated[str | None, typer.Option(help="Encoder; the kind's usual one if left out.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda:N.")] = "auto",
    policy: Annotated[
        Path | None,
        typer.Option(
            help="YAML file: its methods aggregate labelled parents, its thresholds are judged in the report. The "
            "bundled one if left out.",
            dir_okay=False,
        ),
    ] = None,
    curve: Annotated[bool, typer.Option(help="Make a learning curve: up to half of the time.")] = True,
    report: Annotated[bool, typer.Option(help="Write report.html beside the head.")] = True,
    medical_thumbnails: Annotated[
        bool, typer.Option("--medical-thumbnails", help="Show slices in the report; whoever has the file sees them.")
    ] = False,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Compare head sizes, features and layers by folds; write no head.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Train heads on labels that people gave, and print how well they do on groups held out.

    Embeddings come through the cache (SLUICE_REDIS), so that a second run calls no encoder. The result is a folder
    named by its content: weights, manifest, evaluation and report; `sluice score --heads` takes it at once. Without
    LABELS the bundled heads are trained again, on damaged copies of sample material.

    Example: sluice train labels.csv --root pictures/ --out heads --seed 1
    """
    from deploy.errors import ConfigurationError

    if labels is None and (ablate or root is not None or encoder is not None):
        raise ConfigurationError("--ablate, --root and --encoder need LABELS: a CSV, JSONL or Parquet file")
    if labels is not None and samples:
        raise ConfigurationError("LABELS and --samples are two ways to train: give one of them")
    if labels is None:
        from deploy.cli.training import show

        show(kind, out or HEADS, seed, as_json=as_json)
        return
    from deploy.cli.labelled import Wish, show_ablation, show_heads

    wish = Wish(
        labels,
        out or OWN,
        root,
        tuple(kind or ()),
        seed,
        cut,
        encoder,
        device,
        policy,
        curve,
        report,
        medical_thumbnails,
    )
    (show_ablation if ablate else show_heads)(wish, as_json=as_json)
