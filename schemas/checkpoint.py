"""What a decider leaves in the metadata of the offset that it commits, for its successor."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

FORMAT = 2
_READABLE = (1, 2)  # 1 knew of one policy alone


class UnreadableCheckpointError(ValueError):
    """The metadata of a committed offset was written by something else, or by a newer version."""


class UnreadableDecisionError(UnreadableCheckpointError):
    """A decision on the log was written by a version whose decisions this one cannot read."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a successor has to begin in a partition of `scores`.

    Attributes:
        low_watermark: first offset of the oldest open window, or the position; the committed offset itself.
        position: next offset to be applied; below it nothing is counted a second time.
        stream_time: ms since 1970 UTC, as it was before `low_watermark` was read.
        truncated_below: windows that open below it may lack records that retention has deleted; 0 for none.
        policy: name@version that was in force just before `low_watermark`; empty for the decider's own.
    """

    low_watermark: int
    position: int
    stream_time: int
    truncated_below: int = 0
    policy: str = ""


class Metadata(msgspec.Struct, frozen=True):
    """The committed metadata; the offset beside it is the low watermark.

    Attributes:
        partitions: the count that parents were spread over; a changed one splits them.
        decisions_from: first offset on `decisions` that recovery has to read.
        policy_version: as format 1 wrote it; not used.
        policy: name@version that was in force just before the low watermark; empty for the decider's own.
    """

    format: int
    partitions: int
    position: int
    stream_time: int
    decisions_from: int
    policy_version: int = 0
    truncated_below: int = 0
    policy: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Metadata)


def encode(metadata: Metadata) -> str:
    """Return the metadata as JSON; Kafka keeps up to 4096 bytes of it."""
    return _encoder.encode(metadata).decode()


def decode(text: str) -> Metadata:
    """Read committed metadata.

    Raises:
        UnreadableCheckpointError: it is not ours, or of a newer format; going on would guess.
    """
    try:
        metadata = _decoder.decode(text)
    except msgspec.DecodeError as error:
        raise UnreadableCheckpointError(f"the committed offset's metadata is not a decider's: {error}") from error
    if metadata.format not in _READABLE:
        raise UnreadableCheckpointError(f"the committed offset's metadata has format {metadata.format}, not {FORMAT}")
    return metadata
