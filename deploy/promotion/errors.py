"""What keeps a candidate from being promoted, or a promotion from being undone."""

from __future__ import annotations

from deploy.errors import SluiceError


class PromotionError(SluiceError):
    """A candidate is refused, or there is nothing to undo; nothing was written."""

    exit_code = 26
