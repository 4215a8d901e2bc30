"""Several processes on one replay. Each takes partitions that no other has, and goes when its parent is gone."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection, wait

from deploy.errors import SluiceError
from deploy.replay import plan
from deploy.replay.desk import Desk
from deploy.replay.errors import ReplayError
from deploy.replay.folder import Run, open_run
from deploy.replay.job import WORK, Advance

_PROBLEM = "problem"


def work_together(desk: Desk, run: Run, advance: Advance) -> None:
    """Let processes work until every partition is done. One that is killed is done without.

    Args:
        desk: what was asked for; it says how many processes.
        run: is planned.
        advance: told of the progress of all.

    Raises:
        ReplayError: all have ended, and not every partition is done.
    """
    spawn = multiprocessing.get_context("spawn")
    listening, running = [], []
    for _ in range(desk.options.workers):
        ours, theirs = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_child, args=(desk, run, theirs), daemon=True)
        process.start()
        theirs.close()  # so that its end is seen when the process has ended
        listening.append(ours)
        running.append(process)
    problems = _follow(listening, advance)
    for process in running:
        process.join()
    if not all(_done(run, number) for number in run.record.spans):
        reason = problems[0] if problems else "its processes were killed"
        raise ReplayError(f"the replay is not finished: {reason}. The same command goes on with it")


def _follow(listening: list[Connection], advance: Advance) -> list[str]:
    """Pass on what the processes tell until all have ended; return what went wrong."""
    problems: list[str] = []
    while listening:
        for connection in wait(listening):
            if not isinstance(connection, Connection):
                continue
            try:
                stage, value = connection.recv()
            except (EOFError, OSError):
                connection.close()
                listening.remove(connection)
                continue
            if stage == _PROBLEM:
                problems.append(value)
            else:
                advance(stage, value)
    return problems


def _done(run: Run, partition: int) -> bool:
    done = (run.path / WORK / f"{partition}.json").is_file()
    return done or open_run(run.path, complete=False).record.complete


def _child(desk: Desk, run: Run, told: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # without a word: the parent says what happened

    def advance(stage: str, records: int) -> None:
        try:
            told.send((stage, records))
        except OSError:
            os._exit(1)  # nobody waits for it any more

    try:
        _work(desk, run, advance)
    except SluiceError as error:
        told.send((_PROBLEM, str(error)))
    except Exception as error:  # noqa: BLE001 (whatever it is, the parent has to know)
        told.send((_PROBLEM, f"{type(error).__name__}: {error}"))


def _work(desk: Desk, run: Run, advance: Advance) -> None:
    using = desk.using()
    other = plan.differing(run.record, plan.wanted(desk.settings, desk.options, using))
    if other:
        raise ReplayError(f"what the replay was planned with has changed meanwhile: {', '.join(other)}")
    desk.job(run, using, advance).work()
