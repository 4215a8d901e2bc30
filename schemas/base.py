"""What all records and documents share."""

from __future__ import annotations

import hashlib
import json

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A record on a topic: immutable, JSON without NaN or infinity.

    Unknown fields are ignored, so that a reader of this version can follow a writer of the next one
    while a fleet is being replaced.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    def to_json(self) -> bytes:
        """Return the record as UTF-8 JSON, without fields that are None."""
        return self.model_dump_json(exclude_none=True).encode()


class Document(BaseModel):
    """A document that people write: an unknown field is an error, since it is a misspelt one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON (sorted keys, no white space), as 64 hexadecimal digits."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
