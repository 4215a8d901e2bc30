"""Promoting and rolling back: reads what is in force, judges, writes, and tells the audit topic.

Only one writes at a time: who opens the writer fences the one before. A head's release and its entry in the audit are
one transaction. A policy is published and activated first, in the order that `deploy/policy/publication.py` has, and
its entry follows; where that is interrupted, the same command again writes the entry, and nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import KafkaException

from deploy.errors import BrokerError
from deploy.policy.book import Book, NewerPolicyError
from deploy.policy.publication import PolicyDesk
from deploy.promotion.candidate import Candidate
from deploy.promotion.errors import PromotionError
from deploy.promotion.gates import evidence_of, judged
from deploy.promotion.live import Live, ledger_of, refuted_of
from deploy.promotion.proof import Gate, Proof
from deploy.promotion.records import Person, Sheet
from deploy.promotion.store import HeadStore, StoreError
from deploy.promotion.undoing import undoable
from streams import clients
from streams.history import read_whole
from streams.policies import DocumentReader, DocumentWriter, WriterFencedError
from streams.topics import TopicNames

_PATIENCE = 30.0  # s
_AGAIN = "Run the same command again: it finishes this, and nothing is done twice"


class PromotionDesk:
    """Promotes candidates of one topic set, and undoes that."""

    def __init__(self, properties: clients.Properties, names: TopicNames, partitions: int, store: HeadStore) -> None:
        """Name the topics, of which `scores` has so many partitions, and where heads are kept."""
        self._properties = properties
        self._names = names
        self._store = store
        self._policies = PolicyDesk(properties, names, partitions)
        self._releases = DocumentReader(properties, names.releases)

    def live(self) -> Live:
        """Return what is in force now.

        Raises:
            BrokerError: it could not be read.
        """
        with _explained("what is in force could not be read"):
            self._releases.refresh(_PATIENCE)
            audit, alarms = (
                [one.value() or b"" for one in read_whole(self._properties, topic, 1)]
                for topic in (self._names.audit, self._names.alarms)
            )
        ledger = ledger_of(audit, self._releases.documents.values())
        return Live(self._policies.book(), ledger, refuted_of(alarms))

    def promote(self, candidate: Candidate, proof: Proof, person: Person) -> Sheet:
        """Put a candidate in force, if every gate is green; return what was written.

        Raises:
            PromotionError: a gate is red, or somebody else changed what is in force meanwhile; nothing is written.
            PolicyError: the policy's version is taken by another content.
            BrokerError: the brokers refused or did not answer; the text says how far it came.
        """
        refuse(self.judge(candidate, proof, self.live()))
        if candidate.head is not None:
            self._put(candidate)
        with self._writing() as writer:
            live = self.live()
            refuse(self.judge(candidate, proof, live))  # somebody may have been there first
            sheet = Sheet(live, person, evidence_of(candidate, proof, live.before(candidate.policy)))
            if candidate.policy is not None:
                done = self._policies.publish(
                    candidate.policy,
                    numbered=candidate.numbered,
                    note=person.why,
                    again=True,
                    check=lambda book: _unchanged(live.book, book),
                )
                sheet.policy(done)
            if candidate.head is not None:
                sheet.head(candidate.head)
            self._write(writer, sheet)
        return sheet

    def judge(self, candidate: Candidate, proof: Proof, live: Live) -> list[Gate]:
        """Return all gates of a candidate; nothing is written.

        Raises:
            PromotionError: the policy in force cannot be read by this version of Sluice.
        """
        try:
            return judged(candidate, proof, live)
        except NewerPolicyError as error:
            raise PromotionError(f"the policy in force cannot be read by this version of Sluice ({error})") from error

    def rollback(self, person: Person, *, kind: str | None = None, policy: bool = False) -> Sheet:
        """Undo the last promotion that stands: of a head of this kind, of a policy, or whichever it was.

        Raises:
            PromotionError: there is none, or something else is in force by now; nothing is written.
            BrokerError: the brokers refused or did not answer; the text says how far it came.
        """
        with self._writing() as writer:
            live = self.live()
            sheet = Sheet(live, person)
            chosen = undoable(live, kind=kind, policy=policy)
            heads = [one for one in chosen if one.what == "head"]
            for one in heads:
                self._check_kept(one.before.digest if one.before else None)
            for one in chosen:
                if one.what == "policy" and one.before is not None:
                    done = self._policies.rollback(
                        one.before.name, person.why, check=lambda book: _unchanged(live.book, book)
                    )
                    sheet.policy(done, undoes=one)
            for one in heads:
                sheet.head_again(one)
            self._write(writer, sheet)
        return sheet

    def _put(self, candidate: Candidate) -> None:
        """Copy the head into the store, before anybody can be told to take it from there."""
        head = candidate.head
        if head is None:
            return
        try:
            digest = self._store.put(head.folder)
        except StoreError as error:
            raise PromotionError(f"{error}. SLUICE_HEAD_STORE names the store, which workers read") from error
        if digest != head.digest:
            raise PromotionError(f"{head.folder} was changed meanwhile: promote it again")

    def _check_kept(self, digest: str | None) -> None:
        """Refuse to go back to a head that no worker could take."""
        try:
            if digest is not None:
                self._store.get(digest)
        except StoreError as error:
            raise PromotionError(f"{error}, so no worker could take it, and nothing is changed") from error

    def _write(self, writer: DocumentWriter, sheet: Sheet) -> None:
        records = [(self._names.releases, one.kind, one.to_json()) for one in sheet.releases]
        records += [(self._names.audit, one.subject, one.to_json()) for one in sheet.entries]
        if records:
            with _explained(f"not all of it was written. {_AGAIN}"):
                writer.put_all(records)

    @contextmanager
    def _writing(self) -> Iterator[DocumentWriter]:
        with _explained("nothing is changed"):
            writer = DocumentWriter(self._properties, self._names.releases)
        try:
            yield writer
        finally:
            writer.close()


def refuse(gates: Sequence[Gate]) -> None:
    """Raise what is red.

    Raises:
        PromotionError: a gate is.
    """
    red = [f"  {gate.name}: {problem}" for gate in gates for problem in gate.problems]
    if red:
        raise PromotionError("refused, and nothing is changed:\n" + "\n".join(red))


def _unchanged(known: Book, found: Book) -> None:
    if [one.record for one in known.activations] != [one.record for one in found.activations]:
        raise PromotionError("somebody else activated a policy meanwhile, so nothing is changed. Run it again")


@contextmanager
def _explained(told: str) -> Iterator[None]:
    try:
        yield
    except WriterFencedError as error:
        raise PromotionError(f"{told}. Somebody else promotes meanwhile: sluice promote --history") from error
    except KafkaException as error:
        raise BrokerError(f"{told} ({error.args[0].str()})") from error
