"""Publishing and activating policy versions: the document first, then its markers, then the record that it is active.

Whatever ends this in between, the same command again finishes it: a document that is there is not written twice, and a
second marker for the version in force changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import KafkaException

from deploy.errors import BrokerError, SluiceError
from deploy.policy.book import Book, NewerPolicyError, PublishedPolicy, Version, digest_of
from deploy.policy.compare import Scope, changed_windows, scope_name
from schemas.activation import PolicyActivation
from schemas.policy import Policy
from schemas.scores import PolicyActivated
from streams import clients
from streams.policies import DocumentReader, DocumentWriter, WriterFencedError, mark
from streams.topics import TopicNames

_PATIENCE = 30.0  # s; longer than a publisher that was killed can hold readers up


class PolicyError(SluiceError):
    """What is asked for cannot be done with the versions that are on the topic."""

    exit_code = 14


@dataclass(frozen=True, slots=True)
class Activated:
    """What a command did.

    Attributes:
        version: that is in force now.
        published: whether its document is new.
        before: name@version that was in force before; None for the deciders' own policy.
        activation: the new record; None where the version was in force already, and nothing was written.
        warnings: what a person should know.
    """

    version: Version
    published: bool
    before: str | None
    activation: PolicyActivation | None
    warnings: tuple[str, ...] = ()


class PolicyDesk:
    """Reads and writes the policies of one topic set."""

    def __init__(self, properties: clients.Properties, names: TopicNames, partitions: int) -> None:
        """Name the topics; `partitions` is the count of `scores`."""
        self._properties = properties
        self._names = names
        self._partitions = partitions
        self._reader = DocumentReader(properties, names.policies)

    def book(self) -> Book:
        """Return what the topic holds now.

        Raises:
            BrokerError: it could not be read.
        """
        with _explained("the policies could not be read"):
            self._reader.refresh(_PATIENCE)
        return Book.of(self._reader.documents.values())

    def publish(
        self,
        policy: Policy,
        *,
        numbered: bool = True,
        note: str | None = None,
        again: bool = False,
        check: Callable[[Book], None] = lambda _: None,
    ) -> Activated:
        """Publish a policy and activate it.

        Args:
            policy: the document.
            numbered: whether its version is meant; else it gets the next one that is free, unless the newest one says
                the same.
            note: why.
            again: whether a version that was replaced since may be activated again.
            check: is shown the topic as nobody else can change it any more; what it raises ends this, and nothing is
                written.

        Raises:
            PolicyError: the version has another content already, or was replaced since.
            BrokerError: the brokers refused or did not answer; the text says how far it came.
        """
        with self._writing() as writer:
            book = self.book()
            check(book)
            if not numbered:
                policy = policy.model_copy(update={"version": _free_version(book, policy)})
            there = book.versions.get(policy.reference)
            if there is not None:
                _check_same(book, there, policy, again=again)
                return self._activate(writer, book, there, note, published=False)
            value = policy.model_dump_json().encode()
            with _explained(f"{policy.reference} was not published, and nothing is changed. Run it again"):
                writer.put(policy.reference, value)
            version = Version(policy.name, policy.version, digest_of(value), 0, value)
            return self._activate(writer, book, version, note, published=True)

    def rollback(
        self, wanted: str | None = None, note: str | None = None, *, check: Callable[[Book], None] = lambda _: None
    ) -> Activated:
        """Activate a version that was published before.

        Args:
            wanted: name@version, or the version alone, of the policy in force; None takes the one before that.
            note: why.
            check: as `publish` has it.

        Raises:
            PolicyError: there is no such version.
            BrokerError: the brokers refused or did not answer; the text says how far it came.
        """
        with self._writing() as writer:
            book = self.book()
            check(book)
            return self._activate(writer, book, find(book, wanted or _before(book)), note, published=False)

    def _activate(
        self, writer: DocumentWriter, book: Book, version: Version, note: str | None, *, published: bool
    ) -> Activated:
        before = book.active.record.reference if book.active else None
        if before == version.reference:
            return Activated(version, published, before, None)
        warnings = _warnings(book, before, version)
        marker = PolicyActivated(name=version.name, version=version.version, digest=version.digest)
        again = "Run the same command again: it finishes this, and nothing is done twice"
        with _explained(f"{version.reference} is published, and not active in every partition yet. {again}"):
            offsets = mark(self._properties, self._names.scores, self._partitions, marker.to_json())
        activation = PolicyActivation(
            sequence=book.next_sequence,
            name=version.name,
            version=version.version,
            digest=version.digest,
            note=note,
            markers=offsets,
        )
        with _explained(f"{version.reference} is active, and the history does not say so yet. {again}"):
            writer.put(activation.key, activation.to_json())
        return Activated(version, published, before, activation, tuple(warnings))

    @contextmanager
    def _writing(self) -> Iterator[DocumentWriter]:
        with _explained("nothing is changed"):
            writer = DocumentWriter(self._properties, self._names.policies)
        try:
            yield writer
        finally:
            writer.close()


def find(book: Book, wanted: str) -> Version:
    """Return a version by name@version, or by the version alone of the policy in force.

    Raises:
        PolicyError: there is none.
    """
    reference = wanted
    if "@" not in wanted:
        if book.active is None:
            raise PolicyError(f"nothing is active, so {wanted!r} needs a name, such as night@{wanted}")
        reference = f"{book.active.record.name}@{wanted}"
    if reference not in book.versions:
        there = ", ".join(book.versions) or "none"
        raise PolicyError(f"there is no policy {reference}. Published: {there}")
    return book.versions[reference]


def readable(version: Version) -> PublishedPolicy:
    """Return a version's document.

    Raises:
        PolicyError: this version of Sluice cannot read it.
    """
    try:
        return version.policy()
    except NewerPolicyError as error:
        raise PolicyError(
            f"{version.reference} cannot be read by this version of Sluice ({error}), and deciders would stop at it"
        ) from error


def _free_version(book: Book, policy: Policy) -> int:
    """Return the version for a document that does not name one: the newest one's, where that says the same."""
    newest = book.of_name(policy.name)[-1:]
    if newest and _says_the_same(newest[0], policy):
        return newest[0].version
    return book.next_version(policy.name)


