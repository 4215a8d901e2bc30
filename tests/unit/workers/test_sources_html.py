from __future__ import annotations

import html as stdlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workers.samples import item, opened
from workers.decode import InlineDecoder
from workers.media import UndecodableError
from workers.sources import SourceError
from workers.webpage import paragraphs

PAGE = """<!DOCTYPE html><html><head><title>Tides &amp; boats</title><style>p {color: red}</style></head>
<body><header><a>Home</a></header><nav><ul><li>Menu</ul></nav>
<article><header><h1>On tides</h1><p>By <b>A.</b> Sailor</header>
<p>The tide   comes in,<br>and goes.</p><script>var hidden = 1;</script><!-- a comment -->
<table><tr><td>high<td>low<tr><td>3&nbsp;m<td>1 m</table>
<p hidden>secret</p><div style="color: red; Display: none">gone</div><template>never</template>
<pre>line one
line two</pre><footer>Written in May.</footer></article>
<div role="contentinfo">Imprint</div><footer>(c) everybody</footer></body></html>"""


def shown(html: str) -> list[str]:
    return list(paragraphs(html))


def test_what_a_reader_sees_is_kept_and_the_rest_is_not() -> None:
    assert shown(PAGE) == [
        "Tides & boats",
        "On tides",
        "By A. Sailor",
        "The tide comes in,\nand goes.",
        "high low",
        "3\u00a0m 1 m",
        "line one\nline two",
        "Written in May.",
    ]


def test_a_title_that_opens_the_text_is_said_once() -> None:
    assert shown("<title>Tides</title><h1>Tides</h1><p>come") == ["Tides", "come"]
    assert shown("<title>Tides</title>") == ["Tides"]
    assert shown("<p>&nbsp;<p>x<svg><title>no title</title></svg>") == ["x"]


words = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=8)
tree = st.recursive(
    words,
    lambda inner: st.tuples(
        st.sampled_from(
            ["p", "div", "b", "span", "li", "section", "h2", "td", "blockquote", "em", "main", "unknown-tag"]
        ),
        st.lists(inner, max_size=4),
    ),
    max_leaves=15,
)


def marked_up(node: object) -> str:
    if isinstance(node, str):
        return f" {stdlib.escape(node)} "
    assert isinstance(node, tuple)
    return f"<{node[0]}>{''.join(map(marked_up, node[1]))}</{node[0]}>"


def words_of(node: object) -> list[str]:
    if isinstance(node, str):
        return [node]
    assert isinstance(node, tuple)
    return [word for child in node[1] for word in words_of(child)]


@settings(deadline=None, max_examples=150)
@given(st.lists(tree, max_size=5))
def test_every_visible_word_survives_in_order(nodes: list[object]) -> None:
    html = "<!DOCTYPE html><body>" + "<script>no</script><nav>no</nav>".join(map(marked_up, nodes))
    assert " ".join(shown(html)).split() == [word for node in nodes for word in " ".join(words_of(node)).split()]


@settings(deadline=None, max_examples=100)
@given(st.text(st.sampled_from('<>/!-="abpdivscript &#;\n\0é'), max_size=200))
def test_any_text_is_a_page(text: str) -> None:
    assert all(paragraph.strip() for paragraph in shown(text))


@pytest.mark.parametrize(
    ("value", "declared"),
    [
        ('<meta charset="windows-1252"><p>café — naïve'.encode("cp1252"), ""),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><p>café — naïve'.encode("cp1252"),
            "",
        ),
        ("<p>café — naïve".encode("utf-16"), ""),
        ('<meta charset="latin1"><p>café — naïve'.encode("utf-8-sig"), ""),
        ('<meta charset="koi8-r"><p>café — naïve'.encode(), "; charset=UTF-8"),
        ('<meta charset="no-such"><p>café — naïve'.encode(), ""),
        ('<meta charset="unicode_escape"><p>café — naïve'.encode(), ""),
    ],
)
def test_the_charset_is_that_of_the_mark_the_sender_or_the_page(value: bytes, declared: str, tmp_path: Path) -> None:
    medium = InlineDecoder().decode(item(value, "document-chunk", "text/html" + declared))
    assert getattr(medium, "text", "") == "café — naïve"
    assert medium.reasons == ("read_from_html",)
    if not declared:
        (tmp_path / "page.html").write_bytes(value)
        [only] = opened(tmp_path / "page.html").items
        assert only.value.decode() == "café — naïve"


def test_bytes_outside_of_the_charset_are_replaced_and_told_of(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(b"<p>caf\xe9 noir")
    parent = opened(tmp_path / "page.html")
    [only] = parent.items
    assert only.value.decode() == "caf\ufffd noir"
    assert only.envelope.read_as == ("invalid_utf8",)
    assert parent.notes
    medium = InlineDecoder().decode(item(b"<p>caf\xe9 noir", "document-chunk", "text/html"))
    assert medium.reasons == ("read_from_html", "invalid_utf8")


def test_a_page_is_a_parent_of_plain_text_chunks(tmp_path: Path) -> None:
    (tmp_path / "upload").write_text(PAGE)
    parent = opened(tmp_path / "upload", words_per_chunk=6)
    items = list(parent.items)
    assert parent.count == len(items) > 2
    assert {raw.envelope.content_type for raw in items} == {"text/plain"}
    assert items[0].value.startswith(b"Tides & boats\n\nOn tides")


def test_a_page_that_shows_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "app.html").write_text("<script>render()</script><nav>menu</nav>")
    with pytest.raises(SourceError, match=r"app\.html: shows no text"):
        opened(tmp_path / "app.html")
    with pytest.raises(UndecodableError, match="empty"):
        InlineDecoder().decode(item(b"<script>render()</script>", "document-chunk", "text/html"))


def test_deep_pages_are_read() -> None:
    assert shown("<div>" * 5000 + "deep") == ["deep"]
