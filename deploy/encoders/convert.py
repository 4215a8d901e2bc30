"""From a pickle of weights to safetensors, without running what is in the pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

from deploy.errors import ConfigurationError

_WRAPPERS: Final = ("state_dict", "model", "module", "teacher")
_PREFIXES: Final = ("module.", "backbone.")


def convert(source: Path, target: Path) -> int:
    """Write the tensors of a pickle to a safetensors file, and return how many they are.

    Only tensors and plain containers are read (torch's weights_only); what would run code is refused. Wrappers such as
    `state_dict` or `teacher`, and prefixes that all names share, are taken off.

    Raises:
        ConfigurationError: the file cannot be read, holds something else, or the target exists.
    """
    import torch  # noqa: PLC0415 (it takes seconds)
    from safetensors.torch import save_file  # noqa: PLC0415

    if target.exists():
        raise ConfigurationError(f"{target} exists already")
    try:
        found: Any = torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigurationError(f"{source} cannot be read: {error.strerror}") from error
    except (UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        raise ConfigurationError(
            f"{source.name} holds more than tensors, or is no pickle of weights, and was not read: {error}"
        ) from error
    while isinstance(found, Mapping) and (inner := next((key for key in _WRAPPERS if key in found), None)):
        found = found[inner]
    tensors = {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}
    if not tensors or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise ConfigurationError(f"{source.name} holds no table of tensors")
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, target)
    return len(tensors)
