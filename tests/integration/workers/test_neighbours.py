"""Freeze, black and gap of a real video, through the scorer, with a real store."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray
from redis import Redis

from deploy.brokers.ladder import RedisAddress
from schemas.items import RawItem
from tests.unit.workers import videos
from tests.unit.workers.heads import METRICS, MeanLevel, write
from workers.cache import RedisCache
from workers.domains import Domain
from workers.heads import Head
from workers.metrics import METRICS_VERSION
from workers.metrics.frames import RANGES
from workers.metrics.plugins import metric_set
from workers.neighbours import Neighbours, RedisNeighbours
from workers.results import Scored
from workers.scorer import Scorer
from workers.sources import SourceOptions, open_parent

FROZEN, BLACK, AFTER_GAP = range(9, 15), range(18, 22), 26
Make = Callable[..., Scorer]


def scene(number: int) -> NDArray[np.uint8]:
    """Return a picture of a camera that lives: noise, and a bar that moves; then one that stands still, then none."""
    if number in BLACK:
        return np.zeros((videos.HEIGHT, videos.WIDTH, 3), np.uint8)
    shown = FROZEN[0] - 1 if number in FROZEN else number
    noise = np.random.default_rng(shown).integers(-6, 7, (videos.HEIGHT, videos.WIDTH, 1))
    picture: NDArray[np.int64] = videos.moving_bar(shown % 18) + noise
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[RawItem]:
    """A video of 32 frames, with a frozen stretch, a black one, and two seconds missing."""
    folder = tmp_path_factory.mktemp("video")
    whole = videos.write(folder / "whole.mkv", scene, 52, x264="keyint=1")
    path = videos.without_packets(whole, folder / "cut.mkv", lambda number: AFTER_GAP <= number < AFTER_GAP + 20)
    options = SourceOptions(frames_per_second=None, started_at=datetime(2026, 5, 1, tzinfo=UTC), parent_id=uuid4().hex)
    return list(open_parent(path, options=options).items)


@pytest.fixture
def make(tmp_path: Path, redis_address: RedisAddress) -> Iterator[Make]:
    """Makes workers that share a store, and a cache where they are told to."""
    write(tmp_path)
    encoder = MeanLevel()
    domain = Domain(encoder, Head.load(tmp_path, encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION)))
    scope = uuid4().hex
    clients: list[Neighbours | RedisCache] = []

    def made(*, cached: bool = False, choice: Sequence[str] = ()) -> Scorer:
        neighbours = RedisNeighbours.connect(redis_address.url, scope, timeout_seconds=5.0)
        cache = RedisCache.connect(redis_address.url, timeout_seconds=5.0) if cached else None
        clients.extend(filter(None, (neighbours, cache)))
        return Scorer({"video-frame": domain}, cache=cache, metrics=metric_set(choice), neighbours=neighbours)

    yield made
    for client in clients:
        assert isinstance(client, RedisNeighbours | RedisCache)
        client.close()


def told(results: Sequence[object]) -> list[tuple[dict[str, float], tuple[str, ...]]]:
    """Return what was told across frames, and the codes of it."""
    found = []
    for one in results:
        assert isinstance(one, Scored)
        codes = tuple(code for code in one.reasons if code in {"frozen_frame", "black_frame", "time_gap"})
        found.append(({name: value for name, value in one.metrics.items() if name in RANGES}, codes))
    return found


def test_a_frozen_stretch_a_black_one_and_a_gap_are_found(frames: list[RawItem], make: Make) -> None:
    found = told(make().score(frames))
    assert [index for index, (_, codes) in enumerate(found) if "frozen_frame" in codes] == list(FROZEN)
    assert [index for index, (_, codes) in enumerate(found) if "black_frame" in codes] == list(BLACK)
    assert [index for index, (_, codes) in enumerate(found) if "time_gap" in codes] == [AFTER_GAP]
    assert found[AFTER_GAP][0]["step_ratio"] == pytest.approx(21)
    assert found[0][0] == {}
    assert found[1][0].keys() == {"frame_difference"}
    assert all(values.keys() == {"frame_difference", "step_ratio"} for values, _ in found[2:])


def test_another_worker_a_warm_cache_and_a_second_reading_tell_the_same(frames: list[RawItem], make: Make) -> None:
    first = told(make(cached=True).score(frames[:20]))
    # Another worker: half of what the first had done is read again, and two more black frames are as the others were.
    results = make(cached=True).score(frames[10:])
    assert [one.cached for one in results if isinstance(one, Scored)] == [True] * 12 + [False] * 10
    alone = told(make().score(frames))  # no cache at all
    assert first + told(results)[10:] == alone
    assert told(results)[:10] == first[10:]


def test_in_whatever_order_frames_come_a_value_is_the_same_or_absent(frames: list[RawItem], make: Make) -> None:
    shuffled = random.Random(4).sample(range(len(frames)), len(frames))
    scorer = make()
    found = {index: told(scorer.score([frames[index]]))[0][0] for index in shuffled}
    whole = told(make().score(frames))
    absent = 0
    for index, values in found.items():
        assert values.items() <= whole[index][0].items()
        absent += len(whole[index][0]) - len(values)
    assert absent > 0


def test_two_frames_in_one_place_are_no_neighbour(frames: list[RawItem], make: Make) -> None:
    other = RawItem(frames[3].envelope, frames[30].value)
    assert told(make().score([frames[3], other, frames[4], frames[9]]))[2][0] == {}
    again = told(make().score(frames[:6]))  # and remain none, whichever comes again
    assert again[4][0] == {}
    assert again[5][0].keys() == {"frame_difference"}


def test_frames_that_nobody_scores_still_have_a_time(frames: list[RawItem], make: Make) -> None:
    broken = [RawItem(frames[2].envelope, b"no picture")]
    results = make().score([*frames[:2], *broken, *frames[3:5]])
    assert told(results[3:4])[0][0].keys() == {"step_ratio"}
    assert told(results[4:])[0][0].keys() == {"frame_difference", "step_ratio"}


def test_what_is_told_across_frames_is_not_in_the_cache(frames: list[RawItem], make: Make) -> None:
    lone = RawItem(frames[10].envelope.model_copy(update={"parent_id": "lone", "index": 7}), frames[10].value)
    make(cached=True).score(frames[:12])
    (result,) = make(cached=True).score([lone])
    assert isinstance(result, Scored)
    assert result.cached
    assert told([result]) == [({}, ())]


def test_it_can_be_left_out(frames: list[RawItem], make: Make) -> None:
    found = told(make(choice=["-frame_difference", "-step_ratio"]).score(frames))
    assert {codes for _, codes in found} == {(), ("black_frame",)}
    assert all(values == {} for values, _ in found)


def test_without_a_store_nothing_is_known_and_all_is_scored(frames: list[RawItem], make: Make) -> None:
    scorer = make()
    gone = Redis(host="127.0.0.1", port=1, socket_timeout=0.2, socket_connect_timeout=0.2)
    lonely = Scorer(scorer.domains, neighbours=RedisNeighbours(gone, "x"))
    assert all(values == {} for values, _ in told(lonely.score(frames)))


def test_frames_are_forgotten(frames: list[RawItem], redis_address: RedisAddress) -> None:
    scope = uuid4().hex
    with Redis.from_url(redis_address.url, socket_timeout=5.0) as client:
        neighbours = RedisNeighbours(client, scope, ttl_seconds=60)
        scorer = Scorer({}, neighbours=neighbours)
        scorer.score(frames[:2])
        keys = list(client.scan_iter(f"sluice:frame:{scope}:*"))
        assert len(keys) == 2
        assert all(0 < client.ttl(key) <= 60 for key in keys)
