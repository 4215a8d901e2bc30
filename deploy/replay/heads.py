"""The heads of a replay, and what scores with them."""

from __future__ import annotations

from pathlib import Path

from deploy.errors import ConfigurationError
from deploy.replay.errors import ReplayError
from deploy.scorer import HEADS, claim_store
from deploy.settings import Settings
from workers.cache import RedisCache
from workers.domains import Domain, load_domains
from workers.heads.store import MANIFEST, read_manifest
from workers.rescoring import Rescorer

_CACHE_SECONDS = 10.0  # for some megabytes; a worker is less patient, since it can do without


def digests(domains: dict[str, Domain]) -> dict[str, str]:
    """Return the scorer digest for each kind."""
    return {kind: domain.head.scorer_digest for kind, domain in sorted(domains.items())}


def domains_of(heads: Path, device: str, settings: Settings) -> dict[str, Domain]:
    """Load heads. Their encoders are loaded when something has to be embedded.

    Raises:
        ReplayError: a head cannot be read, or was made for another encoder or other metrics than are here.
        ConfigurationError: there is no such device, or a setting of metrics is wrong.
    """
    import torch  # noqa: PLC0415 (a replay without a head needs none)

    from workers.device import DeviceError, resolve  # noqa: PLC0415
    from workers.encoders import EncoderError  # noqa: PLC0415
    from workers.encoders.deferred import DeferredRegistry  # noqa: PLC0415
    from workers.heads import HeadError  # noqa: PLC0415
    from workers.metrics import MetricError  # noqa: PLC0415
    from workers.metrics.plugins import metric_set  # noqa: PLC0415

    torch.set_num_threads(1)  # so that an embedding does not depend on how many cores there are
    try:
        encodings = [read_manifest(path).encoding for path in _folders(heads)]
        encoders = DeferredRegistry.of_heads(encodings, settings.encoder_folder)
        return load_domains(heads, encoders, resolve(device), metric_set(settings.metrics))
    except (HeadError, EncoderError) as error:
        raise ReplayError(f"--head {heads}: {error}") from error
    except (DeviceError, MetricError) as error:
        raise ConfigurationError(str(error)) from error


def rescorer(domains: dict[str, Domain], redis_url: str, settings: Settings, batch_size: int) -> Rescorer:
    """Return what scores with some heads, from the cache and by the bytes of items.

    Raises:
        ConfigurationError: a folder of claim checks is not there.
    """
    from workers.metrics.plugins import metric_set  # noqa: PLC0415 (see above)
    from workers.scorer import Scorer  # noqa: PLC0415

    cache = RedisCache.connect(redis_url, timeout_seconds=_CACHE_SECONDS)
    metrics = metric_set(settings.metrics)
    claims = claim_store(settings)
    scorer = Scorer(domains, cache=cache, metrics=metrics, batch_size=batch_size, claims=claims)
    return Rescorer(scorer, metrics, _learnt())


def _folders(heads: Path) -> list[Path]:
    """Return the folder of each head, as `load_domains` finds them."""
    return [heads] if (heads / MANIFEST).is_file() else sorted(path.parent for path in heads.glob(f"*/{MANIFEST}"))


def _learnt() -> frozenset[str]:
    """Return the defects that the bundled heads have learnt, which live scores may name."""
    manifests = [read_manifest(path.parent) for path in HEADS.glob(f"*/{MANIFEST}")]
    return frozenset(defect.name for manifest in manifests for defect in manifest.defects)