def _check_same(book: Book, there: Version, policy: Policy, *, again: bool) -> None:
    if not _says_the_same(there, policy):
        raise PolicyError(
            f"{there.reference} was published with another content (digest {there.digest[:12]}), and versions are"
            f" immutable. The next free version is {book.next_version(there.name)}; without a version the document gets"
            " it by itself"
        )
    if again:
        return
    active = book.active
    activated = {activation.record.reference for activation in book.activations}
    if active is not None and there.reference in activated and there.reference != active.record.reference:
        raise PolicyError(
            f"{there.reference} was published before, and {active.record.reference} came after it. To activate it"
            f" again: sluice policy rollback {there.reference}"
        )


def _says_the_same(there: Version, policy: Policy) -> bool:
    try:
        published = there.policy()
    except NewerPolicyError:
        return False
    return published.model_dump(exclude={"version"}) == policy.model_dump(exclude={"version"})


def _before(book: Book) -> str:
    reference = book.before()
    if reference is None:
        raise PolicyError("no version was active before. Name the one to activate: sluice policy history lists them")
    return reference


def _warnings(book: Book, before: str | None, version: Version) -> list[str]:
    """Return what a person should know of going over to a version, which has to be one that deciders can read."""
    new = readable(version)
    try:
        old = book.versions[before].policy() if before in book.versions else None
    except NewerPolicyError:
        return [f"{before} cannot be read by this version of Sluice, so nothing can be said of what changes"]
    return [] if old is None else [_recut(old, scope) for scope in changed_windows(old, new)]


def _recut(old: Policy, scope: Scope) -> str:
    whole = old.rule_for(*scope).window.by == "whole"
    told = "parents that are open stay whole" if whole else "windows that are open go to review (policy_changed)"
    return f"{scope_name(scope)}: cut into other windows from now on; {told}"


@contextmanager
def _explained(told: str) -> Iterator[None]:
    try:
        yield
    except WriterFencedError as error:
        raise PolicyError(f"{told}. Somebody else published meanwhile; look at sluice policy history first") from error
    except KafkaException as error:
        raise BrokerError(f"{told} ({error.args[0].str()})") from error
