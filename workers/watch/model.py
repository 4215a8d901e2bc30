"""The watch on what enters and leaves each encoder, and on the mode that its network is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from schemas.canaries import CanaryRecord, Channels
from workers.domains import Domain
from workers.encoders import Encoder
from workers.results import Failed
from workers.scorer import Scorer
from workers.watch.embeddings import NormWatch
from workers.watch.inputs import InputWatch
from workers.watch.repair import Tell
from workers.watch.store import CanarySet

NETWORK: Final = "network"


class ModelWatch:
    """Watches the encoders of a scorer. Alarms are told, and ask for canaries; by themselves they stop nothing."""

    def __init__(self, scorer: Scorer, sets: Mapping[str, CanarySet], tell: Tell, ask: Callable[[], None]) -> None:
        """Begin to watch; `ask` is called with every alarm, on the encoder's thread."""
        self.inputs: dict[str, InputWatch] = {}
        self.norms: dict[str, NormWatch] = {}
        self._scorer, self._tell, self._ask = scorer, tell, ask
        self._encoders: dict[str, Encoder] = {}
        self.attach(scorer.domains, sets)
        scorer.observe = self._observe

    def attach(self, domains: Mapping[str, Domain], sets: Mapping[str, CanarySet]) -> None:
        """Watch these encoders from now on, by what was recorded with their canaries."""
        for one in self.inputs.values():
            one.detach()
        self._encoders = {domain.encoder.digest: domain.encoder for domain in domains.values()}
        for digest, encoder in self._encoders.items():
            records = [one.record for one in sets.values() if one.record.encoder == digest]
            inputs = InputWatch(recorded=_inputs(records), alarmed=partial(self._alarmed, "input_alarm", encoder.name))
            if inputs.recorded is not None and inputs.attach(getattr(encoder, NETWORK, None)):
                self.inputs[encoder.name] = inputs
            if records:
                self.norms[encoder.name] = NormWatch(
                    min(one.norm_low for one in records),
                    max(one.norm_high for one in records),
                    partial(self._alarmed, "embedding_alarm", encoder.name),
                )

    def modes(self) -> dict[str, bool]:
        """Return for each encoder by name whether all of its network is in evaluation mode."""
        return {encoder.name: in_evaluation_mode(encoder) for encoder in self._encoders.values()}

    def _observe(self, encoder: Encoder, embeddings: Sequence[NDArray[np.float32] | Failed]) -> None:
        watch = self.norms.get(encoder.name)
        if watch is not None:
            watch.look(embeddings)

    def _alarmed(self, event: str, encoder: str, why: str) -> None:
        self._tell(event, encoder=encoder, why=why)
        self._ask()


def in_evaluation_mode(encoder: Encoder) -> bool:
    """Return whether no part of an encoder's network is in training mode; True where it has none to look at."""
    network = getattr(encoder, NETWORK, None)
    return not isinstance(network, torch.nn.Module) or not any(one.training for one in network.modules())


def _inputs(records: Sequence[CanaryRecord]) -> Channels | None:
    """Return what was recorded of one encoder with the canaries of several kinds, as one."""
    found = [one.inputs for one in records if one.inputs is not None]
    if not found:
        return None
    return Channels(
        mean=np.mean([one.mean for one in found], axis=0).tolist(),
        std=np.mean([one.std for one in found], axis=0).tolist(),
        low=np.min([one.low for one in found], axis=0).tolist(),
        high=np.max([one.high for one in found], axis=0).tolist(),
    )
