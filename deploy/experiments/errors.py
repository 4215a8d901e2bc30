"""What can go wrong with shadows and experiments."""

from __future__ import annotations

from deploy.errors import SluiceError


class ExperimentError(SluiceError):
    """A shadow or an experiment is not there, or cannot be used so; the text says what to do."""

    exit_code = 25
