"""A replay that ends itself like a kill -9 at a chosen place: FOLDER BEGIN OWN-POLICY TOPICS WHERE TIMES.

WHERE is `scoring` or `deciding`: after so many steps of it; or `published`: after so many partitions were published.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from deploy.replay.folder import Run
from deploy.replay.options import ReplayOptions
from deploy.replay.run import replay
from deploy.replay.shadow import ShadowLog
from deploy.settings import Settings

HEAD = Path("deploy/heads/document-chunk")


def options(folder: Path, begin: str, own: Path, topics: str | None = None, *, head: bool) -> ReplayOptions:
    """Return what is asked for: small chunks, so that there are many places to be killed at."""
    return ReplayOptions(
        begin=begin,
        out=folder,
        heads=HEAD if head else None,
        own_policy=own,
        device="cpu",
        topics=topics,
        chunk_records=4,
    )


class Deadly:
    """Kills its process at a stage."""

    def __init__(self, where: str, times: int) -> None:
        self._where = where
        self._left = times
        publish = ShadowLog.publish

        def deadly(log: ShadowLog, partition: int, path: Path) -> None:
            publish(log, partition, path)
            self.advance("published", 1)

        ShadowLog.publish = deadly  # type: ignore[assignment,method-assign]

    def planned(self, run: Run, *, resumed: bool) -> None:
        del run, resumed

    def advance(self, stage: str, records: int) -> None:
        if stage == self._where and records:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    folder, begin, own, topics, where, times = sys.argv[1:]
    asked = options(Path(folder), begin, Path(own), topics, head=where == "scoring")
    replay(Settings.load(), asked, Deadly(where, int(times)))
