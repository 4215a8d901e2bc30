"""Scores the canaries of one head, as it is now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workers.domains import Domain
from workers.encoders import Encoder, EncoderRegistry
from workers.metrics import MetricSet
from workers.scorer import Scorer
from workers.watch.judge import Finding, judge
from workers.watch.store import CanaryError, load


class PresentEncoders(EncoderRegistry):
    """The encoders that are loaded already, and others as they are asked for."""

    @classmethod
    def beside(cls, folder: Path, domains: Mapping[str, Domain]) -> PresentEncoders:
        """Return a registry that gives what these domains use, and else what lies in a folder of encoders.

        Raises:
            EncoderError: one in the folder has the name of a bundled one.
        """
        made = cls.of(folder)
        made._present = {domain.encoder.name: domain.encoder for domain in domains.values()}  # noqa: SLF001 - its own
        return made

    def get(self, name: str, device: str = "cpu") -> Encoder:
        """Return the encoder that is in use, or load it.

        Raises:
            EncoderError: there is none of that name, or it cannot be loaded.
        """
        present = self._present.get(name)
        return super().get(name, device) if present is None else present

    _present: Mapping[str, Encoder] = {}


def check_canaries(folder: Path, domain: Domain, metrics: MetricSet | None = None) -> Finding:
    """Score the canaries that lie beside a head.

    Args:
        folder: of the head.
        domain: the head with its encoder.
        metrics: what is measured; None for the usual ones.

    Raises:
        CanaryError: there are none, or they cannot be read or were recorded with another head.
    """
    own = load(folder, domain)
    if own is None:
        raise CanaryError(f"{folder.name} has no canaries: sluice canary record --heads {folder}")
    scorer = Scorer({own.record.kind: domain}, metrics=metrics)
    names = [one.name for one in own.record.canaries]
    return judge(own.record, dict(zip(names, scorer.score(own.items), strict=True)))
