"""`sluice train LABELS`: from a file of labels to a head for each kind in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from schemas.heads import HeadManifest
from workers.metrics.measure import FAMILY_OF
from workers.sources import SourceOptions
from workers.training.drawn import Choices, Drawn, draw
from workers.training.evaluation import Evaluation
from workers.training.featuring import Featurer
from workers.training.fitting import Progress, described, fit_head
from workers.training.gathering import Gathered, Gatherer
from workers.training.judging import evaluate
from workers.training.labels import Labels, read_labels
from workers.training.learning import single_threaded
from workers.training.parentlabels import Methods
from workers.training.problems import LabelsError, Warnings
from workers.training.result import write_result
from workers.training.splits import check_enough_rows

Announce = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be trained, and from what.

    Attributes:
        labels: CSV, JSONL or Parquet.
        out: Where the folder of each head is made.
        root: What paths in the labels are relative to; None: the folder of the labels.
        kinds: Those to train; empty: all that are labelled.
        choices: Seed, cut, curve.
        methods: How a policy would aggregate, by the kind of the parents.
        options: How files are read.
    """

    labels: Path
    out: Path
    root: Path | None = None
    kinds: tuple[str, ...] = ()
    choices: Choices = field(default_factory=Choices)
    methods: Callable[[str], Methods] = lambda _kind: {}
    options: SourceOptions = field(default_factory=SourceOptions)


@dataclass(frozen=True, slots=True)
class TrainedHead:
    """One head as it was written, with all that a report shows; `evaluation.name` is that of the folder."""

    folder: Path
    manifest: HeadManifest
    evaluation: Evaluation
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Training:
    """What came of the labels: the heads, the kinds that none could be trained for, and what the encoders did."""

    heads: tuple[TrainedHead, ...]
    failed: dict[str, str]
    encoder_calls: int
    cached: int


def train_from_labels(request: Request, featurer: Featurer, progress: Progress) -> Training:
    """Train a head for each kind in the labels.

    Args:
        request: What to train.
        featurer: Makes features, through the cache.
        progress: Called with the stage, the steps done and their total.

    Raises:
        LabelsError: the labels are wrong, or there are too few for any kind.
        EncoderError: an encoder is missing or broken.
        OSError: a result cannot be written.
    """
    labels, gathered, warnings = gather(request, featurer, progress)
    heads: list[TrainedHead] = []
    failed: dict[str, LabelsError] = {}
    for kind in _kinds(gathered, request.kinds):
        own = Warnings(list(warnings.texts))
        try:
            with single_threaded():
                drawn = drawn_of(gathered, kind, featurer, request.choices, own)
                heads.append(_train(drawn, labels, request, featurer, warnings=own, progress=progress))
        except LabelsError as error:
            failed[kind] = error
    if not heads:
        raise next(iter(failed.values()))
    told = {kind: str(error) for kind, error in failed.items()}
    return Training(tuple(heads), told, featurer.encoder_calls, featurer.cached)


def read(request: Request) -> Labels:
    """Read labels, and refuse what can be seen to be wrong or too little before any file that they name is opened.

    Raises:
        LabelsError: the labels are wrong, or too few from the start.
    """
    labels = read_labels(request.labels, request.root)
    check_enough_rows([row.label for row in labels.items], request.choices.cut, len(labels.parents))
    return labels


def gather(request: Request, featurer: Featurer, progress: Progress) -> tuple[Labels, Gathered, Warnings]:
    """Read labels and make features of what they name.

    Raises:
        LabelsError: the labels are wrong, or too few from the start.
        EncoderError: an encoder is missing or broken.
    """
    labels, warnings = read(request), Warnings()
    if labels.ignored:
        warnings.add(f"columns that nothing is made of: {', '.join(labels.ignored)}")
    gatherer = Gatherer(featurer, warnings, request.options, progress)
    return labels, gatherer.gather(labels, request.choices.cut), warnings


def drawn_of(gathered: Gathered, kind: str, featurer: Featurer, choices: Choices, warnings: Warnings) -> Drawn:
    """Group and split the items of a kind.

    Raises:
        LabelsError: see `draw`; or all labels of the kind are of parents.
    """
    examples = gathered.items[kind]
    if not examples:
        raise LabelsError(f"{kind}: no item that could be read is labelled; a head needs labels of items")
    return draw(examples, gathered.parents[kind], metric_names(featurer, kind, gathered), choices, warnings)


def metric_names(featurer: Featurer, kind: str, gathered: Gathered) -> tuple[str, ...]:
    """Return the metrics that a head of a kind is trained with, in their order."""
    measured = featurer.metrics.metrics
    there = set(gathered.items[kind][0].entry.metrics)
    families = [FAMILY_OF[kind]] if kind in FAMILY_OF else sorted({one.family for one in measured})
    named = [tuple(one.name for one in measured if one.family == family and one.fused) for family in families]
    return max(named, key=lambda names: len(there & set(names)))


def _kinds(gathered: Gathered, wanted: Sequence[str]) -> list[str]:
    found = sorted(set(gathered.items) | set(gathered.parents))
    unknown = [kind for kind in wanted if kind not in found]
    if unknown:
        raise LabelsError(f"no label is of the kind {unknown[0]}; there are {', '.join(found) or 'none'}")
    return list(wanted) or found


def _train(
    drawn: Drawn, labels: Labels, request: Request, featurer: Featurer, *, warnings: Warnings, progress: Progress
) -> TrainedHead:
    choices, kind = request.choices, drawn.kind
    versions = {one.name: one.version for one in featurer.metrics.metrics if one.name in drawn.metrics}
    encoder = featurer.encoder(kind)
    manifest = described(drawn, encoder, versions, choices, source=request.labels.name, sha256=labels.sha256)
    fitted = fit_head(drawn, manifest, choices, warnings, progress)
    verdict = evaluate(drawn, fitted, choices, methods=request.methods(kind), warnings=warnings, progress=progress)
    folder, written = write_result(request.out, fitted, verdict)
    return TrainedHead(folder, written, replace(verdict.evaluation, name=folder.name), tuple(warnings.texts))
