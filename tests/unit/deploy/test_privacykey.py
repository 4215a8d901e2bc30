from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy import privacykey
from deploy.errors import ConfigurationError
from deploy.settings import Settings

GIVEN = "a key that nobody can guess"


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLUICE_PRIVACY_KEY", raising=False)


def test_a_key_that_is_given_is_taken_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLUICE_PRIVACY_KEY", GIVEN)
    settings = Settings.load(data_dir=tmp_path)
    assert privacykey.load(settings) == GIVEN.encode()
    assert GIVEN not in f"{settings!r} {settings.shown()}"
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_can_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PRIVACY_KEY", "hospital-7")
    with pytest.raises(ConfigurationError, match=r"SLUICE_PRIVACY_KEY .* at least 16 characters") as caught:
        Settings.load()
    assert "hospital-7" not in str(caught.value)


def test_without_one_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path / "new")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(privacykey.load, [settings] * 8))
    [key] = keys
    assert len(key) == 32
    [path] = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert privacykey.load(Settings.load(data_dir=tmp_path / "other")) != key


@pytest.mark.parametrize("content", ["", "no key", "abcd"])
def test_a_file_without_a_key_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / privacykey.NAME
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(ConfigurationError, match="holds no key"):
        privacykey.load(Settings.load(data_dir=tmp_path))


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    privacykey.load(Settings.load(data_dir=tmp_path))
    (tmp_path / privacykey.NAME).chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        privacykey.load(Settings.load(data_dir=tmp_path))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="SLUICE_DATA_DIR"):
        privacykey.load(Settings.load(data_dir=tmp_path / "file"))
