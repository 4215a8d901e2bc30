"""Which policy version was activated, on the topic `policies` (key: `activation/` and its number)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Record
from schemas.items import Identifier, Sha256


class PolicyActivation(Record):
    """One activation of a policy version, written when its markers are on every partition of `scores`.

    When it was is the record's own time, which is the broker's.
    """

    type: Literal["PolicyActivation"] = "PolicyActivation"
    sequence: Annotated[int, Field(ge=1)] = Field(description="1, 2, 3 and so on; the highest one is in force.")
    name: Identifier
    version: Annotated[int, Field(ge=1)]
    digest: Sha256
    note: Annotated[str, Field(max_length=1000)] | None = Field(default=None, description="Why, in a person's words.")
    markers: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(),
        description="Offset of its marker in each partition of `scores`, by the partition's number: windows with a"
        " first offset above it are decided under this version.",
    )

    @property
    def reference(self) -> str:
        """Name and version, as in `night@3`."""
        return f"{self.name}@{self.version}"

    @property
    def key(self) -> str:
        """Key of the record; keys of documents have an @, this one has none."""
        return f"activation/{self.sequence:08}"
