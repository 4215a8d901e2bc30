"""Weights from a local safetensors file, checked before they are used. Nothing here can run code from a file.

Errors::

    EncoderError
    └── WeightsError             a file is missing, is no safetensors file, has another SHA-256, or does not fit
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open

from workers.encoders.base import EncoderError, file_sha256

State = dict[str, torch.Tensor]

PICKLES: Final = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
CONVERT: Final = "`sluice encoder convert FILE NEW.safetensors` makes one of it without running what is in it"
_LARGEST_HEADER: Final = 100 * 2**20  # as safetensors itself allows
_LENGTH_BYTES: Final = 8


class WeightsError(EncoderError):
    """A file of weights is missing, of another format, not the one that was promised, or for another network."""


def refuse_pickle_name(name: str) -> None:
    """Refuse a name that pickles have, before anything is read or fetched.

    Raises:
        WeightsError: it ends like a pickle's.
    """
    if name.lower().endswith(PICKLES):
        raise WeightsError(
            f"{name} is a pickle by its name, and a pickle can run code. Take the publisher's .safetensors file; "
            f"where there is none, {CONVERT}"
        )


def check_format(path: Path) -> None:
    """Check that a file is in safetensors format, whatever its name is.

    Raises:
        WeightsError: it cannot be read, or is a pickle or anything else.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(_LENGTH_BYTES)
            length = struct.unpack("<Q", head)[0] if len(head) == _LENGTH_BYTES else 0
            header = stream.read(length) if length <= _LARGEST_HEADER else b""
    except OSError as error:
        raise WeightsError(f"weights cannot be read: {path.name}: {error.strerror}") from error
    if head.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        raise WeightsError(f"{path.name} is a pickle whatever it is called, and a pickle can run code: {CONVERT}")
    try:
        if not isinstance(json.loads(header), dict):
            raise ValueError  # noqa: TRY301, TRY004 (all that is no safetensors file ends in one place)
    except ValueError as error:
        raise WeightsError(f"{path.name} is no safetensors file") from error


def check_sha256(path: Path, sha256: str) -> None:
    """Check that a file is the one that was promised.

    Raises:
        WeightsError: its SHA-256 is another.
    """
    found = file_sha256(path)
    if found != sha256:
        raise WeightsError(
            f"{path.name} is not the file of the manifest: its SHA-256 is {found}, not {sha256}. "
            "Remove the encoder and add it again"
        )


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor in a safetensors file, by its name.

    Raises:
        WeightsError: it is no such file.
    """
    check_format(path)
    try:
        with safe_open(path, framework="pt") as stored:
            return {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name} cannot be read: {error}") from error


def read(path: Path, wanted: Callable[[str], bool]) -> State:
    """Return the tensors whose names are wanted, floats as float32, in memory of their own.

    Raises:
        WeightsError: the file is no safetensors file, or holds NaN or infinity.
    """
    check_format(path)
    try:
        with safe_open(path, framework="pt") as stored:
            # copied: a file that is mapped could still be written to
            state = {name: _owned(stored.get_tensor(name)) for name in stored.keys() if wanted(name)}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path.name} cannot be read: {error}") from error
    broken = [name for name, tensor in state.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise WeightsError(f"{path.name} holds NaN or infinity in {broken[0]}")
    return state


def fill(network: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str) -> None:
    """Give a network that was built without weights those of `state`; every parameter must get its own.

    Raises:
        WeightsError: a parameter is missing, of another shape, or not of this network.
    """
    check_fit(network, {key: tuple(tensor.shape) for key, tensor in state.items()}, name)
    network.load_state_dict(dict(state), strict=True, assign=True)
    empty = [key for key, tensor in [*network.named_parameters(), *network.named_buffers()] if tensor.is_meta]
    if empty:
        raise WeightsError(f"{name} needs {empty[0]}, which no file of weights holds")


def check_fit(network: torch.nn.Module, found: Mapping[str, tuple[int, ...]], name: str) -> None:
    """Check names and shapes of tensors against those of a network.

    Raises:
        WeightsError: a parameter is missing, of another shape, or not of this network.
    """
    wanted = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing or extra:
        told = [f"lacks {missing[0]} and {len(missing) - 1} more"] if missing else []
        told += [f"has {extra[0]} and {len(extra) - 1} more that it should not have"] if extra else []
        raise WeightsError(f"these are not the weights of {name}: the file {', and '.join(told)}")
    for key, shape in found.items():
        if shape != wanted[key]:
            raise WeightsError(f"these are not the weights of {name}: {key} is {shape}, not {wanted[key]}")


def _owned(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(torch.float32, copy=True) if tensor.is_floating_point() else tensor.clone()
