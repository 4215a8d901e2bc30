"""Clean texts that are hard to call clean, from the articles of the Wikipedia extract: nothing in them is made up."""

from __future__ import annotations

import bz2
import html
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import MappingProxyType

from workers.media import Chunk
from workers.training.parts import sample_file
from workers.training.texts import articles

_FILE = ("gensim", "test", "test_data", "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2")
_PAGE = re.compile(r"<page>.*?<title>(.*?)</title>.*?<text[^>]*>(.*?)</text>.*?</page>", re.DOTALL)
_TABLE = re.compile(r"^\{\|.*?^\|\}", re.DOTALL | re.MULTILINE)
_LIST = re.compile(r"(?:^\*+[^\n]{20,200}\n){6,}", re.MULTILINE)
_CITATION = re.compile(r"\{\{\s*cite[^{}|]*\|([^{}]*)\}\}", re.IGNORECASE)
_FIELD = re.compile(r"^\s*([\w-]+)\s*=\s*(.+?)\s*$", re.DOTALL)
_LEFT_OVER = re.compile(r"\{\{|\}\}|\[\[|https?:|style=|span=")
_ROWS = (4, 25)  # a table of fewer is none, and of more is cut
_LONGEST = 1200
_SHORT = (40, 110)  # characters of the piece of a sentence or two that is left at an article's end


def tables(markup: str) -> Iterator[str]:
    """Yield the tables of an article as text, cells between bars."""
    for table in _TABLE.findall(markup):
        rows = [[_plain(cell) for cell in _cells(row)] for row in re.split(r"^\|-.*$", table, flags=re.MULTILINE)]
        lines = [" | ".join(cell for cell in row if cell) for row in rows if sum(map(bool, row)) > 1]
        lines = [line for line in lines if not _LEFT_OVER.search(line)]
        if len(lines) >= _ROWS[0]:
            yield "\n".join(lines[: _ROWS[1]])


def _cells(row: str) -> list[str]:
    lines = [line[1:] for line in row.splitlines() if line[:1] in {"|", "!"} and line[:2] not in {"|}", "|+"}]
    cells = [cell for line in lines for cell in re.split(r"\|\||!!", line)]
    return [cell.split("|", 1)[-1] if re.match(r"^[^|\[]*=[^|\[]*\|", cell) else cell for cell in cells]


def lists(markup: str) -> Iterator[str]:
    """Yield the long lists of an article, a line an entry."""
    for found in _LIST.findall(markup):
        lines = [f"- {_plain(line.lstrip('*'))}" for line in found.splitlines() if not _LEFT_OVER.search(_plain(line))]
        if len(lines) >= _ROWS[0]:
            yield "\n".join(lines[: _ROWS[1]])


def references(markup: str) -> Iterator[str]:
    """Yield an article's references, ten at a time, as a list of literature prints them."""
    found = [text for text in map(_reference, _CITATION.findall(markup)) if text]
    for start in range(0, len(found) - 9, 10):
        yield "\n".join(f"{place + 1}. {text}" for place, text in enumerate(found[start : start + 10], start))


def _reference(fields: str) -> str:
    known = {match[1].lower(): _plain(match[2]) for part in fields.split("|") if (match := _FIELD.match(part))}
    author = known.get("author") or ", ".join(filter(None, (known.get("last"), known.get("first"))))
    year = known.get("year") or known.get("date", "")
    where = [known.get(name, "") for name in ("journal", "work", "publisher", "volume", "pages", "isbn")]
    ends = [author, f"({year})" if year else "", known.get("title", ""), ", ".join(filter(None, where))]
    return ". ".join(filter(None, ends)) + "." if known.get("title") else ""


def _plain(markup: str) -> str:
    text = re.sub(r"<ref[^>/]*/>|<ref.*?</ref>|<[^>]+>|\{\{[^{}]*\}\}", "", html.unescape(markup), flags=re.DOTALL)
    text = re.sub(r"\[\[(?:[^|\]]*\|)?([^\]]*)\]\]", r"\1", text)
    text = re.sub(r"\[https?://\S+\s*([^\]]*)\]", r"\1", text)
    return re.sub(r"\s+", " ", text.replace("'''", "").replace("''", "")).strip()


_MAKERS: Mapping[str, Callable[[str], Iterator[str]]] = MappingProxyType(
    {"table": tables, "list": lists, "references": references}
)


@cache
def hard_texts(most: int = 20) -> dict[str, dict[str, tuple[Chunk, ...]]]:
    """Return, per category and title, at most two chunks of each of `most` articles.

    Raises:
        SampleError: the extract is not installed.
    """
    xml = bz2.decompress(sample_file(*_FILE).read_bytes()).decode()
    pages = [(html.unescape(title), html.unescape(markup)) for title, markup in _PAGE.findall(xml)]
    found: dict[str, dict[str, tuple[Chunk, ...]]] = {}
    for category, maker in _MAKERS.items():
        made = ((title, list(maker(markup))[:2]) for title, markup in pages)
        found[category] = dict([(title, _chunks(texts)) for title, texts in made if texts][:most])
    ends = ((article.title, tails(article.text)) for role in ("train", "held-out") for article in articles(role))
    found["short tail"] = dict([(title, chunks) for title, chunks in ends if chunks][:most])
    return found


def _chunks(texts: list[str]) -> tuple[Chunk, ...]:
    return tuple(Chunk(text[:_LONGEST].rsplit("\n", 1)[0] if len(text) > _LONGEST else text) for text in texts)


def tails(text: str) -> tuple[Chunk, ...]:
    """Return the sentence or two that an article ends with, as its last chunk, or nothing where they are not short."""
    tail = ""
    for sentence in reversed(re.split(r"(?<=[.!?])\s+", text)):
        tail = f"{sentence} {tail}".strip()
        if len(tail) >= _SHORT[0]:
            break
    return (Chunk(tail, tail=True),) if _SHORT[0] <= len(tail) <= _SHORT[1] else ()
