from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import RawItem, content_hash
from tests.unit.workers.heads import METRICS, MeanLevel, write
from tests.unit.workers.samples import encoded, item
from workers.claimfiles import ClaimError
from workers.claims import MAX_CLAIM_BYTES, ClaimStore
from workers.domains import Domain
from workers.heads import Head
from workers.metrics import METRICS_VERSION
from workers.results import Failed, Scored
from workers.scorer import Scorer

VALUE = b"many bytes"


def claim(reference: str | Path, value: bytes = VALUE, **more: object) -> RawItem:
    uri = reference.as_uri() if isinstance(reference, Path) else reference
    return item(b"", **{"data_ref": uri, "content_hash": content_hash(value), **more})  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "ab").mkdir(parents=True)
    (folder / "ab" / "file").write_bytes(VALUE)
    (tmp_path / "secret").write_bytes(VALUE)
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "file").write_bytes(VALUE)
    return folder


def refused(root: Path, one: RawItem, max_bytes: int = MAX_CLAIM_BYTES) -> ClaimError:
    with pytest.raises(ClaimError) as caught:
        ClaimStore([root], max_bytes).fetched(one)
    return caught.value


def test_a_claim_check_is_exchanged_for_its_bytes(root: Path) -> None:
    one = claim(root / "ab" / "file")
    assert ClaimStore([root]).fetched(one) == RawItem(one.envelope, VALUE)
    assert ClaimStore([root.parent / "root-beside", root]).fetched(one).value == VALUE


def test_an_item_that_has_its_bytes_is_left_alone_also_beside_a_reference() -> None:
    for one in (item(b"x"), item(b""), item(b"x", data_ref="file:///nowhere")):
        assert ClaimStore().fetched(one) is one


def test_names_are_percent_decoded_and_the_host_may_be_this_one(root: Path) -> None:
    odd = root / "a b%é#?"
    odd.write_bytes(VALUE)
    for uri in (odd.as_uri(), odd.as_uri().replace("file://", "FILE://localhost")):
        assert ClaimStore([root]).fetched(claim(uri)).value == VALUE


def test_a_symlink_that_stays_inside_is_followed(root: Path) -> None:
    (root / "link").symlink_to("ab/file")
    (root / "folder").symlink_to(root / "ab")
    for path in (root / "link", root / "folder" / "file"):
        assert ClaimStore([root]).fetched(claim(path)).value == VALUE
    outer = root.parent / "way-in"
    outer.symlink_to(root)
    assert ClaimStore([outer]).fetched(claim(outer / "ab" / "file")).value == VALUE


@pytest.mark.parametrize(
    "reference",
    [
        "file://{root}/../secret",
        "file://{root}/ab/../file",
        "file://{root}/%2e%2e/secret",
        "file://{root}/ab%2f..%2f..%2fsecret",
        "file://{above}/secret",
        "file://{above}/nothing-is-there",
        "file://{above}/root-beside/file",
        "file://{root}",
        "file://{root}/outwards",
        "file://{root}/outwards-folder/secret",
        "file://{root}/outwards-dangling",
        "file://{root}/ab/file%00.png",
        "file://{root}/ab/file?x",
        "file://{root}/ab/file#x",
        "file:ab/file",
        "file://elsewhere{root}/ab/file",
        "{root}/ab/file",
        "http://localhost{root}/ab/file",
        "data:text/plain,x",
        "file://[",
        "file://{above}/%ff%fe",
        "?",
    ],
)
def test_what_leads_outside_is_refused_whether_or_not_it_is_there(root: Path, reference: str) -> None:
    (root / "outwards").symlink_to(root.parent / "secret")
    (root / "outwards-folder").symlink_to(root.parent)
    (root / "outwards-dangling").symlink_to("/nowhere/at/all")
    error = refused(root, claim(reference.format(root=root, above=root.parent)))
    assert error.cause == "claim_refused"
    error.detail.encode()  # it goes into a header


def test_without_roots_every_claim_check_is_refused(root: Path) -> None:
    with pytest.raises(ClaimError, match="claim_refused"):
        ClaimStore().fetched(claim(root / "ab" / "file"))


