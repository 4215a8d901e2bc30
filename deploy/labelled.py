"""The wiring of `sluice train LABELS`: encoders, cache and metrics as they serve, methods as policies aggregate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aggregation.methods import aggregate
from deploy import policyfiles, privacykey
from deploy.brokers.ladder import open_redis
from deploy.errors import ConfigurationError, SluiceError
from deploy.settings import Settings
from schemas.policy import ANY, Method, MethodName, Policy, Thresholds
from workers.cache import RedisCache
from workers.device import DeviceError, resolve
from workers.encoders import Encoder, EncoderError, EncoderRegistry
from workers.encoders.description import describe
from workers.kinds import SHARED
from workers.metrics import MetricError
from workers.metrics.plugins import metric_set
from workers.sources import SourceOptions
from workers.training.drawn import Choices
from workers.training.featuring import Featurer
from workers.training.fromlabels import Request, read
from workers.training.kinds import KINDS
from workers.training.parentlabels import Methods
from workers.training.problems import LabelsError

METHODS: tuple[MethodName, ...] = ("mean", "median", "min", "trimmed_mean", "quantile", "share_below")


class TrainingError(SluiceError):
    """The labels are wrong or too few: the text says which, and what would be right."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Wish:
    """What `sluice train LABELS` was asked for."""

    labels: Path
    out: Path
    root: Path | None = None
    kinds: tuple[str, ...] = ()
    seed: int = 0
    cut: float = 0.5
    encoder: str | None = None
    device: str = "auto"
    policy: Path | None = None
    curve: bool = True
    report: bool = True
    medical: bool = False


@contextmanager
def prepared(wish: Wish, settings: Settings) -> Iterator[tuple[Request, Featurer]]:
    """Give what training needs, with the cache open while the context lasts. Errors of training become ours.

    Raises:
        ConfigurationError: the device, an encoder, a metric or the policy is refused.
        TrainingError: the labels are wrong or too few, or the result cannot be written.
    """
    try:
        device, metrics = resolve(wish.device), metric_set(settings.metrics)
        policy, secret = policyfiles.load(wish.policy), privacykey.load(settings)
        request = Request(
            wish.labels,
            wish.out,
            wish.root,
            wish.kinds,
            Choices(wish.seed, wish.cut, wish.curve),
            partial(methods, policy),
            SourceOptions(secret=secret),
        )
        read(request)  # what is plainly wrong is said before anything is started
        with ExitStack() as stack:
            # as for a worker, one that was named is not asked whether it is there: without it, all is embedded anew
            url = settings.redis_url or stack.enter_context(open_redis(settings, settings.data_dir / "valkey")).url
            cache = RedisCache.connect(url)
            stack.callback(cache.close)
            encoders = EncoderRegistry.of(settings.encoder_folder)
            featurer = Featurer(partial(_encoder, encoders, wish.encoder, device), cache, metrics)
            yield request, featurer
    except LabelsError as error:
        raise TrainingError(str(error)) from error
    except (DeviceError, EncoderError, MetricError) as error:
        raise ConfigurationError(str(error)) from error
    except OSError as error:
        raise TrainingError(f"{error.filename or wish.out} cannot be written or read: {error.strerror}") from error


def thresholds_of(wish: Wish) -> Callable[[str], Thresholds]:
    """Return what gives the thresholds of the policy's rule for a kind, whatever the source.

    Raises:
        ConfigurationError: the policy is refused.
    """
    policy = policyfiles.load(wish.policy)
    return lambda kind: policy.rule_for(kind, ANY).thresholds


def layers_of(settings: Settings) -> Callable[[Encoder], Sequence[tuple[str, int]]]:
    """Return what names the layers of an encoder, each with how many numbers of the embedding are its."""

    def found(encoder: Encoder) -> Sequence[tuple[str, int]]:
        facts = describe(encoder.name, settings.encoder_folder).layers
        return [(one.layer, one.numbers) for one in facts]

    return found


def methods(policy: Policy, kind: str) -> Methods:
    """Return all methods of aggregation, with the parameters of the policy's rule for the kind where it has one."""
    own = policy.rule_for(kind, ANY).method
    chosen = [own if own.name == name else Method(name=name) for name in METHODS]
    return {method.name: _quality_by(method) for method in chosen}


def _quality_by(method: Method) -> Callable[[Sequence[float]], float]:
    return lambda scores: aggregate(scores, method).score


def _encoder(encoders: EncoderRegistry, name: str | None, device: str, kind: str) -> Encoder:
    own = KINDS.get(SHARED.get(kind, kind))
    wanted = name or (own.encoder if own else None)
    if wanted is None:
        raise EncoderError(f"no encoder is usual for {kind!r}: name one with --encoder")
    return encoders.get(wanted, device)
