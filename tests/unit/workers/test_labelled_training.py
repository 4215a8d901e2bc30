from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.unit.workers.labelled import METRICS, Wide, drawn, examples, head_of, row
from workers.heads.networks import sigmoid
from workers.training.ablation import rows_of
from workers.training.candidates import CANDIDATES, choose, inner_folds, judge
from workers.training.drawn import Choices, Drawn, draw
from workers.training.fitting import Fitted, described, fit_head
from workers.training.gathering import ParentExample
from workers.training.judging import Verdict, evaluate
from workers.training.learning import Adam, binary_cross_entropy, descend, fit_logistic, guide_module, single_threaded
from workers.training.problems import Warnings
from workers.training.result import write_result


def quiet(_stage: str, _done: int, _total: int) -> None:
    """Show nothing."""


def trained(own: Drawn, choices: Choices | None = None) -> tuple[Fitted, Verdict, Warnings]:
    warnings, chosen = Warnings(), choices or Choices(curve=False)
    versions = dict.fromkeys(METRICS, "1")
    manifest = described(own, Wide(), versions, chosen, source="labels.csv", sha256="0" * 64)  # type: ignore[arg-type]
    with single_threaded():
        fitted = fit_head(own, manifest, chosen, warnings, quiet)
        verdict = evaluate(own, fitted, chosen, methods={}, warnings=warnings, progress=quiet)
    return fitted, verdict, warnings


@pytest.fixture(scope="module", autouse=True)
def _few_epochs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workers.training.candidates.EPOCHS", 6)
        yield


@pytest.fixture(scope="module")
def once() -> tuple[Drawn, Fitted, Verdict, Warnings]:
    own = drawn(200)
    return own, *trained(own)


def test_a_head_from_labels_serves_what_was_evaluated(
    once: tuple[Drawn, Fitted, Verdict, Warnings], tmp_path: Path
) -> None:
    own, fitted, verdict, _ = once
    folder, manifest = write_result(tmp_path, fitted, verdict)
    assert folder.name == f"image-{manifest.digest()[:12]}"
    head = head_of(folder)
    np.testing.assert_array_equal(head.score(own.items.embeddings, own.items.metrics), fitted.scores)
    assert head.calibrated
    assert manifest.format == 2
    assert manifest.labels_used is not None
    assert manifest.labels_used.binary_cut == 0.5
    assert sum(size.items for size in manifest.labels_used.splits.values()) == 200
    listed = {source.sha256 for source in manifest.sources}
    had_a_part = {own.examples[place].sha256 for place in own.places("train", "calibration").tolist()}
    assert listed == had_a_part  # so that nobody judges the head by them; what only judged it is not among them
    assert 0 < len(listed) < 200
    shown = {item.name: item.score for item in verdict.evaluation.items}
    assert shown == pytest.approx({one.row.name: score for one, score in zip(own.examples, fitted.scores, strict=True)})


def test_equal_seeds_give_equal_bytes_and_a_folder_that_is_there_stays(
    once: tuple[Drawn, Fitted, Verdict, Warnings], tmp_path: Path
) -> None:
    own, fitted, verdict, _ = once
    again = trained(drawn(200))
    first, _ = write_result(tmp_path / "a", fitted, verdict)
    second, _ = write_result(tmp_path / "b", *again[:2])
    assert first.name == second.name
    names = sorted(path.name for path in first.iterdir())
    assert names == ["evaluation.json", "head.safetensors", "manifest.json"]
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)
    assert write_result(tmp_path / "a", fitted, verdict)[0] == first
    assert [path.name for path in (tmp_path / "a").iterdir()] == [first.name]
    other = trained(own, Choices(seed=1, curve=False))
    assert write_result(tmp_path / "a", *other[:2])[0] != first


def test_seed_fault_31_embedding_and_metrics_are_always_compared_with_each_alone(
    once: tuple[Drawn, Fitted, Verdict, Warnings],
) -> None:
    _, fitted, verdict, warnings = once
    assert {one.name for one in CANDIDATES} == set(fitted.judged) == set(verdict.evaluation.candidates)
    held_out = verdict.evaluation.held_out or {}
    assert held_out["auc_composite"] > max(held_out["auc_metrics"], held_out["auc_embedding"])
    assert held_out["composite_gain_low"] <= held_out["composite_gain"] <= held_out["composite_gain_high"]
    assert "together" in warnings.notes[0]
    assert verdict.evaluation.chosen in {"blocks", "late", "blocks-mlp", "late-mlp"}


def test_where_both_together_do_not_beat_the_better_one_it_is_said() -> None:
    own = drawn(160)
    blind = replace(
        own, items=replace(own.items, embeddings=np.random.default_rng(5).normal(0, 1, (160, 12)).astype("f"))
    )
    _, verdict, warnings = trained(blind)
    held_out = verdict.evaluation.held_out or {}
    assert held_out["auc_embedding"] < held_out["auc_metrics"]
    assert any(word in warnings.notes[0] for word in ("do not beat", "within chance"))


def test_losses_are_kept_for_each_epoch_on_both_sides(once: tuple[Drawn, Fitted, Verdict, Warnings]) -> None:
    losses = once[2].evaluation.losses
    assert [loss.epoch for loss in losses] == list(range(1, len(losses) + 1))
    assert losses[-1].train < losses[0].train
    assert all(np.isfinite([loss.train, loss.held_out]).all() for loss in losses)


