"""Which device a worker computes on."""

from __future__ import annotations

import re

import torch


class DeviceError(ValueError):
    """The device has no such name, or is not on this machine."""


def resolve(name: str) -> str:
    """Return the torch device for `auto`, `cpu` or `cuda:N`.

    Raises:
        DeviceError: it is none of these, or there is no such GPU.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda:0" if gpus else "cpu"
    if name == "cpu":
        return name
    match = re.fullmatch(r"cuda:(\d+)", name)
    if match is None:
        raise DeviceError(f"--device is auto, cpu or cuda:N, not {name!r}")
    if int(match[1]) >= gpus:
        raise DeviceError(f"--device {name}: this machine has {gpus} usable GPUs; take cpu, or auto")
    return name
