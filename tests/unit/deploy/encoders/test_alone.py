"""Two commands that fetch the same file, or take the same name, at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.encoders.alone import alone
from deploy.encoders.errors import FetchError
from deploy.encoders.store import _name
from deploy.errors import ConfigurationError


def test_the_second_of_two_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    lock = tmp_path / "new" / "hash.lock"
    with alone(lock):
        with pytest.raises(FetchError, match="another command fetches this very file now"), alone(lock):
            pytest.fail("both are in")
        with alone(tmp_path / "new" / "other.lock"):
            pass
    assert list(lock.parent.iterdir()) == []
    with alone(lock):
        assert lock.exists()


def test_it_is_let_go_of_where_something_fails_and_where_its_file_was_deleted(tmp_path: Path) -> None:
    lock = tmp_path / "hash.lock"
    with pytest.raises(KeyError), alone(lock):
        raise KeyError
    with alone(lock):
        lock.unlink()
    lock.touch()  # of a process that died
    with alone(lock):
        pass


def test_a_name_that_another_took_meanwhile_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "encoder.json").touch()
    (tmp_path / "tried").mkdir()
    with pytest.raises(ConfigurationError, match="exists already: sluice encoder remove mine"):
        _name(tmp_path / "tried", tmp_path / "mine")
