"""From an item's bytes to a medium: a picture, a slice or a chunk, or an error that says why not."""

from workers.decode.decoder import READERS, Decoder, InlineDecoder
from workers.decode.limits import Limits, Reader

__all__ = ["READERS", "Decoder", "InlineDecoder", "Limits", "Reader"]
