"""What kinds of items have to do with each other."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SHARED: Final[Mapping[str, str]] = MappingProxyType({"image": "video-frame"})
"""Kinds without a head of their own, and whose they use."""
