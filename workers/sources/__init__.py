"""From files to raw items: videos, volumes, series, documents and pictures, read as streams."""

from workers.sources.discover import Discovery, Found, discover
from workers.sources.dispatch import SUPPORTED, open_parent
from workers.sources.parent import Parent, SourceError, SourceOptions, UnsupportedFileError

__all__ = [
    "SUPPORTED",
    "Discovery",
    "Found",
    "Parent",
    "SourceError",
    "SourceOptions",
    "UnsupportedFileError",
    "discover",
    "open_parent",
]
