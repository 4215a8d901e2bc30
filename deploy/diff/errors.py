"""What ends a comparison that was to be a check."""

from __future__ import annotations

from deploy.errors import SluiceError


class FlipsError(SluiceError):
    """More decisions differ than were allowed, or nothing could be compared; exit code 22."""

    exit_code = 22
