"""The page: one HTML file that asks for nothing but its own JSON."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "page"


def page() -> tuple[HTTPStatus, str, bytes]:
    """Return the page."""
    return HTTPStatus.OK, "text/html; charset=utf-8", _page()


@cache
def _page() -> bytes:
    style, script = _part("monitor.css"), _part("monitor.js")
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    policy = (
        f"default-src 'none'; connect-src 'self'; style-src 'sha256-{hashes[0]}'; script-src 'sha256-{hashes[1]}';"
        " base-uri 'none'; form-action 'none'"
    )
    text = _part("monitor.html").replace("POLICY", policy).replace("STYLE", style).replace("SCRIPT", script)
    return text.encode()


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
