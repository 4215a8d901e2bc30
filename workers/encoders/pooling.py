"""One way from whatever a network returns to one vector per item, for training and serving alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from schemas.encoders import Pooling
from workers.encoders.base import EncoderError

_FIELDS = ("last_hidden_state", "image_embeds", "text_embeds", "pooler_output")
_VECTORS, _TOKENS, _MAPS = 2, 3, 4  # dimensions of (n, d), (n, tokens, d), (n, channels, height, width)


def to_embedding(output: Any, mask: torch.Tensor | None = None, pooling: Pooling = "mean") -> torch.Tensor:
    """Reduce a network's output to float32 (n, d), or (n, 2d) with standard deviations.

    Args:
        output: A tensor, a mapping or `ModelOutput`, or a tuple whose first member counts. (n, d) is kept,
            (n, tokens, d) is pooled over tokens, (n, channels, height, width) over space.
        mask: (n, tokens), nonzero where a token counts. A text's mean must not depend on the padding that its
            neighbours in a batch bring, nor a picture's on its class token.
        pooling: "cls" takes the first token, whatever the mask says; "mean" averages; "mean+std" appends the standard
            deviation (of the population) to the mean.

    Raises:
        EncoderError: the output holds no tensor of such a shape, has nothing to pool in this way, or the mask does
            not fit.
    """
    tensor = _tensor_of(output).float()  # first: bfloat16 has too few digits to add up in, and numpy does not know it
    if tensor.ndim == _VECTORS and pooling != "mean+std":
        return tensor
    if tensor.ndim == _MAPS and pooling != "cls":
        mean = tensor.mean(dim=(2, 3))
        return mean if pooling == "mean" else torch.cat([mean, tensor.std(dim=(2, 3), correction=0)], dim=1)
    if tensor.ndim != _TOKENS:
        raise EncoderError(f"an output of shape {tuple(tensor.shape)} is no embedding, pooled by {pooling}")
    if pooling == "cls":
        return tensor[:, 0]
    mask = torch.ones(tensor.shape[:2], device=tensor.device) if mask is None else mask
    mean = masked_mean(tensor, mask)
    if pooling == "mean":
        return mean
    variance = masked_mean((tensor - mean[:, None]).square(), mask)
    return torch.cat([mean, variance.sqrt()], dim=1)


def masked_mean(tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average (n, tokens, d) over the tokens whose mask (n, tokens) is nonzero.

    Raises:
        EncoderError: the mask has another shape, or a row of it is all zero.
    """
    if mask.shape != tokens.shape[:2]:
        raise EncoderError(f"mask {tuple(mask.shape)} does not fit tokens {tuple(tokens.shape)}")
    weights = (mask != 0).to(tokens.dtype)
    totals = weights.sum(dim=1, keepdim=True)
    if bool((totals == 0).any()):
        raise EncoderError("a text without tokens has no mean")
    return torch.einsum("ntd,nt->nd", tokens, weights) / totals


def _tensor_of(output: Any) -> torch.Tensor:
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        found = [output[field] for field in _FIELDS if output.get(field) is not None]
        if not found:
            raise EncoderError(f"none of {', '.join(_FIELDS)} in an output with {', '.join(map(str, output))}")
        return _tensor_of(found[0])
    if isinstance(output, Sequence) and output and not isinstance(output, str):
        return _tensor_of(output[0])
    raise EncoderError(f"an output of type {type(output).__name__} is no embedding")
