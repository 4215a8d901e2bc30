"""Text encoders that are computed by transformers: of three kinds, tiny, with seeded random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from schemas.encoders import EncoderManifest, Layer, TextInput
from workers.encoders import EncoderError
from workers.encoders.base import file_sha256
from workers.encoders.manifests import MANIFEST, dimension_of
from workers.encoders.registry import load_folder
from workers.encoders.textconfig import read_config
from workers.media import Chunk

_COMMON = {"vocab_size": 40, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
KINDS: dict[str, dict[str, Any]] = {
    "xlm-roberta": {**_COMMON, "num_hidden_layers": 4, "max_position_embeddings": 66, "pad_token_id": 1},
    "mpnet": {**_COMMON, "num_hidden_layers": 4, "max_position_embeddings": 66, "pad_token_id": 1},
    "distilbert": {
        "vocab_size": 40,
        "dim": 32,
        "n_heads": 4,
        "n_layers": 4,
        "hidden_dim": 64,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
    },
}
WORDS = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{place}" for place in range(36))]


def write(folder: Path, kind: str) -> Any:
    """Write a text encoder's folder, and return transformers' own network."""
    config = {"model_type": kind, **KINDS[kind]}
    torch.manual_seed(0)
    network = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(**config)).eval()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, folder / "model.safetensors")
    vocabulary = {word: place for place, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=WORDS[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    draft = EncoderManifest(
        name=folder.name,
        architecture="sentence-transformer",
        weights="model.safetensors",
        weights_sha256=file_sha256(folder / "model.safetensors"),
        files={name: file_sha256(folder / name) for name in ("config.json", "tokenizer.json")},
        input=TextInput(max_tokens=32),
        layers=[Layer(name="middle", pooling="mean"), Layer(name="last", pooling="cls")],
        dimension=1,
        licence="none",
        source="seeded random weights",
    )
    manifest = draft.model_copy(update={"dimension": dimension_of(draft, read_config(folder))})
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return network


@pytest.mark.parametrize("kind", KINDS)
def test_its_layers_are_those_of_transformers_whatever_shares_the_batch(kind: str, tmp_path: Path) -> None:
    """Seed faults 4 and 16: outputs without last_hidden_state are read too, and padding does not count."""
    network = write(tmp_path / "tiny", kind)
    encoder = load_folder(tmp_path / "tiny")
    short, long = (encoder.prepare(Chunk(text)) for text in ("w1 w2 w3", "w4 w5 w6 w7 w8 w9 w10 w11 w12"))
    with torch.inference_mode():
        states = network(
            input_ids=torch.tensor(short[None]),
            attention_mask=torch.ones(1, len(short), dtype=torch.int64),
            output_hidden_states=True,
        ).hidden_states
    wanted = torch.cat([states[2].mean(dim=1), states[4][:, 0]], dim=1).numpy()
    np.testing.assert_allclose(encoder.embed([short]), wanted, atol=1e-5)
    np.testing.assert_allclose(encoder.embed([short, long])[:1], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"auto_map": {"AutoModel": "code.Model"}}, "asks for code"),
        ({"model_type": "nothing"}, "cannot build 'nothing'"),
        ({"model_type": "vit"}, "no network that reads tokens"),
        ({"is_encoder_decoder": True}, "encoder and a decoder"),
        ({"hidden_size": 48}, "these are not the weights of"),
    ],
)
def test_what_is_no_text_encoder_is_refused(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    write(folder, "xlm-roberta")
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"]["config.json"] = file_sha256(config)
    manifest["dimension"] = 96 if "hidden_size" in change else manifest["dimension"]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(EncoderError, match=told):
        load_folder(folder)
