"""The partitions of `scores` that a replica was given: assigned at first, then recovered, then owned."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from streams.gates import Notify, Owned
from streams.recovery import Recoverer


class Ownership:
    """Brings partitions from assigned to owned, and forgets them. Those that are not owned are paused."""

    def __init__(self, consumer: Consumer, topic: str, recoverer: Recoverer, notify: Notify) -> None:
        """Begin without partitions; the recoverer is closed with this object."""
        self.owned: dict[int, Owned] = {}
        self._consumer = consumer
        self._topic = topic
        self._recoverer = recoverer
        self._notify = notify
        self._assigned: set[int] = set()
        self._recovered: list[Owned] = []  # wait for the seek to their position

    @property
    def busy(self) -> bool:
        """Whether a partition is on its way to be owned."""
        return self._recoverer.busy or bool(self._recovered)

    @property
    def recovering(self) -> int:
        """How many partitions are assigned and not owned yet; any thread may ask."""
        return max(0, len(self._assigned) - len(self.owned))

    @property
    def ready(self) -> int:
        """How many decisions wait to be sent."""
        return sum(one.gate.ready for one in self.owned.values())

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Take partitions on, to be recovered.

        Raises:
            PartitionCountError: a partition was added while this process ran.
        """
        places = [TopicPartition(place.topic, place.partition, OFFSET_BEGINNING) for place in partitions]
        numbers = [place.partition for place in places]
        self._consumer.incremental_assign(places)
        if places:
            self._consumer.pause(places)  # until recovered
        self._assigned.update(numbers)
        self._recoverer.begin(numbers)
        self._notify("assigned", partitions=numbers)

    def give_up(self, partitions: list[TopicPartition], event: str) -> None:
        """Forget partitions that are not ours any more; `event` says why."""
        numbers = [place.partition for place in partitions]
        self._assigned.difference_update(numbers)
        self._recoverer.drop(numbers)
        self._recovered = [one for one in self._recovered if one.partition not in numbers]
        for number in numbers:
            self.owned.pop(number, None)
        self._notify(event, partitions=numbers)
        self._consumer.incremental_unassign(partitions)

    def start_over(self) -> None:
        """Forget the state of all partitions, and build it again from the topics."""
        numbers = sorted(self._assigned)
        self.owned.clear()
        self._recovered.clear()
        if numbers:
            self._consumer.pause([TopicPartition(self._topic, number) for number in numbers])
            self._recoverer.begin(numbers)
            self._notify("recovering", partitions=numbers)

    def recover(self) -> None:
        """Go on with recovery as far as that needs no long wait.

        Raises:
            PartitionCountError: the topics had another number of partitions when the offset was committed.
            UnreadableCheckpointError: the committed metadata is not ours.
        """
        if self._recoverer.busy:
            self._recovered += self._recoverer.step(self._consumer, self._notify)
        waiting, self._recovered = self._recovered, []
        for one in waiting:
            if not self._started(one):
                self._recovered.append(one)

    def close(self) -> None:
        """Close the clients of recovery."""
        self._recoverer.close()

    def _started(self, one: Owned) -> bool:
        place = TopicPartition(self._topic, one.partition, one.gate.position)
        try:
            self._consumer.seek(place)
        except KafkaException:  # the fetcher is not there yet: next turn
            return False
        self._consumer.resume([place])
        self.owned[one.partition] = one
        self._notify("recovered", partition=one.partition, position=one.gate.position)
        return True
