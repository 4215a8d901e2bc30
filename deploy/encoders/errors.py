"""What goes wrong while an encoder is fetched and added."""

from __future__ import annotations

from deploy.errors import SluiceError


class FetchError(SluiceError):
    """A file could not be fetched, or is not the one that was promised. Nothing of it got a name."""

    exit_code = 20
