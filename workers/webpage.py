"""The text of a web page that a reader sees, in paragraphs. Nothing is fetched, and no script is run.

Left out is what is never shown (the head, scripts, templates, what is hidden by an attribute or by its own style; style
sheets are not looked at), what is no text (frames, pictures, forms' controls), and what a site puts around each of its
pages: navigation, and the header and footer of the page itself. Those of an article or a section stay: they hold its
title and its author (after HTML Accessibility API Mappings, "banner" and "contentinfo").

A page of n bytes can be made to take n squared of time and memory: for many a tag, HTML's rules walk up all open
elements, and open again in every block those for bold, italics and the like that were never closed. So a child process
with limits imports this (isolation/).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError


def _names(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NEVER = _names(
    "audio button canvas datalist embed head iframe map meter nav noembed noframes noscript object progress script"
    " select style svg template textarea title video"
)
_SECTIONS = frozenset(("article", "aside", "main", "section"))
_AROUND_PAGES = frozenset(("banner", "contentinfo", "navigation", "search"))
_BLOCKS = _names(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption figure"
    " footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu ol optgroup option p pre search section"
    " summary table tbody tfoot thead tr ul"
)
_CELLS = frozenset(("td", "th"))
_HIDING_STYLE = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")

_PRESCAN_BYTES = 1024  # where browsers look for the charset (HTML standard, "prescan a byte stream")
_DECLARED = re.compile(rb"<meta[^>]+?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_KNOWN = re.compile(
    r"utf-?8|iso-?8859-\d{1,2}|latin-?1|(?:us-)?ascii|windows-\d{3,4}|cp125\d|koi8-[ru]|gb2312|gbk|gb18030|big5"
    r"|shift[_-]jis|sjis|euc-(?:jp|kr)|iso-2022-jp|macintosh|ibm866"
)
# What browsers read under these names (WHATWG Encoding, "names and labels").
_READ_AS = {
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "latin-1", "ascii", "us-ascii"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "windows-31j"), "cp932"),
    "iso-8859-9": "cp1254",
    "euc-kr": "cp949",
    "macintosh": "mac_roman",
}


class _Node(NamedTuple):
    node: LexborNode
    leaving: bool = False
    in_section: bool = False
    preformatted: bool = False


@dataclass(slots=True)
class _Gathered:
    """The paragraph that is being put together."""

    parts: list[str] = field(default_factory=list)

    def add(self, text: str, *, preformatted: bool) -> None:
        self.parts.append(text if preformatted else _SPACE.sub(" ", text))

    def taken(self) -> str:
        text = "".join(self.parts)
        self.parts.clear()
        lines = (re.sub(" {2,}", " ", line).strip(" ") for line in text.split("\n"))
        return "\n".join(lines).strip()


def decoded(value: bytes, declared: str = "") -> tuple[str, int]:
    """Return a page's text, and how many U+FFFD stand in it for bytes that are not in its charset.

    Args:
        value: The page.
        declared: The charset that its sender declares. The order is: byte order mark, this, the page's own, UTF-8.
    """
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16")):
        if value.startswith(mark):
            return _read(value, encoding)
    if value.startswith(codecs.BOM_UTF16_BE):
        return _read(value, "utf-16")
    found = _DECLARED.search(value[:_PRESCAN_BYTES])
    return _read(value, _codec(declared) or _codec(found[1].decode("ascii", "replace") if found else "") or "utf-8")


def _codec(label: str) -> str | None:
    """Return Python's codec for a label that pages have. Python knows more than text encodings, so not all pass."""
    name = label.strip(" \"'").lower()
    if not _KNOWN.fullmatch(name):
        return None
    try:
        return codecs.lookup(_READ_AS.get(name, name)).name
    except LookupError:
        return None


def _read(value: bytes, encoding: str) -> tuple[str, int]:
    try:
        return value.decode(encoding), 0
    except UnicodeDecodeError:
        text = value.decode(encoding, errors="replace")
        honest = value.decode(encoding, errors="ignore").count("\ufffd")  # those that were there before
        return text, text.count("\ufffd") - honest


def paragraphs(html: str) -> Iterator[str]:
    """Yield a page's title, then its visible text: what stands in one block is one paragraph.

    Raises:
        MemoryError: There is not enough for it.
    """
    tree = _parsed(html)
    title = _title(tree)
    for number, paragraph in enumerate(_body(tree)):
        if not number and title and title != paragraph:
            yield title
        title = "" if not number else title
        yield paragraph
    if title:
        yield title


def _parsed(html: str) -> LexborHTMLParser:
    try:
        return LexborHTMLParser(html)
    except SelectolaxError as error:  # any text is a page, so that Lexbor fails where it gets no memory, and only there
        raise MemoryError from error


def _title(tree: LexborHTMLParser) -> str:
    found = tree.head.css_first("title") if tree.head is not None else None
    return _SPACE.sub(" ", found.text()).strip() if found is not None else ""


def _body(tree: LexborHTMLParser) -> Iterator[str]:
    gathered = _Gathered()
    waiting = [_Node(tree.root)] if tree.root is not None else []  # not recursive: pages nest as deep as they like
    while waiting:
        at = waiting.pop()
        tag = at.node.tag or ""
        if tag == "-text":
            gathered.add(at.node.text_content or "", preformatted=at.preformatted)
            continue
        if tag.startswith(("-", "!", "_")) or (not at.leaving and not _is_shown(at)):
            continue
        if tag in _BLOCKS:
            if text := gathered.taken():
                yield text
        elif tag == "br" and not at.leaving:
            gathered.add("\n", preformatted=True)
        elif tag in _CELLS:
            gathered.add(" ", preformatted=False)
        if not at.leaving:
            waiting.append(at._replace(leaving=True))
            waiting.extend(reversed(list(_children(at, tag))))
    if text := gathered.taken():
        yield text


def _children(at: _Node, tag: str) -> Iterator[_Node]:
    in_section = at.in_section or tag in _SECTIONS
    preformatted = at.preformatted or tag == "pre"
    for child in at.node.iter(include_text=True):
        yield _Node(child, in_section=in_section, preformatted=preformatted)


def _is_shown(at: _Node) -> bool:
    tag, attributes = at.node.tag or "", at.node.attributes
    if tag in _NEVER or "hidden" in attributes or (tag == "dialog" and "open" not in attributes):
        return False
    if (attributes.get("role") or "").strip().lower() in _AROUND_PAGES:
        return False
    if tag in {"header", "footer"} and not at.in_section:
        return False
    return not _HIDING_STYLE.search(attributes.get("style") or "")
