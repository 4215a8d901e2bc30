from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.encoders.errors import FetchError
from deploy.encoders.fetch import AbsentError, Source, fetch, read_small
from tests.unit.deploy.encoders.served import Served, serving

VALUE = bytes(range(256)) * 10_000
SHA256 = hashlib.sha256(VALUE).hexdigest()
LARGEST = 2**24


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as found:
        found.files["weights.safetensors"] = VALUE
        yield found


def quiet(done: int, total: int | None) -> None:
    """Take progress and show nothing."""


def get(served: Served, folder: Path, path: str = "weights.safetensors", largest: int = LARGEST) -> bytes:
    return fetch(Source(served.url(path)), folder, SHA256, largest, quiet).read_bytes()


def test_a_file_arrives_whole_and_progress_is_told(served: Served, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    part = fetch(
        Source(served.url("weights.safetensors")),
        tmp_path / "new" / "folder",
        SHA256,
        LARGEST,
        lambda done, total: told.append((done, total)),
    )
    assert part.read_bytes() == VALUE
    assert told[-1] == (len(VALUE), len(VALUE))
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_a_file_comes_from_a_path_as_well(tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(VALUE)
    part = fetch(Source(str(tmp_path / "given")), tmp_path / "in", SHA256, LARGEST, quiet)
    assert part.read_bytes() == VALUE
    assert (tmp_path / "given").exists()


def test_a_wrong_hash_keeps_nothing(served: Served, tmp_path: Path) -> None:
    """Seed fault 26: what is fetched is what was promised, or it is not there."""
    served.files["weights.safetensors"] = VALUE[:-1] + b"x"
    with pytest.raises(FetchError, match=rf"has the SHA-256 [0-9a-f]{{64}}, not {SHA256}: it was not kept"):
        get(served, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cut_connection_is_told_and_the_next_attempt_goes_on_there(served: Served, tmp_path: Path) -> None:
    served.cut_after = 1_000_000
    with pytest.raises(FetchError, match="was cut after 1000000 of 2560000 bytes"):
        get(served, tmp_path)
    served.cut_after = None
    assert get(served, tmp_path) == VALUE
    assert [span for _, span in served.asked] == [None, "bytes=1000000-"]


def test_a_server_without_ranges_begins_anew(served: Served, tmp_path: Path) -> None:
    served.cut_after = 1_000_000
    with pytest.raises(FetchError, match="cut"):
        get(served, tmp_path)
    served.cut_after, served.ranges = None, False
    assert get(served, tmp_path) == VALUE


def test_a_cut_that_the_server_did_not_announce_is_found_by_the_hash(served: Served, tmp_path: Path) -> None:
    served.cut_after, served.tells_length = 1_000_000, False
    with pytest.raises(FetchError, match="it was not kept"):
        get(served, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_lies_there_and_is_no_beginning_is_replaced(served: Served, tmp_path: Path) -> None:
    part = tmp_path / f"{SHA256}.part"
    part.write_bytes(VALUE + b"more")
    assert get(served, tmp_path) == VALUE


def test_a_part_that_is_whole_is_not_fetched_again(served: Served, tmp_path: Path) -> None:
    get(served, tmp_path)
    get(served, tmp_path)
    assert len(served.asked) == 1


def test_a_missing_file_is_named_with_the_servers_answer(served: Served, tmp_path: Path) -> None:
    with pytest.raises(AbsentError, match=r"none\.safetensors: the server answered 404 Not Found"):
        get(served, tmp_path, "none.safetensors")
    with pytest.raises(AbsentError, match="there is no file"):
        fetch(Source(str(tmp_path / "none")), tmp_path, SHA256, LARGEST, quiet)


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_file_that_is_too_large_is_not_kept(served: Served, tmp_path: Path, tells_length: bool) -> None:
    served.tells_length = tells_length
    with pytest.raises(FetchError, match="more than 1 MiB; --max-mebibytes allows more"):
        get(served, tmp_path, largest=2**20)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with serving() as gone:
        address = gone.url("weights.safetensors")
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch(Source(address), tmp_path, SHA256, LARGEST, quiet)


def test_redirections_are_followed_over_http_alone(served: Served, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(VALUE)
    served.moved = {"moved": "/weights.safetensors", "trap": f"file://{tmp_path}/secret"}
    assert get(served, tmp_path / "in", "moved") == VALUE
    with pytest.raises(FetchError):
        get(served, tmp_path / "other", "trap")


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/a.safetensors"])
def test_other_schemes_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="begins with https:// or http://"):
        fetch(Source(address), tmp_path, SHA256, LARGEST, quiet)


def test_a_small_file_has_a_bound(served: Served) -> None:
    source = Source(served.url("weights.safetensors"))
    assert read_small(source, len(VALUE)) == VALUE
    with pytest.raises(FetchError, match="more than 100 bytes"):
        read_small(source, 100)


def test_secrets_of_an_address_are_not_shown() -> None:
    shown = Source("https://user:pass@host:8443/a/b.safetensors?token=abc&signature=def").shown
    assert shown == "https://host:8443/a/b.safetensors"


@pytest.mark.parametrize(
    ("source", "beside"),
    [
        ("https://host/m/model.safetensors?download=true", "https://host/m/config.json?download=true"),
        ("https://host/m/", "https://host/m/config.json"),
        ("/models/m/model.safetensors", "/models/m/config.json"),
    ],
)
def test_files_beside_the_weights(source: str, beside: str) -> None:
    assert Source(source).beside("config.json") == Source(beside)
