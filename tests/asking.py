"""Asking a process of ours over HTTP."""

from __future__ import annotations

import urllib.request
from urllib.error import HTTPError


def ask(port: int, page: str) -> tuple[int, str]:
    """Return status and text of a page on the loopback interface, whatever the status."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}") as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
