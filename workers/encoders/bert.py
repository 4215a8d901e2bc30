"""The forward pass of BERT (Devlin et al. 2018), as small as serving needs it.

It equals `transformers.BertModel` (tests/integration/workers compares them), but importing that class takes eight
seconds in every process; this takes none.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Bert(nn.Module):
    """BERT's encoder: token ids to the hidden states of every layer. Parameters are named as in its checkpoints."""

    def __init__(self, *, vocabulary: int, width: int, layers: int, heads: int, inner: int, positions: int) -> None:
        super().__init__()
        self.embeddings = _Embeddings(vocabulary, width, positions)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(_Layer(width, heads, inner) for _ in range(layers))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the embeddings and each layer's output, (n, tokens, width) each, for ids and mask (n, tokens)."""
        states = [self.embeddings(ids)]
        attend = (mask != 0)[:, None, None, :]
        for layer in self.encoder.layer:  # type: ignore[union-attr]
            states.append(layer(states[-1], attend))
        return tuple(states)


def _unfilled(rows: int, width: int) -> nn.Embedding:
    """Return a table whose numbers come later. Drawing them on the meta device would import torch's compiler: 7 s."""
    return nn.Embedding(rows, width, _weight=torch.empty(rows, width))


class _Embeddings(nn.Module):
    def __init__(self, vocabulary: int, width: int, positions: int) -> None:
        super().__init__()
        self.word_embeddings = _unfilled(vocabulary, width)
        self.position_embeddings = _unfilled(positions, width)
        self.token_type_embeddings = _unfilled(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.shape[1], device=ids.device)
        kind = self.token_type_embeddings.weight[0]  # one text per input: all tokens are of the first
        normed: torch.Tensor = self.LayerNorm(self.word_embeddings(ids) + kind + self.position_embeddings(places))
        return normed


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.ModuleDict(
            {
                "self": nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")}),
                "output": _dense(width, width),
            }
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(width, inner)})
        self.output = _dense(inner, width)

    def forward(self, states: torch.Tensor, attend: torch.Tensor) -> torch.Tensor:
        own, after = self.attention["self"], self.attention["output"]
        query, key, value = (self._split(own[name](states)) for name in ("query", "key", "value"))  # type: ignore[index]
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=attend)
        mixed = mixed.transpose(1, 2).flatten(2)
        states = after["LayerNorm"](after["dense"](mixed) + states)  # type: ignore[index]
        grown = functional.gelu(self.intermediate["dense"](states))
        normed: torch.Tensor = self.output["LayerNorm"](self.output["dense"](grown) + states)
        return normed

    def _split(self, states: torch.Tensor) -> torch.Tensor:
        rows, tokens, width = states.shape
        return states.view(rows, tokens, self.heads, width // self.heads).transpose(1, 2)


def _dense(incoming: int, width: int) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(incoming, width), "LayerNorm": nn.LayerNorm(width, eps=1e-12)})
