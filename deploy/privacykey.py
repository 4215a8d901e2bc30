"""The key of medical parent ids: given, or made once and kept."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from deploy.errors import ConfigurationError
from deploy.settings import Settings

NAME: Final = "privacy.key"
_BYTES: Final = 32


def load(settings: Settings) -> bytes:
    """Return the key: SLUICE_PRIVACY_KEY, or that of the data folder, which is made where there is none.

    With another key, the same series gets another parent id. So the file is worth a backup, and worth hiding.

    Raises:
        ConfigurationError: the file cannot be read or written, holds no key, or others may read it.
    """
    if settings.privacy_key is not None:
        return settings.privacy_key.get_secret_value().encode()
    path = settings.data_dir / NAME
    try:
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise ConfigurationError(
            f"The key of medical parent ids cannot be kept in {path}: {error.strerror}. "
            "Name another folder (SLUICE_DATA_DIR), or give a key (SLUICE_PRIVACY_KEY)."
        ) from error


def _make(path: Path) -> None:
    """Write a new key. Of two processes that do so at once, the first one's stays, and is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_BYTES) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _read(path: Path) -> bytes:
    with path.open(encoding="ascii", errors="replace") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise ConfigurationError(f"Others may read the key of medical parent ids. Run: chmod 600 {path}")
        text = file.read().strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise ConfigurationError(
            f"{path} holds no key. Restore it from a backup; or delete it, and the same series gets a new parent id."
        )
    return key
