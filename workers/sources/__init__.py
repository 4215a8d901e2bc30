"""From files to raw items: videos, volumes, documents and pictures, read as streams."""

from workers.sources.dispatch import SUPPORTED, open_parent
from workers.sources.parent import Parent, SourceError, SourceOptions, UnsupportedFileError

__all__ = ["SUPPORTED", "Parent", "SourceError", "SourceOptions", "UnsupportedFileError", "open_parent"]
