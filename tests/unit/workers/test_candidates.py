from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.experiments import Arm, arm_of
from schemas.heads import HeadManifest
from tests.unit.workers.heads import ENCODING, METRICS, MeanLevel, features, manifest, network
from tests.unit.workers.test_scorer import DictCache, frame, scored
from workers.candidates import Candidate, Candidates, Split, load_candidate
from workers.domains import Domain
from workers.heads import Head, HeadError, HeadMismatchError, LogisticHead, save
from workers.metrics import METRICS_VERSION
from workers.metrics.plugins import metric_set
from workers.results import Failed, Scored
from workers.scorer import Scorer

VERSIONS = dict.fromkeys(METRICS, METRICS_VERSION)
SHARE = 0.5


def write(folder: Path, shift: float = 0.0, **changed: object) -> HeadManifest:
    """Write a head whose scores are moved by a shift of its logits."""
    own = features()
    base = network("logistic", own.width)
    assert isinstance(base, LogisticHead)
    return save(folder, manifest().model_copy(update=changed), own, replace(base, bias=base.bias + shift))


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    write(tmp_path / "live")
    return Domain(MeanLevel(), Head.load(tmp_path / "live", ENCODING, VERSIONS))


def candidate(domain: Domain, folder: Path, name: str = "brisk", **changed: object) -> Candidate:
    write(folder, -1.0, **changed)
    return load_candidate(name, folder, {"video-frame": domain}, metric_set())


def in_shadow(result: object, name: str = "brisk") -> Scored | Failed:
    return dict(scored(result).shadows)[name]


def test_a_candidate_in_shadow_scores_each_item_and_calls_no_encoder(tmp_path: Path, domain: Domain) -> None:
    items = [frame(level) for level in (40, 60, 90)]
    alone = Scorer({"video-frame": domain}, cache=DictCache())
    before = [scored(one) for one in alone.score(items)]
    both = Scorer({"video-frame": domain}, cache=DictCache())
    both.candidates = Candidates((candidate(domain, tmp_path / "brisk"),))
    results = both.score(items)
    assert [replace(scored(one), shadows=()) for one in results] == before
    for one, own in zip(results, before, strict=True):
        other = in_shadow(one)
        assert isinstance(other, Scored)
        assert other.score < own.score
        assert (other.embedding, other.metrics) == (own.embedding, own.metrics)
        assert other.scorer != own.scorer
    assert both.counts.snapshot() == alone.counts.snapshot()
    assert both.counts["encoder_calls"] == 3
    again = both.score(items)  # from the cache, and so without any encoder call
    assert both.counts["encoder_calls"] == 3
    assert [in_shadow(one).score for one in again] == [in_shadow(one).score for one in results]  # type: ignore[union-attr]


def test_a_candidate_that_fails_on_an_item_harms_nothing_that_is_live(tmp_path: Path, domain: Domain) -> None:
    own = candidate(domain, tmp_path / "brisk")
    scorer = Scorer({"video-frame": domain})
    scorer.candidates = Candidates((own,))
    head = own.heads["video-frame"]
    head.manifest = head.manifest.model_copy(update={"metrics": [*head.manifest.metrics, "absent"]})
    (result,) = scorer.score([frame(40)])
    other = in_shadow(result)
    assert isinstance(other, Failed)
    assert other.cause == "metric_failed"
    assert 0.0 <= scored(result).score <= 1.0


def test_the_candidate_of_an_experiment_scores_the_parents_of_its_arm_alone(tmp_path: Path, domain: Domain) -> None:
    scorer = Scorer({"video-frame": domain})
    own = candidate(domain, tmp_path / "brisk", "sharper")
    scorer.candidates = Candidates(split=Split(own, SHARE))
    parents = [f"clip-{number}" for number in range(20)]
    results = scorer.score([frame(40, parent_id=parent) for parent in parents])
    digests = {
        Arm.CONTROL: domain.head.scorer_digest,
        Arm.CANDIDATE: own.heads["video-frame"].scorer_digest,
    }
    expected = [digests[arm_of("sharper", SHARE, parent)] for parent in parents]
    assert [scored(one).scorer for one in results] == expected
    assert len(set(expected)) == 2


def test_canaries_are_scored_by_the_live_head(tmp_path: Path, domain: Domain) -> None:
    scorer = Scorer({"video-frame": domain})
    own = candidate(domain, tmp_path / "brisk")
    scorer.candidates = Candidates((own,), Split(own, 0.999999))
    (ready,) = scorer.ready_afresh([frame(40)])
    (result,) = scorer.finish([ready])  # type: ignore[list-item]
    assert scored(result).scorer == domain.head.scorer_digest
    assert scored(result).shadows == ()


def test_a_head_for_another_encoder_or_kind_is_refused(tmp_path: Path, domain: Domain) -> None:
    other = ENCODING.model_copy(update={"weights_sha256": "b" * 64})
    with pytest.raises(HeadMismatchError, match="trained on an encoder with weights_sha256"):
        candidate(domain, tmp_path / "other", encoding=other)
    with pytest.raises(HeadError, match="is for hologram, and no live head is"):
        candidate(domain, tmp_path / "kind", kind="hologram")
    with pytest.raises(HeadError, match="no head lies in"):
        load_candidate("brisk", tmp_path / "empty", {"video-frame": domain}, metric_set())


def test_a_candidate_is_left_out_once_the_live_encoder_is_another(tmp_path: Path, domain: Domain) -> None:
    own = candidate(domain, tmp_path / "brisk")
    scorer = Scorer({"video-frame": domain})
    scorer.candidates = Candidates((own,), Split(own, 0.999999))
    renewed = MeanLevel()
    renewed.encoding = ENCODING.model_copy(update={"preprocessing": "v2"})
    scorer.renew({"video-frame": Domain(renewed, domain.head)})
    (result,) = scorer.score([frame(40)])
    assert scored(result).scorer == domain.head.scorer_digest
    assert in_shadow(result) == Failed(
        "other_encoder", "the candidate was trained on another encoder than the live one"
    )
    assert scorer.candidates.outlived == {"brisk"}
