from __future__ import annotations

import pytest
import torch

from workers.encoders import EncoderRegistry


@pytest.fixture(scope="session")
def encoders() -> EncoderRegistry:
    """One registry for all tests, so that each encoder is loaded once."""
    torch.set_num_threads(1)
    return EncoderRegistry()
