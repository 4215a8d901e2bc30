"""A broker that stops answering in the middle of a transaction, for longer than every time-out, and comes back."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Producer

from deploy.brokers.kafka import local_kafka
from streams import clients, transaction
from tests.integration.streams.deciders import Bench, Running, opened, wait
from tests.unit.aggregation.records import scored

CALL_S = 3.0  # how long a call waits; it has to outlast the transaction's time-out, and that of a request
QUICK: clients.Properties = {
    "transaction.timeout.ms": 2_000,
    "socket.timeout.ms": 1_500,
    "session.timeout.ms": 3_000,
    "heartbeat.interval.ms": 500,
}
pytestmark = pytest.mark.kafka


@dataclass
class Ice:
    """Stops a broker when a producer makes the call that it waits for."""

    pid: int
    call: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)

    def touch(self, call: str) -> None:
        if call == self.call and not self.stopped.is_set():
            os.kill(self.pid, signal.SIGSTOP)
            self.stopped.set()

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


def _producers(ice: Ice) -> type[Producer]:
    class Touching(Producer):
        def send_offsets_to_transaction(self, *arguments: Any) -> None:
            ice.touch("offsets")
            super().send_offsets_to_transaction(*arguments)

        def commit_transaction(self, *arguments: Any) -> None:
            self.flush()  # so that nothing but the commit itself is left without an answer
            ice.touch("commit")
            super().commit_transaction(*arguments)

    return Touching


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A broker of this module's own, by process id and address: nobody else may notice."""
    with local_kafka(tmp_path_factory.mktemp("frozen")) as node:
        yield node.pid, node.bootstrap


@pytest.fixture
def ice(broker: tuple[int, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Ice]:
    ice = Ice(broker[0])
    monkeypatch.setattr(transaction, "_CALL_TIMEOUT", CALL_S)
    monkeypatch.setattr(clients, "Producer", _producers(ice))
    yield ice
    ice.thaw()  # whatever happened: a stopped broker cannot be ended in peace


@contextlib.contextmanager
def _deciding(bench: Bench) -> Iterator[Running]:
    with bench.running(properties=QUICK) as decider:
        assert wait(lambda: decider.owns() == {0, 1})
        yield decider


@pytest.mark.parametrize(("call", "end"), [("offsets", "aborted"), ("commit", "unknown")])
def test_a_decider_outlasts_a_broker_that_freezes_in_a_transaction(
    broker: tuple[int, str], ice: Ice, call: str, end: str
) -> None:
    with opened({"bootstrap.servers": broker[1]}) as bench, _deciding(bench) as decider:
        bench.send(scored("before", 0, 0.9, 1), scored("open", 0, 0.9, 2))
        assert wait(lambda: any(fields["decisions"] for fields in decider.told("committed")))
        ice.call = call
        bench.send(scored("in it", 0, 0.9, 1))
        assert ice.stopped.wait(30)
        assert wait(lambda: bool(decider.told(end)))  # the transaction has timed out by then
        ice.thaw()
        bench.send(scored("open", 1, 0.9, 2), scored("after", 0, 0.9, 1))
        assert bench.decided("before", "in it", "open", "after")  # each exactly once
        assert decider.told("recovering")
        assert not decider.problem
