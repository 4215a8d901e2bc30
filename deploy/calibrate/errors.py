"""What can go wrong with a calibration."""

from __future__ import annotations

from typing import Final

from deploy.errors import SluiceError

NO_GUARANTEE: Final = 23  # exit code where the labels do not bear what is asked: no threshold is valid, or risk alarms


class CalibrationError(SluiceError):
    """Nothing can be calibrated from these labels and decisions; the text says what to do."""

    exit_code = NO_GUARANTEE
