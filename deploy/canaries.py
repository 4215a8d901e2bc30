"""The wiring of the watch on the model: canaries, inputs, embeddings and modes of a worker's encoders and heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import ConfigurationError
from deploy.itemrecords import record_of
from deploy.revising import Reviser
from deploy.settings import Settings
from deploy.tokens import Token
from schemas.items import RawItem
from streams.gates import Notify
from streams.work import Answer, Ticket
from workers.domains import Domain
from workers.scorer import Scorer
from workers.service import ScoringService
from workers.watch.model import ModelWatch
from workers.watch.rounds import Plan, Probe
from workers.watch.service import Live, WatchedService
from workers.watch.store import CanaryError, CanarySet, load_all

Service = ScoringService[Live[Token] | Probe]


class ServiceWorker:
    """Lets the loop's thread hand items to the scoring service, and takes records back."""

    def __init__(self, service: WatchedService[Token], reviser: Reviser | None = None) -> None:
        """Wrap a running service, and what takes answers back where they do not wait for canaries."""
        self._service, self._reviser = service, reviser

    def submit(self, ticket: Ticket, item: RawItem) -> None:
        """Queue an item; the envelope travels with the ticket, for the answer."""
        self._service.submit(Token(ticket, item.envelope), item)

    def finished(self) -> Sequence[tuple[Ticket, Answer]]:
        """Return the answers that are there by now."""
        answers = []
        for token, result in self._service.take():
            if token.again and self._reviser is not None:
                self._reviser.answer(token, result)
            else:
                answers.append((token.ticket, record_of(token.ticket, token.envelope, result)))
        if self._reviser is not None:
            self._reviser.turn()
        return answers

    def withdraw(self, wanted: Callable[[Ticket], bool]) -> Sequence[Ticket]:
        """Take back what is wanted and not begun."""
        return [one.ticket for one in self._service.withdraw(lambda token: not token.again and wanted(token.ticket))]


@dataclass(frozen=True, slots=True)
class Watch:
    """A watched service, and the watch on its encoders."""

    service: WatchedService[Token]
    model: ModelWatch

    def modes(self) -> dict[str, bool]:
        """Return for each encoder whether it is in evaluation mode."""
        return self.model.modes()


def open_watch(
    service: Service,
    scorer: Scorer,
    heads: Path,
    settings: Settings,
    *,
    max_items: int,
    load: Callable[[], Mapping[str, Domain]],
    notify: Notify,
) -> Watch:
    """Watch a service by the canaries that lie beside its heads.

    Args:
        service: is closed with the watched one.
        scorer: that of the service.
        heads: the folder of heads.
        settings: how often, and whether answers wait.
        max_items: how many items may be in flight.
        load: loads encoders and heads afresh.
        notify: told of what is found.

    Raises:
        ConfigurationError: canaries cannot be read, or were recorded with another head.
    """
    plan = Plan(
        seconds=settings.canary_seconds,
        hold=settings.canary_policy == "hold",
        revise=settings.canary_policy == "revise",
        hold_seconds=settings.canary_hold_seconds,
        items=max_items,
    )
    sets = _canaries(heads, scorer.domains, notify) if settings.canary_seconds else {}

    def repair() -> Mapping[str, CanarySet]:
        domains = load()
        known = load_all(heads, domains)
        scorer.renew(domains)
        watch.model.attach(scorer.domains, known)
        return known

    watched: WatchedService[Token] = WatchedService(service, scorer, sets, plan, repair=repair, tell=notify)
    watch = Watch(watched, ModelWatch(scorer, sets, notify, watched.check_soon))
    return watch


def _canaries(heads: Path, domains: Mapping[str, Domain], notify: Notify) -> dict[str, CanarySet]:
    try:
        found = load_all(heads, domains)
    except CanaryError as error:
        raise ConfigurationError(f"{error}. SLUICE_CANARY_SECONDS=0 scores without them.") from error
    for kind in sorted({domain.head.manifest.kind for domain in domains.values()} - found.keys()):
        advice = f"nothing watches this head; record them: sluice canary record --heads {heads} --kind {kind}"
        notify("no_canaries", kind=kind, advice=advice)
    return found
