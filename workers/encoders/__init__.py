"""Frozen encoders: from a decoded medium to an embedding. `EncoderRegistry` loads each once per process."""

from workers.encoders.base import Encoder, EncoderConflictError, EncoderError, Prepared
from workers.encoders.registry import EncoderRegistry

__all__ = ["Encoder", "EncoderConflictError", "EncoderError", "EncoderRegistry", "Prepared"]
