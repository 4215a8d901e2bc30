from __future__ import annotations

from pathlib import Path

import pytest

from schemas import export


def test_the_schema_files_are_those_of_the_models() -> None:
    assert export.drifted() == [], "run: make schemas"


def test_a_file_that_drifted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "FOLDER", tmp_path)
    assert export.main([]) == 0
    assert export.drifted() == []
    (tmp_path / "Decision.schema.json").write_text("{}")
    (tmp_path / "ItemScored.schema.json").unlink()
    (tmp_path / "Gone.schema.json").write_text("{}")
    assert export.drifted() == ["Decision.schema.json", "Gone.schema.json", "ItemScored.schema.json"]
    assert export.main(["--check"]) == 1


def test_every_schema_says_what_it_is() -> None:
    for model in export.MODELS:
        schema = export.json_schema(model)
        assert schema["$id"] == f"sluice:{model.__name__}:1"
        assert schema["properties"]
