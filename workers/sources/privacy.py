"""Patients stay private: what a medical reader lets out of a file.

Of a volume or a series, the pixels travel, the scale and percentiles that make them comparable, and their order. No tag
of a header does: the envelope has no place for one, and none is made. The parent id is a keyed hash, so that it is the
same for the same series, and tells nobody without the key which series that is. File names stay here too: they appear
in an error, which names the file to the person who published it.

The libraries that read headers quote them in warnings, log lines and exceptions. So none of those leaves a reader.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from workers.sources.parent import SourceOptions

_DIGITS = 24  # hexadecimal: 96 bits, so that two series of a billion do not meet
_LOGGERS = ("pydicom", "nibabel.global")
_PROCESS_KEY: Final = secrets.token_bytes(32)  # where nobody gave one: a hash without a key could be guessed


def medical_id(options: SourceOptions, *identity: str | bytes) -> str:
    """Return the parent id of a medical source: the caller's own, or `mri-` and a keyed hash of its identity.

    Args:
        options: Its `parent_id` wins. Without `secret`, the key is this process's: the ids differ in the next one.
        identity: What makes it that series and no other. HMAC-SHA256 over the parts, each with its length before it.
    """
    if options.parent_id:
        return options.parent_id
    keyed = hmac.new(options.secret or _PROCESS_KEY, digestmod=hashlib.sha256)
    for part in identity:
        data = part.encode() if isinstance(part, str) else part
        keyed.update(len(data).to_bytes(8, "big") + data)
    return f"mri-{keyed.hexdigest()[:_DIGITS]}"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings and log lines of the libraries to themselves while headers are read, in this process."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            stack.enter_context(_muted(logging.getLogger(name)))
        yield


@contextmanager
def _muted(logger: logging.Logger) -> Iterator[None]:
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def reworded(error: BaseException) -> str:
    """Return what an exception of a library says about a file, without a word of the file's own."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, EOFError | zlib.error):
        return "truncated or damaged"
    return f"truncated, damaged or of another kind ({type(error).__name__})"