def test_defects_that_were_labelled_give_the_reasons(once: tuple[Drawn, Fitted, Verdict, Warnings]) -> None:
    own, fitted, verdict, _ = once
    assert [one.name for one in fitted.head.manifest.defects] == ["blurry", "noisy"]
    assert min(verdict.evaluation.defects.values()) > 0.8
    low = [item for item in verdict.evaluation.items if item.score < 0.3 and item.split == "test"]
    right = [set(item.defects) & set(item.reasons) != set() for item in low if item.defects]
    assert np.mean(right) > 0.8
    place = next(place for place, item in enumerate(verdict.evaluation.items) if item.score < 0.3)
    metrics, embedding = own.items.metrics[place].copy(), own.items.embeddings[place].copy()
    metrics[0], embedding[0] = 3.0, 9.0  # sharp by its metrics, noisy by its embedding
    assert fitted.head.reasons(0.1, metrics, embedding)[0] == "noisy"
    assert "noisy" not in fitted.head.reasons(0.1, metrics)
    assert fitted.head.reasons(0.9, metrics, embedding) == ()


def test_rare_defects_get_no_head_and_a_warning() -> None:
    made = examples(160)
    made[0] = replace(made[0], row=replace(made[0].row, defects=("ghosting",)))
    _, _, warnings = trained(draw(made, (), METRICS, Choices(), Warnings()))
    assert any("ghosting: " in text and "10 items of 3 groups are needed" in text for text in warnings.texts)


@pytest.mark.parametrize("count", [1, 33, 64, 65])
def test_seed_faults_3_15_24_a_batch_of_one_eval_mode_and_losses_that_weigh_items_alike(count: int) -> None:
    rng = np.random.default_rng(0)
    features, labels = rng.normal(0, 1, (count, 6)), rng.random(count)
    run = descend(features, labels, seed=3, epochs=2, held_out=(features, labels))
    assert run.logits.shape == (2, count)
    np.testing.assert_allclose(run.network.logits(features), run.logits[-1], atol=1e-5)  # no dropout is left in it
    assert run.train[-1] == pytest.approx(binary_cross_entropy(run.logits[-1], labels))
    np.testing.assert_array_equal(run.train, run.held_out)


def test_the_network_is_the_guides_and_the_descent_that_of_adam() -> None:
    module = guide_module(768)
    assert [type(layer).__name__ for layer in module] == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    assert [tuple(layer.weight.shape) for layer in module if isinstance(layer, torch.nn.Linear)] == [
        (256, 768),
        (64, 256),
        (1, 64),
    ]
    ours, target = torch.tensor([1.0, -2.0, 3.0], requires_grad=True), torch.tensor([0.5, 0.5, 0.5])
    theirs = ours.detach().clone().requires_grad_()
    adam, reference = Adam([ours]), torch.optim.Adam([theirs], lr=1e-3)
    for _ in range(20):
        adam.step(torch.autograd.grad(((ours - target) ** 4).sum(), [ours]))
        reference.zero_grad()
        ((theirs - target) ** 4).sum().backward()  # type: ignore[no-untyped-call]
        reference.step()
    torch.testing.assert_close(ours, theirs)


def test_training_leaves_the_global_generator_as_it_was() -> None:
    before = torch.random.get_rng_state()
    descend(np.zeros((4, 3)), np.ones(4), seed=9, epochs=1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_soft_labels_are_learnt_as_shares() -> None:
    features = np.repeat([[0.0], [1.0]], 200, axis=0)
    labels = np.repeat([0.3, 0.8], 200)
    found = sigmoid(fit_logistic(features, labels, 1e4).logits(np.array([[0.0], [1.0]])))
    np.testing.assert_allclose(found, [0.3, 0.8], atol=0.01)


def test_the_simplest_of_candidates_that_are_as_good_is_chosen() -> None:
    own = drawn(160).items
    judged = judge(own, inner_folds(own, 0), 0, [one for one in CANDIDATES if one.model == "logistic"])
    level = {name: replace(one, auc=0.9) for name, one in judged.items()}
    assert choose(level).candidate.name == "metrics"
    level["late"] = replace(level["late"], auc=0.91)
    assert choose(level).candidate.name == "late"
    assert choose(level, ("metrics", "embedding")).candidate.name == "metrics"


def test_parents_of_groups_that_were_trained_on_are_not_judged_by(
    once: tuple[Drawn, Fitted, Verdict, Warnings],
) -> None:
    own, fitted, *_ = once
    made = examples(60, seed=4)
    group = own.items.groups[int(own.places("train")[0])]
    seen, fresh = (
        ParentExample(row(place, 0.9, of_parent=True), "image", tuple(one.entry for one in made[:5]), (), 0)
        for place in range(2)
    )
    both = replace(own, parents=(seen, fresh), parent_groups=(group, "another"))
    warnings = Warnings()
    verdict = evaluate(
        both,
        fitted,
        Choices(curve=False),
        methods={"mean": lambda scores: float(np.mean(scores))},
        warnings=warnings,
        progress=quiet,
    )
    assert {one.name for one in verdict.evaluation.parents} == {fresh.row.name}
    assert any("share a group" in text for text in warnings.texts)


def test_the_ablation_compares_features_sizes_and_layers(once: tuple[Drawn, Fitted, Verdict, Warnings]) -> None:
    rows = rows_of(once[0], (("early", 5), ("last", 7)), 0)
    heads = [row.head for row in rows if row.features == "both"]
    assert heads == ["logistic", "256-64", "16-8", "64-16", "512-128"]
    assert all(row.low <= row.auc <= row.high for row in rows)
    width = {row.features: row.width for row in rows}
    assert (width["metrics"], width["embedding"], width["both"]) == (4, 12, 16)
    assert (width["embedding, early"], width["both, last"]) == (5, 11)
    best = {row.features: row.auc for row in rows if row.head == "logistic"}
    assert best["both"] > max(best["metrics"], best["embedding"])
    assert best["embedding, early"] > 0.6 > best["embedding, last"]  # the first number alone tells of noise
