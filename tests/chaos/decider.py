"""`sluice decide` with what takes a day scaled down to a run: how long it remembers, and how often it looks.

Nothing else differs from the command. One machine has one clock, so that the allowance for clocks that differ is nil.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Any, cast
from unittest import mock

from aggregation import PartitionGate, known
from deploy import decider
from deploy.cli import main
from streams import exactlyonce, logstart
from streams.gates import DecideSettings

PROGRAM = ("-m", "tests.chaos.decider")
REMEMBER_MS = "CHAOS_REMEMBER_MS"
LATE_MS = "CHAOS_LATE_MS"  # the longest late time, which is a day in a policy
LOOK_EVERY = 1.0  # s; how far the log of decisions is needed


def run() -> None:
    """Run the command line that this process was given."""
    remember_ms, late_ms = int(os.environ[REMEMBER_MS]), int(os.environ[LATE_MS])
    defaults = cast("dict[str, Any]", PartitionGate.__init__.__kwdefaults__)
    with (
        mock.patch.dict(defaults, remember_ms=remember_ms),
        mock.patch.object(decider, "DecideSettings", partial(DecideSettings, remember_ms=remember_ms)),
        mock.patch.object(exactlyonce, "LogStart", partial(logstart.LogStart, every=LOOK_EVERY)),
        mock.patch.object(logstart, "_CLOCKS_DIFFER", 0),
        mock.patch.object(logstart, "MAX_LATE_MS", late_ms),
        mock.patch.object(known, "MAX_LATE_MS", late_ms),
    ):
        main()


if __name__ == "__main__":
    run()
