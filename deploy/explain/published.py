"""The policy versions that were published, as a reader finds them on their topic."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic import ValidationError

from schemas.policy import Policy


@dataclass(frozen=True, slots=True)
class Published:
    """Documents by name@version, each with the SHA-256 of its canonical JSON as it was published."""

    versions: dict[str, tuple[str, Policy]] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[tuple[bytes | None, bytes | None]]) -> Published:
        """Read keys and values of the topic. What is no policy that this Sluice can read is passed over."""
        found = {}
        for key, value in documents:
            try:
                policy = Policy.model_validate_json(value or b"")
            except ValidationError:
                continue
            canonical = json.dumps(json.loads(value or b""), sort_keys=True, separators=(",", ":"))
            found[(key or b"").decode(errors="replace")] = hashlib.sha256(canonical.encode()).hexdigest(), policy
        return cls(found)

    def find(self, name: str, version: int, digest: str) -> Policy | None:
        """Return a policy by name, version and digest (empty: whichever), or None where there is none."""
        known, policy = self.versions.get(f"{name}@{version}", ("", None))
        return policy if digest in {"", known} else None
