"""What the files beside a text encoder's weights say, in the layout of sentence-transformers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from schemas.encoders import Pooling
from workers.encoders.architectures import quarters
from workers.encoders.base import EncoderError

CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"
FILES: Final = (CONFIG, TOKENIZER)
"""What is read besides the weights; both are pinned by their SHA-256."""

_LENGTH: Final = "sentence_bert_config.json"
_POOLING: Final = "1_Pooling/config.json"
OPTIONAL: Final = (_LENGTH, _POOLING)
"""What is only read when an encoder is added, for the defaults of its manifest."""

_DEFAULT_TOKENS: Final = 128
_RESERVED: Final = {"roberta": 2, "xlm-roberta": 2, "camembert": 2, "mpnet": 2}  # positions before the first token


@dataclass(frozen=True, slots=True)
class TextConfig:
    """A text encoder's shape: `values` are those of its config.json."""

    values: Mapping[str, Any]
    model: str
    width: int
    depth: int
    positions: int
    padding: int
    aliases: Mapping[str, str] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)


def read_config(folder: Path) -> TextConfig:
    """Read config.json.

    Raises:
        EncoderError: it is missing, not valid, needs code of its own, or is that of no text encoder.
    """
    values = _json(folder / CONFIG)
    if "auto_map" in values:
        raise EncoderError(f"{CONFIG} asks for code that comes with the weights, which is not run here")
    if values.get("is_encoder_decoder"):
        raise EncoderError(f"{CONFIG} is that of an encoder and a decoder; an encoder is needed")
    model = str(values.get("model_type", ""))
    try:
        width = int(values.get("hidden_size") or values["dim"])  # DistilBERT has names of its own
        depth = int(values.get("num_hidden_layers") or values["n_layers"])
        positions = int(values["max_position_embeddings"]) - _RESERVED.get(model, 0)
        padding = int(values.get("pad_token_id") or 0)
    except (KeyError, TypeError, ValueError) as error:
        raise EncoderError(f"{CONFIG} is not that of a text encoder: {error}") from error
    widths = dict.fromkeys((f"layer{place}" for place in range(1, depth + 1)), width)
    aliases = quarters("layer", depth, first=1) | {"last": f"layer{depth}"}
    return TextConfig(values, model, width, depth, positions, padding, aliases, widths)


def default_tokens(folder: Path, config: TextConfig) -> int:
    """Return how many tokens the publisher reads of a text."""
    path = folder / _LENGTH
    wanted = _json(path).get("max_seq_length") if path.exists() else None
    return min(wanted if isinstance(wanted, int) and wanted > 0 else _DEFAULT_TOKENS, config.positions)


def default_pooling(folder: Path) -> Pooling:
    """Return how the publisher pools tokens: by their mean, or the class token.

    Raises:
        EncoderError: it is a way that is not to be had here.
    """
    path = folder / _POOLING
    if not path.exists():
        return "mean"
    modes = [name for name, wanted in _json(path).items() if name.startswith("pooling_mode_") and wanted is True]
    if modes == ["pooling_mode_cls_token"]:
        return "cls"
    if modes == ["pooling_mode_mean_tokens"]:
        return "mean"
    raise EncoderError(f"{_POOLING} asks for {', '.join(modes) or 'nothing'}; say --layer last:mean or last:cls")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EncoderError(f"weights cannot be read: {path.name}: {error.strerror}") from error
    except ValueError as error:
        raise EncoderError(f"{path.name} is not valid JSON") from error
    if not isinstance(found, dict):
        raise EncoderError(f"{path.name} is not a JSON object")
    return found
