"""Text encoders in the layout of sentence-transformers: config.json, tokenizer.json and safetensors weights.

BERT, which most of them are, is computed by bert.py; other networks by transformers, which takes seconds to import.
Modules after the pooling (a dense layer, normalisation) are not applied: a head has its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from schemas.encoders import EncoderManifest, Pooling
from schemas.heads import Encoding
from workers.encoders.base import EncoderError, Prepared, assert_frozen, check_shape, freeze
from workers.encoders.bert import Bert
from workers.encoders.manifests import encoding_of
from workers.encoders.pooling import to_embedding
from workers.encoders.textconfig import TOKENIZER, TextConfig, read_config
from workers.encoders.weights import State, check_sha256, fill, read
from workers.media import Chunk, Medium

_STEP: Final = 32  # inputs whose lengths round up to the same multiple share a batch
_POOLER: Final = "pooler."
_BUFFERS: Final = ("position_ids", "token_type_ids")  # some files hold them; they are no parameters
_NOT_BUILT: Final = (ValueError, KeyError, TypeError, ImportError, RuntimeError, ArithmeticError)  # by wrong values
_BERT: Final = {"hidden_act": "gelu", "layer_norm_eps": 1e-12, "position_embedding_type": "absolute"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an embedding: the states after layer `layer` (0 is the input's embeddings), pooled."""

    layer: int
    pooling: Pooling = "mean"


