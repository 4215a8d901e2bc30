"""Loads each encoder once per process; asking for it again with another configuration is an error, not ignored."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Self

from workers.encoders.architectures import TEXT
from workers.encoders.base import Encoder, EncoderConflictError, EncoderError
from workers.encoders.manifests import folders, read_manifest

Loader = Callable[[str], Encoder]


def _lite0(device: str) -> Encoder:
    from workers.encoders.lite0 import Lite0  # noqa: PLC0415 (a worker for text needs no picture network)

    return Lite0.load(device)


def _minilm(device: str) -> Encoder:
    from workers.encoders.minilm import MiniLM  # noqa: PLC0415 (a worker for pictures needs no text network)

    return MiniLM.load(device)


LOADERS: Mapping[str, Loader] = MappingProxyType({"efficientnet-lite0": _lite0, "all-minilm-l6-v2": _minilm})
"""The bundled encoders."""


class EncoderRegistry:
    """The encoders of one process. Pass it around; it is no global."""

    def __init__(self, loaders: Mapping[str, Loader] = LOADERS) -> None:
        self._loaders = dict(loaders)
        self._loaded: dict[str, tuple[str, Encoder]] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, root: Path) -> Self:
        """Return a registry of the bundled encoders and of those in a folder, which need not exist.

        Nothing is read yet but names: an encoder that is broken is told of when it is asked for.

        Raises:
            EncoderError: one in the folder has the name of a bundled one.
        """
        added = {folder.name: folder for folder in folders(root)}
        clashing = sorted(added.keys() & LOADERS.keys())
        if clashing:
            raise EncoderError(f"{clashing[0]} is the name of a bundled encoder: call the one in {root} something else")
        return cls({**LOADERS, **{name: _loader(folder) for name, folder in added.items()}})

    @property
    def names(self) -> tuple[str, ...]:
        """The encoders that can be asked for."""
        return tuple(self._loaders)

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
            raise EncoderError(
                f"no encoder is called {name!r}; there are {', '.join(sorted(self._loaders))}. "
                "`sluice encoder add` adds one, in the folder of SLUICE_ENCODERS"
            )
        try:
            return self._loaders[name](device)
        except EncoderError:
            raise
        except Exception as error:
            raise EncoderError(f"encoder {name} cannot be loaded on {device}: {error}") from error


def load_folder(folder: Path, device: str = "cpu") -> Encoder:
    """Load the encoder in a folder with a manifest.

    Raises:
        EncoderError: the manifest is not valid or contradicts itself, or a file is missing, a pickle, another one than
            was promised, or that of another network; or what the network returns is not what the manifest declares.
    """
    from workers.embedding import probe  # noqa: PLC0415 (it builds on this package)
    from workers.encoders import picture, text  # noqa: PLC0415 (reading a manifest needs no torch)

    manifest = read_manifest(folder)
    loaded: Encoder
    if manifest.architecture == TEXT:
        loaded = text.load(manifest, folder, device)
    else:
        loaded = picture.PictureEncoder.load(manifest, folder, device)
    probe(loaded)
    return loaded


def _loader(folder: Path) -> Loader:
    return lambda device: load_folder(folder, device)
