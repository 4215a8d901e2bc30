"""Following topics with faust-streaming, for views: they may be late or rebuilt, and no decision depends on them.

faust reads READ_UNCOMMITTED unless it runs transactions of its own, so its consumer is made read_committed here. It
begins where it is told, commits nothing and declares nothing: all that it leaves on the brokers is a group without
offsets, which they forget. Its web server, which would listen on all interfaces, stays off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

import faust
from aiokafka import AIOKafkaConsumer
from faust.app.base import BootStrategy
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from faust.types.transports import TransportT
from yarl import URL

from streams import clients
from streams.faustsecurity import credentials
from streams.standing import Standing

Place = tuple[str, int]
"""Topic and partition."""

Take = Callable[[Place, bytes | None, int], None]
"""Told of a record: where it was, its value, and its time stamp (ms since 1970 UTC)."""

_TICK: Final = 0.2  # s
_LEAVE: Final = 15.0  # s; one request that is not answered, and a little
_STUCK_AFTER: Final = 30.0  # s in which records wait and none is read


class ViewError(Exception):
    """The topics can no longer be followed; a new process could."""


class _Thread(AIOKafkaConsumerThread):
    """The thread of faust's consumer."""

    def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
        made = super()._create_worker_consumer(transport)
        made._isolation_level = "read_committed"  # noqa: SLF001  the client takes it from here when it starts
        return made

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Go to where the view stands: nothing is committed."""
        found: Mapping[TP, int] = await self.call_thread(self._seek_to_next)
        return found

    async def _seek_to_next(self) -> Mapping[TP, int]:
        consumer, app = self._ensure_consumer(), self.app
        assert isinstance(app, _App)  # noqa: S101  made by it
        found = {place: app.positions[place.topic, place.partition] for place in consumer.assignment()}
        for place, offset in found.items():
            consumer.seek(place, offset)
        return {TP(place.topic, place.partition): offset for place, offset in found.items()}


class _Consumer(Consumer):
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class _Transport(Transport):
    Consumer = _Consumer


class _Boot(BootStrategy):
    enable_kafka_producer = False
    enable_web = False


class _App(faust.App):
    BootStrategy = _Boot

    positions: dict[Place, int]

    def _new_transport(self) -> TransportT:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Make none: nothing is kept on disk."""


class Following:
    """Follows topics until it is told to stop."""

    def __init__(self, properties: clients.Properties, positions: Mapping[Place, int], take: Take) -> None:
        """Name what is followed.

        Args:
            properties: librdkafka properties of the user: servers and security.
            positions: the first offset to be read, for every partition of every topic.
            take: called for each record, on the thread of `run`.

        Raises:
            UnsupportedSecurityError: this client cannot do what a property asks for.
        """
        self._servers = [URL(f"kafka://{one.strip()}") for one in str(properties["bootstrap.servers"]).split(",")]
        self._credentials = credentials(properties)
        self.positions = dict(positions)
        self._take = take
        self._app: _App | None = None
        self._problem: Exception | None = None
        self._turned_at = self._progressed_at = 0.0
        self._taken = self._taken_before = 0
        self._draining = False
        self.lag: dict[Place, int] = {}

    @property
    def standing(self) -> Standing:
        """Where it stands. It does not turn while records wait and none of them is read."""
        by_partition: dict[int, int] = {}
        for (_, number), records in self.lag.items():
            by_partition[number] = by_partition.get(number, 0) + records
        return Standing(self._turned_at, bool(self.lag), len(self.lag), 0, self._draining, by_partition)

    def run(self, tick: Callable[[], None], stopped: Callable[[], bool]) -> None:
        """Follow until told to stop, and call `tick` a few times a second.

        Raises:
            ViewError: the client gave up.
        """
        asyncio.run(self._run(tick, stopped))

    async def _run(self, tick: Callable[[], None], stopped: Callable[[], bool]) -> None:
        self._app = app = self._made()
        starting = asyncio.ensure_future(app.start())
        try:
            while not stopped():
                self._check(app, starting)
                self._look(app)
                tick()
                await asyncio.sleep(_TICK)
        finally:
            self._draining = True
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            # without brokers the client would try to leave its group for longer than a process may take to end
            await asyncio.wait([asyncio.ensure_future(app.stop())], timeout=_LEAVE)

    def _made(self) -> _App:
        app = _App(
            f"sluice-view-{uuid4().hex}",  # a group of its own: each view reads everything
            broker=self._servers,
            broker_credentials=self._credentials,
            broker_session_timeout=10.0,
            broker_request_timeout=10.5,
            broker_commit_interval=3600.0,  # there is nothing to commit
            broker_max_poll_interval=300.0,
            consumer_auto_offset_reset="earliest",
            autodiscover=False,
            store="memory://",
            stream_wait_empty=False,
            stream_publish_on_commit=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
        )
        app.positions = self.positions
        topics = sorted({topic for topic, _ in self.positions})
        topic = app.topic(*topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
        app.agent(topic, name="view")(self._read)
        return app

    async def _read(self, stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            place = (message.topic, message.partition)
            if message.offset < self.positions[place]:
                continue  # read again after a rebalance
            try:
                self._take(place, message.value, int((message.timestamp or 0.0) * 1000))
            except Exception as error:  # noqa: BLE001  faust would start the agent again and pass over the record
                self._problem = error
                return
            self.positions[place] = message.offset + 1
            self._taken += 1

    def _check(self, app: _App, starting: asyncio.Future[Any]) -> None:
        if self._problem is not None:
            raise self._problem
        failed = starting.exception() if starting.done() and not starting.cancelled() else None
        reason = failed or (app.crash_reason if app.crashed else None)
        if reason is not None:
            raise ViewError(f"the topics cannot be followed any more: {reason!r}") from reason

    def _look(self, app: _App) -> None:
        """See how many records wait, as the client knows it: this asks no broker."""
        now = time.monotonic()
        lag = _lag(app)
        if not any(lag.values()) or self._taken != self._taken_before:
            self._progressed_at, self._taken_before = now, self._taken
        self.lag = lag
        if now - self._progressed_at < _STUCK_AFTER:
            self._turned_at = now


def _lag(app: _App) -> dict[Place, int]:
    """Return the records that wait, by place; not those of open transactions. Empty before there is an assignment."""
    thread = getattr(app.consumer, "_thread", None)
    consumer: AIOKafkaConsumer | None = getattr(thread, "_consumer", None)
    subscription = consumer._subscription.subscription if consumer is not None else None  # noqa: SLF001
    assignment: Any = subscription.assignment if subscription is not None else None
    if assignment is None:
        return {}
    states = {(place.topic, place.partition): assignment.state_value(place) for place in assignment.tps}
    return {
        place: max(0, state.lso - state.position)
        for place, state in states.items()
        if state is not None and state.has_valid_position and state.lso is not None
    }
