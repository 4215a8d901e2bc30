"""A replay's decisions on topics of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from deploy.replay.errors import ReplayError
from streams.replaying import LiveTopicError
from streams.replaylog import ReplayLog, Sent

_COLUMNS = ["parent_id", "action", "decision", "withdrawn_from", "withdrawal"]


class ShadowLog:
    """Publishes the decisions of partitions."""

    def __init__(self, log: ReplayLog) -> None:
        """Take the topics."""
        self._log = log

    def publish(self, partition: int, path: Path) -> None:
        """Append a partition's decisions that are not on the topics yet.

        Args:
            partition: its number.
            path: of the file with its decisions.

        Raises:
            ReplayError: the topics hold something else.
            KafkaException: the brokers refused.
        """
        try:
            self._log.append(partition, _sent(path))
        except LiveTopicError as error:
            raise ReplayError(f"--topics: {error}") from error


def _sent(path: Path) -> Iterator[Sent]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=_COLUMNS):
            for row in batch.to_pylist():
                withdrawal = row["withdrawal"]
                yield Sent(
                    row["parent_id"].encode(),
                    row["action"],
                    row["decision"].encode(),
                    row["withdrawn_from"],
                    None if withdrawal is None else withdrawal.encode(),
                )
