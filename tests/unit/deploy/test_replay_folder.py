"""The folder of a replay: files that are whole, locks that die with their process, errors that say what to do."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.replaying import Bar
from deploy.replay.errors import ReplayError
from deploy.replay.finishing import save
from deploy.replay.folder import DECISIONS, DECISIONS_FILE, RUN, Run, open_run
from deploy.replay.writing import alone, write_table
from schemas.replays import ReplayAsked, ReplayRun

RECORD = ReplayRun(id="a" * 64, topic_prefix="sluice.", from_ms=1, to_ms=2, spans={0: (3, 9)}, complete=True)
ROW: dict[str, Any] = {
    "parent_id": "clip-1",
    "window": "whole",
    "revision": 0,
    "kind": "video-frame",
    "source": "camera-1",
    "action": "review",
    "label": None,
    "score": None,
    "cause": "idle",
    "wall_clock": True,
    "near": False,
    "expired": 2,
    "partition": 0,
    "decision": "{}",
}


def _hold(path: Path, ready: Any) -> None:
    with alone(path) as mine:
        ready.send(mine)
        signal.pause()


def test_a_replay_is_read_as_it_was_written(tmp_path: Path) -> None:
    save(tmp_path, RECORD)
    write_table(tmp_path / DECISIONS_FILE, DECISIONS, [[ROW], [ROW | {"score": 0.5, "label": "medium"}]])
    run = open_run(tmp_path)
    assert run.record == RECORD
    assert [(row.parent_id, row.score, row.wall_clock) for row in run.rows()] == [
        ("clip-1", None, True),
        ("clip-1", 0.5, True),
    ]
    assert run.table(["score"]).column_names == ["score"]
    assert not run.rescored


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_table(tmp_path / name, DECISIONS, [[ROW] * 100, [ROW] * 7])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_is_no_finished_replay_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"run\.json is not there"):
        open_run(tmp_path)
    save(tmp_path, RECORD.model_copy(update={"complete": False}))
    with pytest.raises(ReplayError, match="not finished") as caught:
        open_run(tmp_path)
    assert caught.value.exit_code == 21
    assert not open_run(tmp_path, complete=False).record.complete
    (tmp_path / RUN).write_text("{}")
    with pytest.raises(ReplayError, match="another version"):
        open_run(tmp_path)
    save(tmp_path, RECORD)
    with pytest.raises(ReplayError, match="cannot be read"):
        open_run(tmp_path).table()


def test_a_file_that_could_not_be_finished_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        write_table(tmp_path / DECISIONS_FILE, DECISIONS, [[ROW], [{}]])
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_held_by_one_and_goes_with_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / ".lock-0"
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_hold, args=(path, theirs))
    process.start()
    assert ours.recv() is True
    with alone(path) as mine:
        assert not mine
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    with alone(path) as mine:
        assert mine


@pytest.mark.parametrize(("begin", "warned"), [("1h", True), ("2026-05-31T08:00", False)])
def test_a_replay_that_is_there_already_is_not_taken_for_one_up_to_now(
    begin: str, *, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ReplayAsked(begin=begin, end="2026-05-31T09:00")
    Bar().planned(Run(tmp_path, RECORD.model_copy(update={"asked": asked})), resumed=True)
    assert ("not one up to now" in capsys.readouterr().err) == warned