class TextEncoder:
    """A frozen text encoder. Inputs are token ids, int64 (tokens,)."""

    def __init__(
        self,
        encoding: Encoding,
        network: torch.nn.Module,
        tokenizer: Tokenizer,
        parts: Sequence[Part],
        *,
        device: str,
        padding: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.name = encoding.name
        self.encoding = encoding
        self.digest = encoding.digest()
        self.dimension = encoding.dimension
        self._device = torch.device(device)
        self._network = freeze(network.to(dtype), self._device)
        self._tokenizer = tokenizer
        self._parts = tuple(parts)
        self._padding = padding

    @property
    def network(self) -> torch.nn.Module:
        """The network itself, to hash its parameters."""
        return self._network

    def prepare(self, medium: Medium) -> Prepared:
        """Return the token ids of a chunk, int64 (tokens,), cut where the encoder stops reading."""
        if not isinstance(medium, Chunk):
            raise TypeError(f"a chunk is needed, not a {type(medium).__name__}")
        return np.asarray(self._tokenizer.encode(medium.text).ids, dtype=np.int64)

    def bucket(self, prepared: Prepared) -> Hashable:
        """Return the number of tokens, rounded up, so that short texts are not padded to the length of long ones."""
        return -(-len(prepared) // _STEP) * _STEP

    def embed(self, batch: Sequence[Prepared]) -> NDArray[np.float32]:
        """Embed token ids to float32 (n, dimension)."""
        assert_frozen(self._network)
        ids = np.full((len(batch), max(map(len, batch))), self._padding, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        with torch.inference_mode():
            marks = torch.from_numpy(mask).to(self._device)
            states = self._network(torch.from_numpy(ids).to(self._device), marks)
            parts = [to_embedding(states[part.layer], marks, part.pooling) for part in self._parts]
            embeddings = torch.cat(parts, dim=1).cpu().numpy()
        return check_shape(embeddings, len(batch), self.dimension)


def load(manifest: EncoderManifest, folder: Path, device: str = "cpu") -> TextEncoder:
    """Load the text encoder of a manifest from the files beside it.

    Raises:
        EncoderError: the manifest contradicts itself, or a file is missing, a pickle, another one than was promised,
            or that of another network.
    """
    missing = {"config.json", TOKENIZER} - manifest.files.keys()
    if missing:
        raise EncoderError(f"{manifest.name}: the manifest does not pin {min(missing)}")
    for name, sha256 in [*manifest.files.items(), (manifest.weights, manifest.weights_sha256)]:
        check_sha256(folder / name, sha256)
    config = read_config(folder)
    encoding = encoding_of(manifest, config)
    network = empty(config)
    fill_from(network, folder / manifest.weights, config.model)
    max_tokens: int = getattr(manifest.input, "max_tokens", config.positions)
    return TextEncoder(
        encoding,
        network,
        tokenizer_of(folder, max_tokens),
        [
            Part(int(name.removeprefix("layer")), one.pooling)
            for name, one in zip(encoding.layers, manifest.layers, strict=True)
        ],
        device=device,
        padding=config.padding,
        dtype=torch.bfloat16 if manifest.dtype == "bfloat16" else torch.float32,
    )


def tokenizer_of(folder: Path, max_tokens: int) -> Tokenizer:
    """Read tokenizer.json; padding is left to the batch, where a mask leaves it out.

    Raises:
        EncoderError: it is missing or no tokenizer.
    """
    path = folder / TOKENIZER
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises a bare Exception
        raise EncoderError(f"weights cannot be read: {path.name}: {error}") from error
    tokenizer.no_padding()  # padding belongs to the batch, and a wrong one would be averaged in
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def empty(config: TextConfig) -> torch.nn.Module:
    """Build the network of a configuration, without weights.

    Raises:
        EncoderError: a value is missing or wrong, transformers does not know it, or it reads no tokens.
    """
    values = config.values
    if config.model == "bert" and all(values.get(name, wanted) == wanted for name, wanted in _BERT.items()):
        try:
            with torch.device("meta"):
                return bert_of(values)
        except _NOT_BUILT as error:
            raise EncoderError(f"config.json is not that of BERT: {error!r}") from error
    return _Transformer(config)


def bert_of(values: Mapping[str, Any]) -> Bert:
    """Build BERT as its config.json says."""
    return Bert(
        vocabulary=values["vocab_size"],
        width=values["hidden_size"],
        layers=values["num_hidden_layers"],
        heads=values["num_attention_heads"],
        inner=values["intermediate_size"],
        positions=values["max_position_embeddings"],
    )


def fill_from(network: torch.nn.Module, path: Path, name: str) -> None:
    """Give a network that `empty` built the weights of a file.

    Raises:
        WeightsError: the file is no safetensors file, or that of another network.
    """
    inner = network.inner if isinstance(network, _Transformer) else network
    fill(inner, _adapted(read(path, bool), inner), name)


def _adapted(state: State, network: torch.nn.Module) -> State:
    """Return a file's tensors under the network's names: without a prefix such as `bert.`, heads and the pooler."""
    wanted = network.state_dict().keys()
    prefixes = {key.split(".", 1)[0] + "." for key in state}
    found = {}
    for key, tensor in state.items():
        prefix = next((one for one in prefixes if key.startswith(one) and key.removeprefix(one) in wanted), "")
        name = key.removeprefix(prefix) if key not in wanted else key
        if name in wanted or not (name.startswith((_POOLER, "cls.", "lm_head.")) or name.endswith(_BUFFERS)):
            found[name] = tensor
    return found


class _Transformer(torch.nn.Module):
    """A network of transformers that returns the states of all layers, as `Bert` does."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        import transformers  # noqa: PLC0415 (it takes seconds)

        try:
            network = _built(transformers.AutoConfig.for_model(**config.values))
        except _NOT_BUILT as error:
            raise EncoderError(f"transformers cannot build {config.model!r}: {error}") from error
        if not {"input_ids", "attention_mask"} <= inspect.signature(network.forward).parameters.keys():
            raise EncoderError(f"{config.model!r} is no network that reads tokens")
        if hasattr(network, "pooler"):
            network.pooler = None  # it is trained for other ends, and many files lack it
        self.inner: Any = network

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        output = self.inner(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        states: tuple[torch.Tensor, ...] | None = getattr(output, "hidden_states", None)
        if states is None:
            raise EncoderError("the network does not return its layers")
        return states


def _built(config: Any) -> Any:
    """Build a network with torch's own attention, or the plain one where it has no other, such as MPNet.

    One is named in any case: a configuration may ask for another, which transformers would then look for elsewhere.
    """
    import transformers  # noqa: PLC0415

    try:
        return transformers.AutoModel.from_config(config, attn_implementation="sdpa")
    except ValueError:
        return transformers.AutoModel.from_config(config, attn_implementation="eager")
