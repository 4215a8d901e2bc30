"""Memory that an encoder frees is kept, unless the environment says otherwise."""

from __future__ import annotations

import pytest

from workers.allocator import keep_freed_memory


def test_what_is_set_is_told_and_what_an_operator_has_set_stays() -> None:
    said: dict[int, int] = {}

    def mallopt(name: int, value: int) -> int:
        said[name] = value
        return 1

    assert keep_freed_memory({}, mallopt)
    assert min(said.values()) == 1  # arena
    assert max(said.values()) == 512 << 20
    assert not keep_freed_memory({}, lambda *_: 0)


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"])
def test_an_operator_goes_before_it(name: str) -> None:
    assert not keep_freed_memory({name: "1"}, lambda *_: pytest.fail("nothing is to be set"))
