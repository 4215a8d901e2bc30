"""Going over to released heads: nothing is lost or answered twice, and a head that is refused changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from deploy.metrics.releases import ReleaseMetrics
from deploy.promotion.following import Loaded, Offer, ReleaseFollower
from deploy.promotion.links import HeadLinks
from deploy.promotion.store import HeadStore
from deploy.promotion.takeover import ReplacingWorker
from schemas.items import ItemEnvelope, RawItem
from schemas.releases import HeadReleased
from streams.policies import Document, DocumentReader
from streams.work import Answer, Ticket
from tests.unit.deploy.promoted import BUNDLED, KIND

ITEM = RawItem(ItemEnvelope(id="i", source="s", kind=KIND, parent_id="p", index=0), b"")


class Slow:
    """A worker that answers when it is told to, by the head that it has then."""

    def __init__(self) -> None:
        self.head = 0
        self.waiting: list[Ticket] = []
        self.done: list[tuple[Ticket, Any]] = []
        self.begun_by: dict[int, int] = {}

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        del item
        self.begun_by[ticket.offset] = self.head
        self.waiting.append(ticket)

    def answer(self) -> None:
        if self.waiting:
            self.done.append((self.waiting.pop(0), self.head))

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        done, self.done = self.done, []
        return done

    def withdraw(self, wanted: Callable[[Ticket], bool]) -> Sequence[Ticket]:
        back = [one for one in self.waiting[1:] if wanted(one)]  # the first is begun
        self.waiting = [one for one in self.waiting if one not in back]
        return back


class Run:
    """A worker that is driven step by step."""

    def __init__(self) -> None:
        self.inner, self.offer, self.halted = Slow(), list[Offer](), ""
        self.sent, self.taken, self.back = 0, dict[int, int](), list[int]()
        self.worker = ReplacingWorker(
            self.inner,
            lambda: self.offer[0] if self.offer else None,
            lambda: not (self.inner.waiting or self.inner.done or self.halted),
            lambda: self.halted,
        )
        self.worker.go_over = self._go_over

    def _go_over(self, offer: Offer) -> None:
        assert self.offer.pop() is offer
        self.inner.head += 1

    def submits(self) -> None:
        self.worker.submit(Ticket(0, 0, self.sent, 0), ITEM)
        self.sent += 1

    def answers(self) -> None:
        self.inner.answer()

    def offers(self) -> None:
        self.offer = [Offer(Loaded(Path(), {}, {}), {})]

    def halts(self) -> None:
        self.halted = "" if self.halted else "wrong"

    def withdraws(self) -> None:
        self.back += [ticket.offset for ticket in self.worker.withdraw(lambda _: True)]

    def take(self) -> None:
        for ticket, head in self.worker.finished():
            assert ticket.offset not in self.taken
            self.taken[ticket.offset] = int(str(head))


@given(
    st.lists(st.sampled_from(["submits", "submits", "answers", "take", "offers", "halts", "withdraws"]), max_size=60)
)
def test_each_item_is_answered_once_by_the_head_that_began_it(steps: list[str]) -> None:
    run = Run()
    for step in steps:
        getattr(run, step)()
        run.take()
    run.halted = ""
    for _ in range(2 * run.sent + 2):
        run.answers()
        run.take()
    assert sorted([*run.taken, *run.back]) == list(range(run.sent))
    assert all(run.taken[one] == run.inner.begun_by[one] for one in run.taken)
    assert not run.offer


class Topic(DocumentReader):
    """The topic `releases`, in memory."""

    def __init__(self) -> None:
        self.documents = {}

    def refresh(self, seconds: float) -> None:
        assert seconds > 0

    def release(self, kind: str, head: str | None) -> None:
        record = HeadReleased(kind=kind, head=head, scorer=head, name="h", who="x", why="y", at=0)
        self.documents[kind] = Document(kind, record.to_json(), 0)


class Worker:
    """A follower with a store, which takes each offer at once."""

    def __init__(self, folder: Path) -> None:
        self.topic, self.store = Topic(), HeadStore(folder / "store")
        self.wrong, self.told, self.now = "", list[tuple[str, Any]](), 0.0
        self.loads = 0
        self.follower = ReleaseFollower(self.topic, self.store, self._load, self._tell, clock=lambda: self.now)

    def _load(self, folders: Mapping[str, Path]) -> Loaded:
        self.loads += 1
        if self.wrong in folders:
            raise ValueError(f"the canaries of {self.wrong} are not as recorded")
        return Loaded(Path(), {}, {})

    def _tell(self, event: str, **fields: Any) -> None:
        self.told.append((event, fields.get("kind")))

    def look(self) -> Mapping[str, str | None]:
        for _ in range(3):
            self.follower.look()
            offer = self.follower.offer()
            if offer is not None:
                self.follower.take(offer)
        return self.follower.status.heads


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(tmp_path)


def test_a_head_that_is_released_is_taken_and_given_back(worker: Worker) -> None:
    assert worker.look() == {}
    digest = worker.store.put(BUNDLED / KIND)
    worker.topic.release(KIND, digest)
    assert worker.look() == {KIND: digest}
    worker.topic.release(KIND, None)
    assert worker.look() == {KIND: None}
    assert (worker.loads, worker.told) == (2, [])


def test_a_head_that_is_refused_changes_nothing_and_keeps_back_no_other(worker: Worker) -> None:
    digest = worker.store.put(BUNDLED / KIND)
    registry = CollectorRegistry()
    ReleaseMetrics(registry, worker.follower.status)
    worker.topic.release("mri-slice", "0" * 64)  # nobody has put it into the store
    worker.topic.release(KIND, digest)
    worker.wrong = KIND
    assert worker.look() == {}
    assert worker.told == [("release_refused", "mri-slice"), ("release_refused", KIND)]
    text = generate_latest(registry).decode()
    assert f'sluice_head_release_refused{{kind="{KIND}"}} 1.0' in text
    worker.wrong = ""
    assert worker.look() == {}  # it is not tried again at once
    worker.now = 60.0
    assert worker.look() == {KIND: digest}
    text = generate_latest(registry).decode()
    assert f'sluice_head_release_refused{{kind="{KIND}"}} 0.0' in text
    assert f'sluice_head_released{{head="{digest[:12]}",kind="{KIND}"}} 1.0' in text
    assert 'sluice_head_release_refused{kind="mri-slice"} 1.0' in text
    worker.topic.release("mri-slice", None)
    worker.look()
    assert dict(worker.follower.status.refused) == {}


def test_links_change_in_one_step_and_a_head_of_the_same_kind_gives_way(tmp_path: Path) -> None:
    other = HeadStore(tmp_path / "store")
    digest = other.put(BUNDLED / KIND)
    links = HeadLinks(BUNDLED)
    own = sorted(path.resolve() for path in links.current.iterdir())
    links.use(links.lay({KIND: other.get(digest)}))
    now = sorted(path.resolve() for path in links.current.iterdir())
    assert set(own) - set(now) == {(BUNDLED / KIND).resolve()}
    assert set(now) - set(own) == {other.get(digest).resolve()}
    alone = HeadLinks(BUNDLED / KIND)
    assert [path.resolve() for path in alone.current.iterdir()] == [(BUNDLED / KIND).resolve()]
    for one in (links, alone):
        one.close()
        assert not one.current.exists()
