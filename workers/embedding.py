"""Embeds a batch so that an item that breaks it fails alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from workers.encoders import Encoder, EncoderError, Prepared
from workers.media import Chunk, Medium, Picture
from workers.results import Failed

_SAMPLE_SIDE = 256


@dataclass(slots=True)
class Embedded:
    """One embedding (dimension,) or failure per input, and how often a batch had to be cut in two."""

    outcomes: list[NDArray[np.float32] | Failed] = field(default_factory=list)
    bisections: int = 0


def embed_each(encoder: Encoder, inputs: Sequence[Prepared]) -> Embedded:
    """Embed inputs in one batch, and in halves where that raises, down to the inputs at fault.

    An encoder that fails for every input is not the inputs' fault: before an input is blamed, the encoder must embed a
    sample. So a lost device stops the worker instead of sending all of its items to the dead letters.

    Raises:
        EncoderError: the encoder is in training mode, or returned another shape.
        Exception: what the encoder raised for the sample.
    """
    embedded = Embedded()
    _embed(encoder, inputs, embedded)
    return embedded


def probe(encoder: Encoder) -> None:
    """Embed a sample.

    Raises:
        EncoderError: the encoder is in training mode, or its embedding is not finite.
        Exception: whatever else keeps it from working.
    """
    embedding = encoder.embed([encoder.prepare(_sample(encoder))])
    if not np.isfinite(embedding).all():
        raise EncoderError(f"encoder {encoder.name} makes an embedding of a plain sample that is not finite")


def _embed(encoder: Encoder, inputs: Sequence[Prepared], embedded: Embedded) -> None:
    try:
        embedded.outcomes.extend(encoder.embed(inputs))
    except EncoderError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a network raises)
        if len(inputs) > 1:
            embedded.bisections += 1
            middle = len(inputs) // 2
            _embed(encoder, inputs[:middle], embedded)
            _embed(encoder, inputs[middle:], embedded)
            return
        probe(encoder)
        embedded.outcomes.append(Failed("scoring_error", f"{type(error).__name__}: {error}"))


def _sample(encoder: Encoder) -> Medium:
    """Return a medium that the encoder reads: a gray ramp, or a sentence."""
    ramp = np.linspace(0, 255, _SAMPLE_SIDE).astype(np.uint8)
    picture = Picture(np.broadcast_to(ramp[None, :, None], (_SAMPLE_SIDE, _SAMPLE_SIDE, 3)).copy())
    try:
        encoder.prepare(picture)
    except TypeError:
        return Chunk("The quick brown fox jumps over the lazy dog.")
    return picture
