"""`sluice labels files`: items that people judged become files that `sluice train` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.errors import ConfigurationError
from deploy.labels import material
from schemas.items import ItemEnvelope, RawItem
from schemas.labels import LabelGiven
from workers.training.labels import read_labels


def _item(parent: str, index: int, kind: str = "image", content_type: str = "image/jpeg") -> RawItem:
    envelope = ItemEnvelope(
        id=f"{parent}/{index}", source="s", kind=kind, parent_id=parent, index=index, content_type=content_type
    )
    return RawItem(envelope, f"{parent} {index}".encode())


def _label(parent: str, value: float, **more: Any) -> LabelGiven:
    return LabelGiven(id=f"{parent}-{more}", parent_id=parent, value=value, who="ann", at=1, kind="image", **more)


def test_labels_of_items_and_of_folders_of_pictures_are_read_by_training(tmp_path: Path) -> None:
    items = [_item("a", 0), _item("a", 1), _item("b/../c", 0), _item("t", 0, "document-chunk", "text/plain")]
    labels = [
        _label("a", 1.0, index=1, defects=("blurry",)),
        _label("a", 0.5),
        _label("b/../c", 0.0, item_id="b/../c/0", group="site-1"),
        _label("t", 0.2, index=0),
        _label("t", 0.3),  # a text is no folder of pictures
        _label("gone", 0.1),
    ]
    found = material.write(iter(items), labels, tmp_path / "out")
    assert (len(set(found.items.values())), found.rows, found.without) == (4, 4, 2)
    read = read_labels(tmp_path / "out" / material.LABELS_FILE)
    assert [(row.label, row.group, row.of_parent) for row in read.rows] == [
        (1.0, "a", False),
        (0.5, "a", True),
        (0.0, "site-1", False),
        (0.2, "t", False),
    ]
    assert read.rows[0].path.read_bytes() == b"a 1"
    assert all((tmp_path / "out") in row.path.parents for row in read.rows)  # whatever a parent is called


def test_what_is_no_file_is_counted_and_a_folder_that_is_there_is_not_touched(tmp_path: Path) -> None:
    odd = _item("a", 0, content_type="application/octet-stream")
    found = material.write(iter([odd]), [_label("a", 1.0, index=0)], tmp_path / "out")
    assert (found.rows, found.without, found.unreadable) == (0, 1, {"a"})
    with pytest.raises(ConfigurationError, match="is not empty"):
        material.write(iter([]), [], tmp_path / "out")
