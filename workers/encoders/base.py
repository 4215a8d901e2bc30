"""What every encoder offers, and the rules that keep it frozen.

Errors of this package::

    EncoderError                 an encoder cannot be loaded, or what it returned is not an embedding
    └── EncoderConflictError     it is loaded already, with another configuration
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.heads import Encoding
from workers.media import Medium

if TYPE_CHECKING:
    import torch

Prepared = NDArray[np.uint8] | NDArray[np.int64]


class EncoderError(Exception):
    """An encoder cannot be loaded, or is not in the state in which it may be used."""


class EncoderConflictError(EncoderError):
    """The encoder is loaded already with another configuration; a process holds one of each."""


class Encoder(Protocol):
    """A frozen network behind one interface. `prepare` may run in many threads, `embed` in one at a time."""

    @property
    def name(self) -> str:
        """Its name in the registry and in manifests."""

    @property
    def encoding(self) -> Encoding:
        """Weights, preprocessing, layers, pooling and dimension: all that an embedding depends on."""

    @property
    def digest(self) -> str:
        """SHA-256 of `encoding`: two encoders with one digest give the same embeddings."""

    @property
    def dimension(self) -> int:
        """Numbers in one embedding."""

    def prepare(self, medium: Medium) -> Prepared:
        """Turn a decoded medium into the network's input, on the CPU.

        Raises:
            TypeError: the medium is not of a family that this encoder reads.
        """

    def bucket(self, prepared: Prepared) -> Hashable:
        """Name the shape class of an input; only inputs of one bucket should share a batch."""

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Embed inputs, one row each, float32 (n, dimension). Values are not checked for NaN here.

        Raises:
            EncoderError: the network is not in evaluation mode, or its output has the wrong shape.
        """


def freeze(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """Put a network on its device in evaluation mode without gradients, and assert that it got there."""
    network = network.to(device).eval().requires_grad_(requires_grad=False)
    assert_frozen(network)
    return network


def assert_frozen(network: torch.nn.Module) -> None:
    """Check that no module is in training mode: dropout or batch statistics would make scores drift.

    Raises:
        EncoderError: a module is in training mode (not an `assert`, which `python -O` removes).
    """
    training = [name or "(network)" for name, module in network.named_modules() if module.training]
    if training:
        raise EncoderError(f"network is in training mode: {training[0]} and {len(training) - 1} more; call eval()")


def check_shape(embeddings: NDArray[np.float32], rows: int, dimension: int) -> NDArray[np.float32]:
    """Return the embeddings if their shape is (rows, dimension).

    Raises:
        EncoderError: the shape is another.
    """
    if embeddings.shape != (rows, dimension):
        raise EncoderError(f"encoder returned shape {embeddings.shape}, expected {(rows, dimension)}")
    return embeddings


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits.

    Raises:
        EncoderError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise EncoderError(f"weights cannot be read: {path.name}: {error.strerror}") from error


def parameters_sha256(network: torch.nn.Module) -> str:
    """Return a hash over all parameters and buffers, to show that training a head left an encoder as it was."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
