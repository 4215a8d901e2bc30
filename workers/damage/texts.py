"""Damage to chunks of text."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from workers.damage.registry import ChunkDamage, at
from workers.media import Chunk

# What optical character recognition takes for what (Kukich 1992; the usual suspects).
_CONFUSED: Final[dict[str, tuple[str, ...]]] = {
    "a": ("o", "@"),
    "b": ("6", "h"),
    "c": ("e", "("),
    "d": ("cl", "ol"),
    "e": ("c", "o"),
    "f": ("t", "r"),
    "g": ("9", "q"),
    "h": ("b", "li"),
    "i": ("1", "l", "!"),
    "l": ("1", "|", "I"),
    "m": ("rn", "nn"),
    "n": ("ri", "u"),
    "o": ("0", "c"),
    "q": ("9", "g"),
    "r": ("t", "i'"),
    "s": ("5", "$"),
    "t": ("f", "+", "7"),
    "u": ("ii", "v"),
    "w": ("vv", "iv"),
    "z": ("2",),
    "B": ("8",),
    "G": ("6",),
    "I": ("l", "1"),
    "O": ("0",),
    "S": ("5",),
    ".": (",", "·"),
    " ": ("", "  "),
}
_SYMBOLS = "|~^*#_=+<>{}[]\\/%&$@"
_BOILERPLATE = (
    "Home | About | Contact | Login",
    "Accept all cookies >> Settings",
    "© All rights reserved.",
    "Share: [f] [t] [in] *****",
    "Page 1 of 12 << < 1 2 3 4 5 > >>",
    "Click here to subscribe!!!",
    "==========",
    "Menu - Search - Cart (0)",
)


def ocr_noise(chunk: Chunk, severity: int, rng: np.random.Generator) -> Chunk:
    """Confuse characters as recognition of a bad scan does."""
    rate = at(severity, (0.03, 0.06, 0.1, 0.17, 0.28))
    hit = rng.random(len(chunk.text)) < rate
    return Chunk(
        "".join(_confuse(character, rng) if h else character for character, h in zip(chunk.text, hit, strict=True))
    )


def _confuse(character: str, rng: np.random.Generator) -> str:
    if options := _CONFUSED.get(character):
        return options[rng.integers(len(options))]
    return _SYMBOLS[rng.integers(len(_SYMBOLS))] if character.isalpha() else character


def shuffled_words(chunk: Chunk, severity: int, rng: np.random.Generator) -> Chunk:
    """Put a share of the words into random places: each is fine, the sentences are not."""
    share = at(severity, (0.2, 0.35, 0.55, 0.8, 1.0))
    words = chunk.text.split()
    moved = np.flatnonzero(rng.random(len(words)) < share)
    mixed = list(words)
    for place, origin in zip(moved, rng.permutation(moved), strict=True):
        mixed[place] = words[origin]
    return Chunk(" ".join(mixed))


def repetition(chunk: Chunk, severity: int, rng: np.random.Generator) -> Chunk:
    """Replace a share of the text by one sentence-long run of words, again and again, as a stuck generator does."""
    share = at(severity, (0.2, 0.35, 0.5, 0.7, 0.9))
    words = chunk.text.split()
    if not words:
        return Chunk(chunk.text)
    start = int(rng.integers(0, max(1, len(words) - 8)))
    run = words[start : start + 8]
    stuck = max(len(run), round(len(words) * share))
    again = (run * (stuck // len(run) + 1))[:stuck]
    return Chunk(" ".join([*words[: len(words) - stuck], *again]))


def boilerplate(chunk: Chunk, severity: int, rng: np.random.Generator) -> Chunk:
    """Replace a share of the sentences by lines of menus, footers and signs."""
    share = at(severity, (0.2, 0.35, 0.5, 0.7, 0.95))
    sentences = re.split(r"(?<=[.!?])\s+", chunk.text)
    lines = [_BOILERPLATE[rng.integers(len(_BOILERPLATE))] if rng.random() < share else line for line in sentences]
    lines.append(_BOILERPLATE[rng.integers(len(_BOILERPLATE))])  # at least one, however short the text
    return Chunk("\n".join(lines))


def truncated(chunk: Chunk, severity: int, rng: np.random.Generator) -> Chunk:
    """Keep a short piece that begins and ends in mid-word."""
    kept = max(1, round(len(chunk.text) * at(severity, (0.4, 0.25, 0.15, 0.08, 0.03))))
    start = int(rng.integers(0, max(1, len(chunk.text) - kept)))
    return Chunk(chunk.text[start : start + kept])


CHUNK_DAMAGES: Final[dict[str, ChunkDamage]] = {
    "ocr_noise": ocr_noise,
    "shuffled_words": shuffled_words,
    "repetition": repetition,
    "boilerplate": boilerplate,
    "truncated": truncated,
}
