"""Loads each encoder once per process; asking for it again with another configuration is an error, not ignored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType

from workers.encoders.base import Encoder, EncoderConflictError, EncoderError

Loader = Callable[[str], Encoder]


def _lite0(device: str) -> Encoder:
    from workers.encoders.lite0 import Lite0  # noqa: PLC0415 (a worker for text needs no picture network)

    return Lite0.load(device)


def _minilm(device: str) -> Encoder:
    from workers.encoders.minilm import MiniLM  # noqa: PLC0415 (a worker for pictures needs no text network)

    return MiniLM.load(device)


LOADERS: Mapping[str, Loader] = MappingProxyType({"efficientnet-lite0": _lite0, "all-minilm-l6-v2": _minilm})


class EncoderRegistry:
    """The encoders of one process. Pass it around; it is no global."""

    def __init__(self, loaders: Mapping[str, Loader] = LOADERS) -> None:
        self._loaders = dict(loaders)
        self._loaded: dict[str, tuple[str, Encoder]] = {}
        self._lock = threading.Lock()

    def get(self, name: str, device: str = "cpu") -> Encoder:
        """Return the encoder of that name, loading it on first use. A load that failed is tried again next time.

        Raises:
            EncoderError: no encoder has that name, or it cannot be loaded.
            EncoderConflictError: it is loaded already on another device.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = (device, self._load(name, device))
            at, encoder = self._loaded[name]
        if at != device:
            raise EncoderConflictError(f"encoder {name} is loaded on {at}; it cannot be had on {device} as well")
        return encoder

    def _load(self, name: str, device: str) -> Encoder:
        if name not in self._loaders:
            raise EncoderError(f"no encoder is called {name!r}; there are {', '.join(sorted(self._loaders))}")
        try:
            return self._loaders[name](device)
        except EncoderError:
            raise
        except Exception as error:
            raise EncoderError(f"encoder {name} cannot be loaded on {device}: {error}") from error
