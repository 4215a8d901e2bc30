"""Claim checks: items whose bytes are elsewhere, named by a URI and a SHA-256 (CloudEvents extension `dataref`).

What a message names is read only where the one who runs the worker allowed it, and counts only if it is what the
message says. Each scheme has a reader; `file` is the one there is (workers/claimfiles.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from schemas.items import RawItem, content_hash
from workers.claimfiles import ClaimError, FileClaims

MAX_CLAIM_BYTES: Final = 64 * 1024 * 1024

ClaimReader = Callable[[SplitResult, int], bytes]
"""Returns the bytes that a URI names, at most so many, or raises ClaimError."""


class ClaimStore:
    """Fetches what claim checks stand for. It holds no state that changes, so threads may share it."""

    def __init__(
        self,
        roots: Sequence[Path] = (),
        max_bytes: int = MAX_CLAIM_BYTES,
        readers: Mapping[str, ClaimReader] | None = None,
    ) -> None:
        """Name what may be read.

        Args:
            roots: folders that `file:` URIs may point into; none refuses them all.
            max_bytes: of one item.
            readers: of further schemes, by their names in lower case.

        Raises:
            ValueError: a root is no folder, or is not given as an absolute path.
        """
        self._max_bytes = max_bytes
        self._readers: dict[str, ClaimReader] = {"file": FileClaims(roots).read, **(readers or {})}

    def fetched(self, item: RawItem) -> RawItem:
        """Return the item with its bytes. An item that is no claim check is returned as it is.

        Raises:
            ClaimError: "claim_without_hash", "claim_refused", "claim_missing", "claim_too_large", or "claim_hash" where
                the bytes are others than those that were claimed.
        """
        if not item.is_claim:
            return item
        wanted, reference = item.envelope.content_hash, item.envelope.data_ref or ""
        if wanted is None:
            raise ClaimError("claim_without_hash", "a claim check needs ce_contenthash, the SHA-256 of what it names")
        value = self._read(reference)
        found = content_hash(value)
        if found != wanted:
            raise ClaimError("claim_hash", f"{reference} has the SHA-256 {found}, not {wanted}")
        return RawItem(item.envelope, value)

    def _read(self, reference: str) -> bytes:
        try:
            uri = urlsplit(reference)
        except ValueError as error:
            raise ClaimError("claim_refused", f"{reference!r} is no URI: {error}") from error
        reader = self._readers.get(uri.scheme)
        if reader is None:
            schemes = ", ".join(sorted(self._readers))
            raise ClaimError("claim_refused", f"the scheme of {reference!r} is none of those that are read: {schemes}")
        return reader(uri, self._max_bytes)
