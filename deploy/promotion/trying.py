"""Scores canaries for a promotion: those of a candidate, or of the heads in force."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from deploy.errors import ConfigurationError
from deploy.promotion.canarycheck import check_canaries
from deploy.promotion.live import Ledger
from deploy.promotion.proof import CanaryFinding
from deploy.promotion.store import HeadStore, StoreError
from deploy.settings import Settings
from workers.device import DeviceError, resolve
from workers.domains import load_domains
from workers.encoders import EncoderError, EncoderRegistry
from workers.heads import HeadError
from workers.heads.store import MANIFEST, read_manifest
from workers.metrics import MetricError
from workers.metrics.plugins import metric_set
from workers.watch.store import FOLDER, RECORD, CanaryError, read_record


def heads_in_force(own: Path, kinds: Collection[str], ledger: Ledger, store: HeadStore) -> dict[str, Path]:
    """Return the folder of the head of each of these kinds: the one that is released, or else the workers' own.

    A kind without a head is left out.

    Raises:
        ConfigurationError: a head cannot be read, or is not in the store.
    """
    try:
        folders = [path.parent for path in sorted(own.glob(f"*/{MANIFEST}"))] or [own]
        found = {read_manifest(folder).kind: folder for folder in folders}
        found = {kind: folder for kind, folder in found.items() if kind in kinds}
        for kind in ledger.releases.keys() & kinds:
            released = ledger.head(kind)
            if released is not None:
                found[kind] = store.get(released.digest)
    except (HeadError, StoreError) as error:
        raise ConfigurationError(str(error)) from error
    return found


def canaries_of(kind: str, folder: Path, settings: Settings, device: str) -> CanaryFinding:
    """Score the canaries of a head once; what is wrong with them is in what is returned.

    Raises:
        ConfigurationError: the device, the head or its encoder cannot be used here.
    """
    try:
        metrics = metric_set(settings.metrics)
        domain = load_domains(folder, EncoderRegistry.of(settings.encoder_folder), resolve(device), metrics)[kind]
    except (DeviceError, HeadError, EncoderError, MetricError) as error:
        raise ConfigurationError(str(error)) from error
    scorer = domain.head.scorer_digest
    try:
        finding = check_canaries(folder, domain, metrics)
        count = len(read_record(folder / FOLDER / RECORD).canaries)
    except CanaryError as error:
        return CanaryFinding(kind, scorer, 0, None, str(error))
    return CanaryFinding(kind, scorer, count, finding)
