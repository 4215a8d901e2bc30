"""Times as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.errors import ConfigurationError

_AGO: Final = re.compile(r"(\d{1,6})\s*([smhdw])", re.IGNORECASE)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def moment(text: str, option: str, now: datetime) -> int:
    """Return a time in ms since 1970: ISO 8601, where no zone means UTC, or how long ago: 90s, 30m, 2h, 1d, 1w.

    Args:
        text: as it was written.
        option: for the message.
        now: what is counted back from.

    Raises:
        ConfigurationError: it is neither.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago is not None:
        return _ms(now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2].lower()]))
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigurationError(
            f"{option} {text!r} is no time: write 2026-05-31, 2026-05-31T08:30 or 2026-05-31T08:30+02:00 (without a"
            " zone it is UTC), or how long ago: 90s, 30m, 2h, 1d, 1w"
        ) from None
    return _ms(found if found.tzinfo is not None else found.replace(tzinfo=UTC))


def is_ago(text: str) -> bool:
    """Return whether a time is told as how long ago, so that it is another one a minute later."""
    return _AGO.fullmatch(text.strip()) is not None


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
