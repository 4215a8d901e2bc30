"""From a row of a file to a label."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from schemas.labels import LabelGiven

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://sluice.org/label/v1")
_CANNOT: Final = "cannot_judge"
_FUTURE_MS: Final = 300_000  # by which somebody's clock may be ahead
_DIGITS: Final = re.compile(r"\d{1,15}")
_WINDOW: Final = re.compile(r"(whole|(index|time)/-?\d{1,15}-\d{1,15})(@\d{1,19})?")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for rows that do not say it themselves. `now` is in ms since 1970."""

    now: int
    who: str | None = None
    guideline: str | None = None
    probability: float | None = None


def label_of(values: Mapping[str, Any], defaults: Defaults, sha256: str) -> LabelGiven:
    """Return the label that a row gives.

    Its id follows from what the row says, with its time where it gives one, and with the SHA-256 of its file where it
    does not: so a file that is read twice says everything once.

    Raises:
        ValueError: the row is wrong; the text says how.
    """
    at = _time(values.get("at"), defaults.now)
    value = _value(values.get("label"), _text(values.get("verdict")))
    index = _whole(values.get("index"))
    fields: dict[str, Any] = {
        "parent_id": _needed(values.get("parent"), "parent"),
        "window": _window(values.get("window")),
        "item_id": _text(values.get("item")),
        "index": index,
        "verdict": _CANNOT if value is None else "judged",
        "value": value,
        "defects": _defects(values.get("defects")),
        "who": _text(values.get("who")) or defaults.who,
        "guideline": _text(values.get("guideline")) or defaults.guideline,
        "probability": _probability(values.get("probability"), defaults.probability),
        "decision_id": _text(values.get("decision")),
        "group": _text(values.get("group")),
    }
    if fields["who"] is None:
        raise ValueError("who judged is missing: a column `who`, or --who NAME for all rows")
    when = at if at is not None else sha256
    own = str(uuid.uuid5(NAMESPACE, json.dumps([when, fields], sort_keys=True)))
    fields |= {"kind": _text(values.get("kind")), "source": _text(values.get("source"))}
    try:
        return LabelGiven(id=own, at=defaults.now if at is None else at, **fields)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None


def _text(value: object) -> str | None:
    text = "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value).strip()
    return text or None


def _window(value: object) -> str | None:
    text = _text(value)
    if text is not None and not _WINDOW.fullmatch(text):
        raise ValueError(f"the window {text[:40]!r} is none: whole, index/0-11 or time/0-60000, as decisions name them")
    return text


def _needed(value: object, name: str) -> str:
    text = _text(value)
    if text is None:
        raise ValueError(f"the {name} is missing")
    return text


def _value(label: object, verdict: str | None) -> float | None:
    """Return the label in [0,1]; None where it could not be judged."""
    text = _text(label)
    if _CANNOT in {text, verdict}:
        if text not in {None, _CANNOT}:
            raise ValueError(f"the verdict is {_CANNOT}, and the label {text[:40]!r}: one of them is wrong")
        return None
    if verdict not in {None, "judged"}:
        raise ValueError(f"the verdict {verdict[:40]!r} is neither judged nor {_CANNOT}")
    if text is None:
        raise ValueError(f"the label is missing: a number in [0,1], or {_CANNOT}")
    return _share(text, "label")


def _share(text: str, name: str) -> float:
    try:
        found = float(text)
    except ValueError:
        raise ValueError(f"the {name} {text[:40]!r} is no number") from None
    if not 0.0 <= found <= 1.0:  # true of NaN as well
        raise ValueError(f"the {name} {found:g} is not in [0,1]")
    return found


def _probability(value: object, default: float | None) -> float | None:
    text = _text(value)
    if text is None:
        return default
    found = _share(text, "probability")
    if not found:
        raise ValueError("the probability is 0: what is never drawn cannot have been; leave it empty if it is unknown")
    return found


def _whole(value: object) -> int | None:
    text = _text(value)
    if text is None:
        return None
    text = text.removesuffix(".0")  # a column with gaps comes out of Parquet as floats
    if not _DIGITS.fullmatch(text):
        raise ValueError(f"the index {text[:40]!r} is no whole number from 0 on")
    return int(text)


def _defects(value: object) -> tuple[str, ...]:
    named = value if isinstance(value, list | tuple) else (_text(value) or "").split(";")
    codes = [re.sub(r"[\s-]+", "_", str(name).strip().lower()) for name in named if str(name).strip()]
    return tuple(dict.fromkeys(codes))


def _time(value: object, now: int) -> int | None:
    """Return a time in ms since 1970: a number of them, or ISO 8601, where no zone means UTC."""
    if isinstance(value, datetime):
        found = _ms(value)
    else:
        text = _text(value)
        if text is None:
            return None
        text = text.removesuffix(".0")
        try:
            found = int(text) if _DIGITS.fullmatch(text) else _ms(datetime.fromisoformat(text))
        except ValueError:
            raise ValueError(f"the time {text[:40]!r} is no time: write 2026-05-31T08:30, or ms since 1970") from None
    if not 0 <= found <= now + _FUTURE_MS:
        raise ValueError("the time `at` is in the future, and would count as the last for as long")
    return found


def _ms(time: datetime) -> int:
    return round((time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp() * 1000)
