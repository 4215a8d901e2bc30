"""The contact sheet: one HTML file of a selection, with a card an item, which asks nothing of the net."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from deploy.items.fields import field
from deploy.items.record import Decided, Item
from deploy.items.selection import Selection
from deploy.report import page as pages
from deploy.report.choice import MEDICAL
from deploy.report.previews import Preview
from streams.replaying import Place

MOST_CARDS: Final = 1_000
ENDINGS: Final = (".html", ".htm")
_FOLDER: Final = Path(__file__).parent / "page"
_REPORT: Final = Path(__file__).parent.parent / "report" / "page"

Row = tuple[Item, Decided | None]


@dataclass(frozen=True, slots=True)
class Card:
    """What a card shows."""

    item: Item
    decided: Decided | None
    preview: Preview | None
    withheld: bool  # of a medical kind, and nobody asked for pictures
    values: Sequence[tuple[str, str]]


def wanted(rows: Sequence[Row], *, medical: bool) -> list[Place]:
    """Return where the items lie that are shown; slices of patients only where they were asked for."""
    return [item.at for item, _ in rows if item.at is not None and (medical or item.kind not in MEDICAL)]


def render(
    selection: Selection,
    rows: Sequence[Row],
    previews: Mapping[Place, Preview],
    told: Sequence[str],
    *,
    topic_prefix: str = "",
    medical: bool = False,
) -> str:
    """Return the page.

    Args:
        selection: whose figures stand on top.
        rows: those that get a card, in order.
        previews: of their items, as far as there are any.
        told: what was asked for, and what was read, in sentences.
        topic_prefix: of the topics that it was read from.
        medical: pictures of medical kinds were asked for.
    """
    style = (_REPORT / "style.css").read_text(encoding="utf-8") + (_FOLDER / "sheet.css").read_text(encoding="utf-8")
    cards = [_card(selection, row, previews, medical=medical) for row in rows]
    reasons = Counter(reason for card in cards for reason in card.item.reasons)
    context: dict[str, Any] = {
        "policy": pages.content_policy(style),
        "style": style,
        "selection": selection,
        "cards": cards,
        "left_out": len(selection) - len(cards),
        "unseen": sum(card.preview is None and not card.withheld for card in cards),
        "actions": Counter(card.decided.action for card in cards if card.decided is not None),
        "reasons": reasons.most_common(12),
        "told": told,
        "topic_prefix": topic_prefix,
        "made": datetime.now(UTC),
    }
    environment = pages.environment(_FOLDER)
    environment.filters["number"] = number
    return environment.get_template("sheet.html").render(context)


def number(value: Any) -> str:
    """Return a value as it stands in a table: four significant digits, whole numbers whole, nothing for missing."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _card(selection: Selection, row: Row, previews: Mapping[Place, Preview], *, medical: bool) -> Card:
    item, decided = row
    values = [(name, number(field(name).get(item, decided)) or "missing") for name in selection.query.asked]
    withheld = item.kind in MEDICAL and not medical
    return Card(item, decided, None if withheld or item.at is None else previews.get(item.at), withheld, values)
