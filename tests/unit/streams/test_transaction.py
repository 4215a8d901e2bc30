"""How a transaction ended, by what is known of it, and which errors no waiting mends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams import clients, transaction
from streams.outgoing import Outgoing
from streams.transaction import TransactionFailedError, Transactor

TIMED_OUT = KafkaError(KafkaError._TIMED_OUT, "no answer", retriable=True)
ABORTABLE = KafkaError(KafkaError._INCONSISTENT, "a record was refused", txn_requires_abort=True)
FENCED = KafkaError(KafkaError._FENCED, "another is there", fatal=True)


@dataclass
class _Producer:
    """Fails in the calls that are named."""

    fails: dict[str, KafkaError]
    called: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return 0  # nothing is queued; so an idle producer is false

    def __getattr__(self, name: str) -> Any:
        def call(*_: object) -> int:
            self.called.append(name)
            if name in self.fails:
                raise KafkaException(self.fails[name])
            return 0

        return call


def _ended(monkeypatch: pytest.MonkeyPatch, **fails: KafkaError) -> tuple[str, list[str]]:
    """Return how a transaction ended, and what was asked of its producer."""
    producer = _Producer(fails)
    monkeypatch.setattr(clients, "producer", lambda *_, **__: producer)
    transactor = Transactor({}, "id")
    transactor.begin(Outgoing())
    with pytest.raises(TransactionFailedError) as caught:
        transactor.commit(Outgoing(), None)
    return caught.value.end, producer.called


@pytest.mark.parametrize(
    ("fails", "end"),
    [
        ({"send_offsets_to_transaction": TIMED_OUT}, "aborted"),
        ({"send_offsets_to_transaction": ABORTABLE}, "aborted"),
        ({"send_offsets_to_transaction": FENCED}, "fenced"),
        ({"commit_transaction": ABORTABLE}, "aborted"),
        ({"commit_transaction": TIMED_OUT}, "unknown"),
        ({"commit_transaction": ABORTABLE, "abort_transaction": TIMED_OUT}, "unknown"),
        ({"commit_transaction": FENCED}, "fenced"),
    ],
)
def test_a_transaction_is_named_by_what_is_known_of_its_end(
    monkeypatch: pytest.MonkeyPatch, fails: dict[str, KafkaError], end: str
) -> None:
    assert _ended(monkeypatch, **fails)[0] == end


def test_a_producer_goes_on_only_where_the_abort_was_confirmed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "close" in _ended(monkeypatch, commit_transaction=TIMED_OUT)[1]
    assert "close" not in _ended(monkeypatch, commit_transaction=ABORTABLE)[1]


@pytest.mark.parametrize(
    "properties",
    [{"no.such.property": "1"}, {"max.in.flight": "10"}, {"message.timeout.ms": "300000"}],
)
def test_properties_that_a_transactional_producer_refuses_are_named_at_once(properties: dict[str, str]) -> None:
    with pytest.raises(clients.PropertiesError, match=r"property|must be set"):
        Transactor({"bootstrap.servers": "127.0.0.1:1", **properties}, "id")


def test_what_the_brokers_refuse_for_good_is_a_matter_of_properties(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = KafkaError(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "may not", fatal=True)
    monkeypatch.setattr(clients, "producer", lambda *_, **__: _Producer({"init_transactions": refused}))
    with pytest.raises(clients.PropertiesError, match="may not"):
        Transactor({}, "id").open()


def test_brokers_that_are_away_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "_CALL_TIMEOUT", 0.1)
    transactor = Transactor({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "id")
    for _ in range(2):
        with pytest.raises(KafkaException) as caught:
            transactor.open()
        assert not isinstance(caught.value, clients.PropertiesError)
    transactor.close()


def test_no_producer_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[_Producer] = []

    def producer(*_: object, **__: object) -> _Producer:
        made.append(_Producer({}))
        return made[-1]

    monkeypatch.setattr(clients, "producer", producer)
    transactor = Transactor({}, "id")
    transactor.open()
    transactor.close()
    transactor.open()
    transactor.close()
    assert [one.called for one in made] == [["init_transactions", "purge", "close"]] * 2


def test_a_transactor_that_was_never_opened_closes() -> None:
    Transactor({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "id").close()
