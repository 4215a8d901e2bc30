"""What can go wrong with a replay: all of it ends with exit code 21."""

from __future__ import annotations

from deploy.errors import SluiceError


class ReplayError(SluiceError):
    """A replay cannot be made, or a folder is none that can be read; the text says what to do."""

    exit_code = 21