@pytest.mark.parametrize("path", ["nothing", "ab/file/below", "ab/" + "x" * 300])
def test_what_is_not_there_is_missing(root: Path, path: str) -> None:
    assert refused(root, claim(root / path)).cause == "claim_missing"


@pytest.mark.timeout(10)
def test_only_regular_files_are_read_and_a_pipe_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe")
    for name in ("pipe", "ab"):
        assert refused(root, claim(root / name)).cause == "claim_refused"
    assert refused(Path("/dev"), claim(Path("/dev/zero"))).cause == "claim_refused"


def test_a_symlink_that_comes_after_the_check_is_met(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.path.realpath
    (root / "late").symlink_to(root.parent / "secret")
    (root / "late-folder").symlink_to(root.parent)
    monkeypatch.setattr("os.path.realpath", lambda path: path if "late" in str(path) else real(path))
    assert refused(root, claim(root / "late")).cause == "claim_refused"
    assert refused(root, claim(root / "late-folder" / "secret")).cause in {"claim_refused", "claim_missing"}


def test_the_bytes_must_be_those_that_were_claimed_and_not_too_many(root: Path) -> None:
    file = root / "ab" / "file"
    assert refused(root, claim(file, b"others")).cause == "claim_hash"
    assert refused(root, claim(file, content_hash=None)).cause == "claim_without_hash"
    assert refused(root, claim(file), max_bytes=len(VALUE) - 1).cause == "claim_too_large"
    assert ClaimStore([root], max_bytes=len(VALUE)).fetched(claim(file)).value == VALUE


def test_another_scheme_is_read_by_the_reader_that_was_given_for_it(root: Path) -> None:
    def read(uri: SplitResult, max_bytes: int) -> bytes:
        assert (uri.netloc, max_bytes) == ("bucket", 99)
        return VALUE

    store = ClaimStore([root], 99, {"s3": read})
    assert store.fetched(claim("s3://bucket/key")).value == VALUE
    assert store.fetched(claim(root / "ab" / "file")).value == VALUE


@pytest.mark.parametrize("folder", ["relative", "/nowhere/at/all"])
def test_a_root_that_is_no_folder_is_an_error_at_once(folder: str) -> None:
    with pytest.raises(ValueError, match="no folder"):
        ClaimStore([Path(folder)])


@given(path=st.text(st.sampled_from("./%2eE5cab\\f\0é"), max_size=20))
def test_no_path_leads_out(path: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp()
    with pytest.raises(ClaimError) as caught:
        ClaimStore([root]).fetched(claim(f"file://{root}/{path}"))
    assert caught.value.cause in {"claim_refused", "claim_missing"}


@pytest.fixture
def scorer(tmp_path: Path) -> Callable[[Path], Scorer]:
    def make(root: Path) -> Scorer:
        encoder = MeanLevel()
        heads = tmp_path / "heads"
        heads.mkdir()
        write(heads)
        domain = Domain(encoder, Head.load(heads, encoder.encoding, dict.fromkeys(METRICS, METRICS_VERSION)))
        return Scorer({"video-frame": domain}, claims=ClaimStore([root]))

    return make


def test_a_claim_check_scores_as_the_item_itself_does(root: Path, scorer: Callable[[Path], Scorer]) -> None:
    values = [
        encoded(np.full((40, 50, 3), level, np.uint8) + np.arange(50, dtype=np.uint8)[:, None]) for level in (9, 99)
    ]
    for number, value in enumerate(values):
        (root / str(number)).write_bytes(value)
    kind: dict[str, Any] = {"kind": "video-frame", "content_type": "image/png"}
    inline = [item(value, **kind) for value in values]
    claimed = [claim(root / str(number), value, **kind) for number, value in enumerate(values)]
    bad = claim(root / "nothing", **kind)
    unknown = claim(root.parent / "secret", kind="hologram")
    results = scorer(root).score([inline[0], claimed[1], bad, claimed[0], unknown, inline[1]])
    assert [result.cause if isinstance(result, Failed) else "" for result in results] == [
        "", "", "claim_missing", "", "unknown_kind", "",
    ]  # fmt: skip
    scores = [result.score for result in results if isinstance(result, Scored)]
    assert scores[0] == scores[2] != scores[1] == scores[3]
