"""How documents are cut: into chunks of whole paragraphs and sentences, of about as many words each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[.!?][\"')\]])\s+")
_LARGEST = 1.5  # times the wished size: a sentence that exceeds this is cut between words

# Scripts that put no space between words: Thai to Khmer, Chinese, Japanese. Two characters count as a word there.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"(?:[{_UNSPACED}]{{1,2}}|[^\s{_UNSPACED}]+)\s*")
_UNSPACED_SENTENCE_END = re.compile("(?<=[\u3002\uff01\uff1f])(?=\\S)")


def chunks(paragraphs: Iterable[str], size: int) -> Iterator[str]:
    """Yield texts of about `size` words: paragraphs as long as they fit, and a last one that may be short."""
    gathered: list[str] = []
    words = 0
    for piece in _pieces(paragraphs, size):
        length = count_words(piece)
        if gathered and words + length > size * _LARGEST:
            yield "".join(gathered).strip()
            gathered, words = [], 0
        gathered.append(piece)
        words += length
        if words >= size:
            yield "".join(gathered).strip()
            gathered, words = [], 0
    if words:
        yield "".join(gathered).strip()


def count_words(text: str) -> int:
    """Return how many words a text has: what white space separates, or two characters where a script has no spaces."""
    return len(text.split()) if text.isascii() else len(_WORD.findall(text))


def _pieces(paragraphs: Iterable[str], size: int) -> Iterator[str]:
    """Yield what chunks are made of: paragraphs, or the sentences of one that is too long, with what separates them."""
    for paragraph in paragraphs:
        if count_words(paragraph) <= size:
            yield paragraph + "\n\n"
            continue
        for sentence in _SENTENCE_END.split(paragraph):
            *begun, last = _UNSPACED_SENTENCE_END.split(sentence)
            for part in begun:
                yield from _cut(part, size)
            yield from _cut(last + " ", size)
        yield "\n\n"


def _cut(sentence: str, size: int) -> Iterator[str]:
    if count_words(sentence) <= size * _LARGEST:
        yield sentence
        return
    words = _WORD.findall(sentence)
    for start in range(0, len(words), size):
        yield "".join(words[start : start + size])
