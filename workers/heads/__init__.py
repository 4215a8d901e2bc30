"""Heads: from embedding and cheap metrics to a score. Small, trained here, replaceable without a new encoder call."""

from workers.heads.calibrators import Calibrator, Isotonic, Platt
from workers.heads.defects import Defects
from workers.heads.errors import HeadError, HeadMismatchError, NonFiniteError
from workers.heads.features import Features
from workers.heads.head import Head
from workers.heads.networks import LateHead, LogisticHead, MlpHead, Network
from workers.heads.store import save

__all__ = [
    "Calibrator",
    "Defects",
    "Features",
    "Head",
    "HeadError",
    "HeadMismatchError",
    "Isotonic",
    "LateHead",
    "LogisticHead",
    "MlpHead",
    "Network",
    "NonFiniteError",
    "Platt",
    "save",
]
