from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.batching import MicroBatcher, Pending

ARRIVALS = st.lists(
    st.tuples(
        st.floats(0.0, 0.05, allow_nan=False),
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=9),
    ),
    max_size=12,
)
LINGER = 0.04


def run(
    arrivals: list[tuple[float, list[tuple[int, int]]]], size: int
) -> list[tuple[float, list[tuple[int, int, int, float]]]]:
    """Feed bursts of (bucket, parent), with the batcher's deadline kept between them, and return batches with times."""
    batcher: MicroBatcher[tuple[int, int, int, float]] = MicroBatcher(size, LINGER)
    left: list[tuple[float, list[tuple[int, int, int, float]]]] = []
    now, number = 0.0, 0
    for pause, burst in arrivals:
        later = now + pause
        while (deadline := batcher.deadline()) is not None and deadline <= later:
            left += [(deadline, batch) for batch in batcher.due(deadline)]
        now = later
        pending = []
        for bucket, parent in burst:
            pending.append(Pending((number, bucket, parent, now), bucket, parent))
            number += 1
        left += [(now, batch) for batch in batcher.add(pending, now)]
    left += [(now, batch) for batch in batcher.flush()]
    assert len(batcher) == 0
    assert batcher.deadline() is None
    return left


@given(ARRIVALS, st.integers(1, 5))
def test_nothing_is_lost_duplicated_or_mixed_and_the_bounds_hold(
    arrivals: list[tuple[float, list[tuple[int, int]]]], size: int
) -> None:
    left = run(arrivals, size)
    seen = Counter(item[0] for _, batch in left for item in batch)
    assert seen == Counter(range(sum(len(burst) for _, burst in arrivals)))
    for at, batch in left:
        assert 1 <= len(batch) <= size
        assert len({item[1] for item in batch}) == 1
        assert all(at - item[3] <= LINGER + 1e-9 for item in batch)


@given(ARRIVALS)
def test_items_of_a_parent_keep_their_order(arrivals: list[tuple[float, list[tuple[int, int]]]]) -> None:
    places: dict[tuple[int, int], list[int]] = {}
    for _, batch in run(arrivals, 3):
        for number, bucket, parent, _ in batch:
            places.setdefault((bucket, parent), []).append(number)
    assert all(numbers == sorted(numbers) for numbers in places.values())


def test_a_mixed_burst_does_not_scatter_parents() -> None:
    batcher: MicroBatcher[str] = MicroBatcher(3, 1.0)
    burst = [Pending(f"{parent}{place}", 0, parent) for place in range(3) for parent in "ab"]
    assert batcher.add(burst, 0.0) == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


@pytest.mark.parametrize(("size", "linger"), [(0, 1.0), (1, -0.1)])
def test_impossible_settings_are_refused(size: int, linger: float) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        MicroBatcher(size, linger)
