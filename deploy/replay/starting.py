"""From a command to a folder with a plan: a new one, or that of a replay that was not finished."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

from deploy.replay import plan
from deploy.replay.desk import Desk
from deploy.replay.errors import ReplayError
from deploy.replay.finishing import save
from deploy.replay.folder import RUN, Run, open_run
from deploy.replay.options import FOLDER
from deploy.replay.writing import alone
from schemas.replays import ReplayRun

_LOOK = 0.2  # s
_NAME = 12  # digits of a replay's id


def planned(desk: Desk, fields: dict[str, Any]) -> tuple[Run, bool]:
    """Return a replay with its plan, and whether it was there before.

    Args:
        desk: what was asked for.
        fields: of the run, as far as they are known without the topics.

    Raises:
        ReplayError: the folder holds another replay, or there is nothing to replay.
        ConfigurationError: the times make no span.
        KafkaException: the brokers refused.
    """
    found = desk.options.out or _unfinished(fields)
    if found is not None:
        return _in_folder(desk, found, fields)
    made = plan.plan(desk.properties, desk.settings, desk.options, fields)
    return _in_folder(desk, FOLDER / made.id[:_NAME], fields, made)


def _in_folder(desk: Desk, folder: Path, fields: dict[str, Any], made: ReplayRun | None = None) -> tuple[Run, bool]:
    """Open the replay in a folder, or begin it there; of several processes one does."""
    while True:
        with alone(folder / ".lock-plan") as mine:
            if (folder / RUN).is_file():
                run = open_run(folder, complete=False)
                _check_same(run, fields, times=made is None or run.record.id != made.id)
                return run, True
            if mine:
                record = made or plan.plan(desk.properties, desk.settings, desk.options, fields)
                save(folder, record)
                return Run(folder, record), False
        Event().wait(_LOOK)


def _check_same(run: Run, fields: dict[str, Any], *, times: bool) -> None:
    other = plan.differing(run.record, fields, times=times)
    if other:
        raise ReplayError(
            f"{run.path} holds another replay (other {', '.join(other)}): name another folder with --out, or delete it"
        )


def _unfinished(fields: dict[str, Any]) -> Path | None:
    """Return the folder of a replay that the same command has begun and not finished."""
    for path in sorted(FOLDER.glob(f"*/{RUN}")):
        try:
            run = open_run(path.parent, complete=False)
        except ReplayError:
            continue
        if not run.record.complete and not plan.differing(run.record, fields):
            return path.parent
    return None
