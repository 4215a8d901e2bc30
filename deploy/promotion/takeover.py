"""Goes over to released heads while a worker runs, between batches.

An answer belongs to one head alone, and waits for canaries of that head. So once new heads are ready, further items
wait here; what was begun is answered, and let go by canaries of the old heads; then the new ones take over, with their
canaries, and the items that waited are scored by them. Nothing is scored twice, and no partition is given up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException

from deploy.canaries import Watch
from deploy.errors import BrokerError
from deploy.promotion.canarycheck import PresentEncoders, check_canaries
from deploy.promotion.following import Loaded, Offer, ReleaseFollower, ReleaseStatus
from deploy.promotion.links import HeadLinks
from deploy.promotion.store import HeadStore
from deploy.settings import Settings
from schemas.items import RawItem
from streams import clients
from streams.gates import Notify
from streams.policies import DocumentReader
from streams.topics import TopicNames
from streams.work import Answer, ItemWorker, Ticket
from workers.device import resolve
from workers.domains import Domain, load_domains
from workers.embedding import probe
from workers.heads import HeadError
from workers.heads.store import read_manifest
from workers.metrics.plugins import metric_set
from workers.scorer import Scorer
from workers.watch.store import CanaryError, load_all


@dataclass(frozen=True, slots=True)
class HeadLoader:
    """Loads heads for a scorer that runs, and tries those that are new to it by their canaries."""

    links: HeadLinks
    scorer: Scorer
    settings: Settings
    device: str

    def load(self, folders: Mapping[str, Path]) -> Loaded:
        """Load the heads of these folders by kind, and the worker's own of other kinds.

        Raises:
            HeadError: a head cannot be read, or is for another kind, or the worker has none of its own for one.
            EncoderError: an encoder cannot be loaded.
            CanaryError: a head has no canaries, or they do not come out as recorded.
        """
        laid = self.links.lay(folders)
        try:
            return self._loaded(laid, folders)
        except BaseException:
            self.links.drop(laid)
            raise

    def _loaded(self, laid: Path, folders: Mapping[str, Path]) -> Loaded:
        metrics = metric_set(self.settings.metrics)
        encoders = PresentEncoders.beside(self.settings.encoder_folder, self.scorer.domains)
        domains = load_domains(laid, encoders, resolve(self.device), metrics)
        lost = sorted(self.scorer.domains.keys() - domains.keys())
        if lost:
            raise HeadError(f"this worker has no head of its own for {lost[0]} to go back to")
        for kind, folder in folders.items():
            self._check_kind(kind, folder)
            if self._is_new(kind, domains[kind]):
                probe(domains[kind].encoder)
                finding = check_canaries(folder, domains[kind], metrics)
                if not finding.passed:
                    raise CanaryError(f"the canaries of {folder.name[:12]} are not as recorded: {finding.why}")
        return Loaded(laid, domains, load_all(laid, domains))

    def _check_kind(self, kind: str, folder: Path) -> None:
        found = read_manifest(folder).kind
        if found != kind:
            raise HeadError(f"head {folder.name[:12]} was released for {kind}, and is for {found}")

    def _is_new(self, kind: str, domain: Domain) -> bool:
        present = self.scorer.domains.get(kind)
        return present is None or present.head.scorer_digest != domain.head.scorer_digest


class ReplacingWorker:
    """A worker whose heads are replaced when others are released. One thread calls it, that of the loop."""

    def __init__(
        self,
        worker: ItemWorker,
        offered: Callable[[], Offer | None],
        settle: Callable[[], bool],
        halted: Callable[[], str],
    ) -> None:
        """Wrap a worker.

        Args:
            worker: is given the items.
            offered: returns what is to be gone over to, if anything.
            settle: hurries what was begun; returns whether nothing of it is left.
            halted: says why the worker is not to be trusted; while it does, nothing is replaced.
        """
        self.go_over: Callable[[Offer], None] = lambda _: None
        self._worker, self._offered, self._settle, self._halted = worker, offered, settle, halted
        self._kept: deque[tuple[Ticket, RawItem]] = deque()

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        """Pass an item on, or keep it until the heads are replaced."""
        if self._kept or self._is_turning():
            self._kept.append((ticket, item))
        else:
            self._worker.submit(ticket, item)

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        """Return the answers that are there; replace the heads once all are."""
        answers = self._worker.finished()
        offer = self._offered() if self._is_turning() else None
        if offer is not None and self._settle():
            self.go_over(offer)
            offer = None
        if offer is None:
            while self._kept:
                self._worker.submit(*self._kept.popleft())
        return answers

    def withdraw(self, wanted: Callable[[Ticket], bool]) -> Sequence[Ticket]:
        """Give back what is wanted and not begun."""
        back = [ticket for ticket, _ in self._kept if wanted(ticket)]
        self._kept = deque(one for one in self._kept if not wanted(one[0]))
        return [*self._worker.withdraw(wanted), *back]

    def _is_turning(self) -> bool:
        return self._offered() is not None and not self._halted()


@contextmanager
def followed_releases(
    worker: ItemWorker,
    watch: Watch,
    loader: HeadLoader,
    properties: clients.Properties,
    notify: Notify,
) -> Iterator[tuple[ReplacingWorker, ReleaseStatus]]:
    """Let a worker follow releases as long as the block lasts. Those that are there already are taken at once.

    Args:
        worker: that of the watched service.
        watch: on the model; it goes by the canaries of the heads in use.
        loader: loads heads for the service's scorer.
        properties: of the brokers.
        notify: told of heads that are replaced or refused.

    Raises:
        BrokerError: the topic could not be read.
    """
    settings, service = loader.settings, watch.service
    reader = DocumentReader(properties, TopicNames(settings.topic_prefix).releases)
    follower = ReleaseFollower(reader, HeadStore(settings.head_store_folder), loader.load, notify)

    def go_over(offer: Offer) -> None:
        loader.links.use(offer.loaded.laid)
        loader.scorer.renew(offer.loaded.domains)
        canaries = offer.loaded.canaries if settings.canary_seconds else {}
        watch.model.attach(loader.scorer.domains, canaries)
        service.replace(canaries)
        follower.take(offer)
        notify("heads_replaced", heads={kind: head or "own" for kind, head in offer.heads.items()})

    replacing = ReplacingWorker(worker, follower.offer, service.settle, lambda: service.status.halted)
    replacing.go_over = go_over
    try:
        follower.look()
        while (offer := follower.offer()) is not None:
            go_over(offer)
            follower.look()
    except KafkaException as error:
        raise BrokerError(f"the released heads could not be read ({error.args[0].str()})") from error
    with follower:
        yield replacing, follower.status
