from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.items import ItemEnvelope, RawItem, content_hash
from streams.claimfolder import ClaimFolder


def _item(value: bytes) -> RawItem:
    return RawItem(ItemEnvelope(id="p/0", source="s", kind="k", parent_id="p", index=0, count=9), value)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@given(value=st.binary(max_size=30))
def test_what_is_checked_in_is_where_the_reference_says(value: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "claims é"
    checked = ClaimFolder(folder).checked_in(_item(value))
    digest = content_hash(value)
    assert checked.value == b""
    assert checked.envelope == _item(b"").envelope.model_copy(
        update={"content_hash": digest, "data_ref": checked.envelope.data_ref}
    )
    path = Path(unquote(urlsplit(checked.envelope.data_ref or "").path))
    assert path == folder.resolve() / digest[:2] / digest
    assert path.read_bytes() == value


def test_the_same_content_is_there_once_and_damage_is_mended(tmp_path: Path) -> None:
    folder = ClaimFolder(tmp_path)
    first = folder.checked_in(_item(b"content"))
    (path,) = _files(tmp_path)
    written = path.stat().st_mtime_ns
    assert folder.checked_in(_item(b"content")) == first
    assert path.stat().st_mtime_ns == written
    path.write_bytes(b"damaged")
    folder.checked_in(_item(b"content"))
    assert _files(tmp_path) == [path]
    assert path.read_bytes() == b"content"
