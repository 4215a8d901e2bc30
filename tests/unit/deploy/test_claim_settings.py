from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.errors import ConfigurationError
from deploy.scorer import claim_store
from deploy.settings import Settings


def test_folders_of_claim_checks_are_split_as_a_path_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("SLUICE_CLAIM_ROOTS", os.pathsep.join([str(tmp_path), "", str(tmp_path / "a")]))
    settings = Settings.load()
    assert settings.claim_roots == (tmp_path, tmp_path / "a")
    assert str(tmp_path) in settings.shown()["claim_roots"]
    claim_store(settings)


def test_none_are_allowed_where_none_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_CLAIM_ROOTS", "")
    assert Settings.load().claim_roots == ()
    assert Settings.load().claim_dir is None


@pytest.mark.parametrize("folder", ["/nowhere/at/all", "relative"])
def test_a_folder_that_is_not_there_ends_the_command_and_is_named(folder: str) -> None:
    with pytest.raises(ConfigurationError, match=f"SLUICE_CLAIM_ROOTS: {folder} is no folder"):
        claim_store(Settings.load(claim_roots=(Path(folder),)))
