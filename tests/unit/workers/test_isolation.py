"""Documents that are made to hold their reader up, and readers that end: the next document is read in any case."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.workers import hostile
from tests.unit.workers.pdfs import Page, pdf
from tests.unit.workers.samples import item, opened
from workers.decode import InlineDecoder, Limits
from workers.isolation import process, wire
from workers.isolation.bounds import Bounds, ReadingError
from workers.isolation.pool import Pool
from workers.isolation.process import Child
from workers.isolation.session import Session
from workers.media import Chunk, UndecodableError
from workers.pdftext import PDF, PdfError
from workers.sources import SourceError, html
from workers.sources import pdf as pdf_source

SMALL = Limits(document_seconds=1.0, document_memory=100 << 20)
AMPLE = Bounds(seconds=60.0, memory=1 << 30)
PAPER = pdf(Page(["The tide comes in."]), Page(["The tide goes out."]))
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

TOO_MUCH = "reading it took more than 100 MiB of memory"
TOO_LONG = "reading it took more than 1 s"
BOMBS = {
    "content that unpacks": (hostile.flate_pdf(100), TOO_MUCH),
    "nothing that unpacks": (hostile.blank_pdf(700), TOO_MUCH),
    "forms in forms": (hostile.nested_pdf(8, 10), TOO_MUCH),
    "attributes": (hostile.attributes_html(60_000), TOO_LONG),
    "end tags in comments": (hostile.comments_html(5000), TOO_MUCH),
    "bold without end": ("".join(f"<p><b id={number}>" for number in range(20_000)).encode(), TOO_MUCH),
    "blocks in blocks": (hostile.deep_html(100_000), TOO_LONG),
}


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.end()


def decoded(value: bytes, limits: Limits = SMALL) -> str:
    kind = PDF if value.startswith(b"%PDF") else "text/html"
    medium = InlineDecoder(limits).decode(item(value, "document-chunk", kind))
    assert isinstance(medium, Chunk)
    return medium.text


@pytest.mark.parametrize("name", BOMBS)
def test_an_item_that_is_made_to_hold_a_worker_up_is_too_large_and_the_next_one_is_read(name: str) -> None:
    value, detail = BOMBS[name]
    with pytest.raises(UndecodableError) as refused:
        decoded(value)
    assert (refused.value.cause, refused.value.detail) == ("too_large", detail)
    assert decoded(PAPER, Limits()) == "The tide comes in.\n\nThe tide goes out."
    assert decoded(b"<p>tide", Limits()) == "tide"


@pytest.mark.parametrize("name", ["content that unpacks", "blocks in blocks"])
def test_a_file_that_is_made_so_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pdf_source, html):
        monkeypatch.setattr(module, "DOCUMENT_BOUNDS", SMALL.bounds)
    value, detail = BOMBS[name]
    path = tmp_path / ("bomb.pdf" if value.startswith(b"%PDF") else "bomb.html")
    path.write_bytes(value)
    with pytest.raises(SourceError) as refused:
        opened(path)
    assert str(refused.value) == f"{path}: {detail}"


def test_what_a_script_says_of_tags_is_not_taken_for_tags() -> None:
    assert decoded(b"<script>x = '" + b"<div>" * 30_000 + b"'</script>shown", Limits()) == "shown"


def test_two_documents_are_read_in_turns(tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(PAPER)
    first, second = (opened(tmp_path / "paper.pdf", words_per_chunk=2) for _ in range(2))
    assert [(one.value, other.value) for one, other in zip(first.items, second.items, strict=True)] == [
        (one.value, one.value) for one in opened(tmp_path / "paper.pdf", words_per_chunk=2).items
    ]


def test_a_child_reads_many_documents_and_is_replaced_when_it_has_read_enough(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_MOST_DOCUMENTS", 3)
    pids = []
    for _ in range(5):
        with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
            pids.append(_child_of(session).pid)
    assert pids[0] == pids[1] == pids[2] != pids[3] == pids[4]


def test_a_child_that_was_killed_while_it_waited_is_replaced(pool: Pool) -> None:
    Session(AMPLE, "pdf", PAPER, pool=pool).close()
    waiting = pool.take()
    pool.give_back(waiting)
    os.kill(waiting.pid, signal.SIGKILL)
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        assert session.answer == 2
        assert _child_of(session).pid != waiting.pid


def test_a_document_whose_child_is_killed_is_read_on_by_another_one(pool: Pool) -> None:
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        first = _child_of(session).pid
        os.kill(first, signal.SIGKILL)
        assert session.ask("text", 1) == b"The tide goes out."
        assert _child_of(session).pid != first


def test_a_fork_shares_no_child_with_the_process_that_it_came_from(pool: Pool) -> None:
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        first = _child_of(session).pid
    pool.forget()
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        assert _child_of(session).pid != first


class _Doomed(Pool):
    def take(self) -> Child:
        child = super().take()
        os.kill(child.pid, signal.SIGKILL)
        return child


def test_a_document_whose_child_is_killed_again_is_refused() -> None:
    with pytest.raises(ReadingError, match="killed 2 times") as refused:
        Session(AMPLE, "page", b"<p>tide", "", pool=_Doomed())
    assert refused.value.cause == "too_large"


@pytest.mark.parametrize(
    ("number", "cause", "detail"),
    [
        (signal.SIGSEGV, "corrupt", r"crashes what reads it \(SIGSEGV\)"),
        (signal.SIGABRT, "too_large", "more than 1 GiB of memory"),
        (signal.SIGXCPU, "too_large", "more than 60 s"),
    ],
)
def test_a_document_that_ends_its_child_is_to_blame(
    number: signal.Signals, cause: str, detail: str, pool: Pool
) -> None:
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        os.kill(_child_of(session).pid, number)
        with pytest.raises(ReadingError, match=detail) as refused:
            session.ask("text", 0)
    assert refused.value.cause == cause


def test_an_answer_that_nobody_awaited_is_not_taken_for_the_next_one(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        monkeypatch.setattr(wire, "receive", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.ask("text", 0)
    monkeypatch.undo()
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        assert session.ask("text", 1) == b"The tide goes out."


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_error_of_a_document_leaves_its_child_as_it_was(pool: Pool) -> None:
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        pid = _child_of(session).pid
    with pytest.raises(PdfError, match="no end mark"):
        Session(AMPLE, "pdf", b"%PDF-1.7", pool=pool)
    with pytest.raises(FileNotFoundError):
        Session(AMPLE, "pdf_file", b"/no/such/file", pool=pool)
    with Session(AMPLE, "pdf", PAPER, pool=pool) as session:
        assert _child_of(session).pid == pid


def test_signals_for_its_parent_do_not_end_it(child: Child) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(child.pid, number)
    assert child.finish()
    assert os.getsid(child.pid) == child.pid


@LINUX
def test_it_holds_no_secret_and_no_library_that_it_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_KAFKA_PASSWORD", "hunter2")
    child = Child()
    inside = Path(f"/proc/{child.pid}")
    environment, mapped = (inside / "environ").read_bytes(), (inside / "maps").read_text()
    child.end()
    assert b"SLUICE" not in environment
    assert "pdfium" in mapped
    assert "torch" not in mapped
    assert "numpy" not in mapped


_PARENT = """
import sys
from tests.unit.workers.hostile import deep_html
from workers.isolation import wire
from workers.isolation.process import Child

child = Child()
if sys.argv[1] == "busy":
    request = wire.Request("page", (deep_html(200_000), ""), 600.0, 1 << 30)
    wire.send(child._socket, wire.frame(request))
print(child.pid, flush=True)
sys.stdin.read()
"""


@LINUX
@pytest.mark.parametrize("doing", ["idle", "busy"])
def test_it_dies_with_its_parent_whatever_it_does(doing: str) -> None:
    command = [sys.executable, "-c", _PARENT, doing]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
    assert select.select([child], [], [], 30)[0], "it outlived its parent"
    os.close(child)


def _child_of(session: Session) -> Child:
    assert session._child is not None
    return session._child
