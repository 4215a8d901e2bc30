"""Whether an encoder is as its manifest says: its files' hashes, and what it returns for a sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import ConfigurationError
from workers.embedding import probe
from workers.encoders import EncoderError, EncoderRegistry
from workers.encoders.description import describe, names


@dataclass(frozen=True, slots=True)
class Verified:
    """An encoder, and what is wrong with it; None where nothing is."""

    name: str
    problem: str | None


def verify(wanted: Iterable[str], root: Path) -> Iterator[Verified]:
    """Load encoders, or all of them, one after the other, and embed a sample with each.

    Raises:
        ConfigurationError: there is none of a name.
    """
    known, asked = names(root), list(wanted)
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise ConfigurationError(f"no encoder is called {unknown[0]!r}; there are {', '.join(known)}")
    for name in asked or known:
        yield Verified(name, _problem(name, root))


def _problem(name: str, root: Path) -> str | None:
    try:
        told = describe(name, root)
        encoder = EncoderRegistry.of(root).get(name)
        probe(encoder)
    except EncoderError as error:
        return str(error)
    if (told.dimension, told.digest) != (encoder.dimension, encoder.digest):
        return f"it is described as {told.digest} of {told.dimension} numbers, and is {encoder.digest}"
    return None
