"""Articles to train on: an extract of the English Wikipedia and news texts, as plain paragraphs."""

from __future__ import annotations

import bz2
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from workers.media import Chunk, Medium
from workers.training.parts import Part, Role, hashed, sample_file

_WIKIPEDIA = (
    "gensim",
    "test",
    "test_data",
    "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
)
_WIKIPEDIA_LICENCE = "CC BY-SA 3.0 (Wikipedia's authors)"
_NEWS = ("gensim", "test", "test_data", "lee_background.cor")
_NEWS_LICENCE = "Lee, Pincombe, Welsh 2005; as distributed by gensim"
_SHORTEST_ARTICLE = 3000  # characters of prose: less are redirects and stubs
_SHORTEST_PARAGRAPH = 120
_CHUNK = 1200
_NEWS_PARTS, _NEWS_TEXTS = 6, 20
_PER_ARTICLE = 8

_PAGE = re.compile(r"<page>.*?<title>(.*?)</title>.*?<text[^>]*>(.*?)</text>.*?</page>", re.DOTALL)
_NESTED = (re.compile(r"\{\{[^{}]*\}\}"), re.compile(r"\{\|[^{}]*?\|\}", re.DOTALL))
_MARKUP = (
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
    (re.compile(r"<ref[^>/]*/>|<ref.*?</ref>", re.DOTALL), ""),
    (re.compile(r"<(math|gallery|timeline|table)\b.*?</\1>", re.DOTALL), ""),
    (re.compile(r"<[^>]+>"), ""),
)
_LINKS = (
    (re.compile(r"\[\[(?:File|Image|Category|[a-z-]{2,12}):[^\[\]]*(?:\[\[[^\]]*\]\][^\[\]]*)*\]\]"), ""),
    (re.compile(r"\[\[(?:[^|\]]*\|)?([^\]]*)\]\]"), r"\1"),
    (re.compile(r"\[https?://\S+\s*([^\]]*)\]"), r"\1"),
    (re.compile(r"'{2,}"), ""),
    (re.compile(r" +([,.;:)])"), r"\1"),
    (re.compile(r"\(\s*[,;]?\s*\)"), ""),
    (re.compile(r"[ \t\u00a0]+"), " "),
)


@dataclass(frozen=True, slots=True)
class Article:
    """An encyclopedia's article as paragraphs of prose, with a blank line between them."""

    title: str
    text: str
    role: Role


def articles(role: Role) -> list[Article]:
    """Return the articles of one role. Their titles' hashes decide: two of three are trained on."""
    return [article for article in _all_articles() if article.role == role]


@cache
def _all_articles() -> tuple[Article, ...]:
    xml = bz2.decompress(sample_file(*_WIKIPEDIA).read_bytes()).decode()
    found = []
    for title, markup in _PAGE.findall(xml):
        text = "\n\n".join(_paragraphs(html.unescape(markup)))
        if len(text) >= _SHORTEST_ARTICLE:
            role: Role = "held-out" if int(hashed(title.encode()), 16) % 3 == 0 else "train"
            found.append(Article(html.unescape(title), text, role))
    return tuple(found)


def _paragraphs(markup: str) -> Iterator[str]:
    """Yield an article's paragraphs of prose: no templates, tables, lists, headings, notes or captions."""
    for pattern, replacement in _MARKUP:
        markup = pattern.sub(replacement, markup)
    for pattern in _NESTED:
        while (shorter := pattern.sub("", markup)) != markup:  # innermost first
            markup = shorter
    for pattern, replacement in _LINKS:
        markup = pattern.sub(replacement, markup)
    for line in markup.splitlines():
        prose = html.unescape(line).strip()
        if len(prose) >= _SHORTEST_PARAGRAPH and prose[0] not in "=*#:;|!{}<" and not set("{}[]|") & set(prose):
            yield prose


def chunk_parts(role: Role = "train") -> list[Part]:
    """Return the articles of a role as parts, in chunks; to train on, news texts as well."""
    parts = [
        Part(f"Wikipedia: {article.title}", _WIKIPEDIA_LICENCE, role, hashed(article.text.encode()), _chunks(article))
        for article in articles(role)
    ]
    return [*parts, *_news()] if role == "train" else parts


def _chunks(article: Article) -> tuple[Medium, ...]:
    """Return paragraphs joined until they have about 1200 characters, at most eight chunks, evenly spread."""
    chunks, current = [], ""
    for paragraph in article.text.split("\n\n"):
        current = f"{current}\n\n{paragraph}".strip()
        if len(current) >= _CHUNK:
            chunks.append(current)
            current = ""
    chunks = chunks or [article.text]
    step = max(1, len(chunks) // _PER_ARTICLE)
    return tuple(Chunk(text) for text in chunks[::step][:_PER_ARTICLE])


def _news() -> Iterator[Part]:
    """Yield six parts of 20 texts each, far enough apart in the file that no story is in two of them."""
    value = sample_file(*_NEWS).read_bytes()
    lines = [line.strip() for line in value.splitlines() if line.strip()]
    span = len(lines) // _NEWS_PARTS
    for start in range(0, span * _NEWS_PARTS, span):
        texts = lines[start : start + _NEWS_TEXTS]
        name = f"gensim/lee_background.cor, texts {start} to {start + len(texts) - 1}"
        media = tuple(Chunk(text.decode()) for text in texts)
        yield Part(name, _NEWS_LICENCE, "train", hashed(b"\n".join(texts)), media)


def chunk_variant(medium: Medium, rng: np.random.Generator) -> Medium:
    """Return a clean chunk of another length: whole sentences of it, at least about 150 characters."""
    if not isinstance(medium, Chunk):
        raise TypeError(f"a chunk is needed, not a {type(medium).__name__}")
    if rng.random() < 0.4:  # noqa: PLR2004 (the others stay whole)
        return medium
    sentences = re.split(r"(?<=[.!?])\s+", medium.text)
    wanted = rng.uniform(150, max(151, len(medium.text)))
    start = int(rng.integers(0, max(1, len(sentences) // 2)))
    text = ""
    for sentence in sentences[start:]:
        text = f"{text} {sentence}".strip()
        if len(text) >= wanted:
            break
    return Chunk(text if len(text) >= _SHORTEST_PARAGRAPH else medium.text)
