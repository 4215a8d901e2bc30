"""Heads: from embedding and cheap metrics to a score. Small, trained here, replaceable without a new encoder call."""

from workers.heads.errors import HeadError, HeadMismatchError, NonFiniteError
from workers.heads.features import Features
from workers.heads.head import Head
from workers.heads.networks import LogisticHead, MlpHead, Network
from workers.heads.store import save

__all__ = [
    "Features",
    "Head",
    "HeadError",
    "HeadMismatchError",
    "LogisticHead",
    "MlpHead",
    "Network",
    "NonFiniteError",
    "save",
]
