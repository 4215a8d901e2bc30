"""The wiring of `sluice score`: the at-least-once loop of streams, with the scoring service of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka import KafkaException

from deploy import policyfiles
from deploy.brokers.ladder import KafkaAddress, open_kafka, open_redis
from deploy.canaries import Service, ServiceWorker, Watch, open_watch
from deploy.errors import UNFINISHED, ConfigurationError, SluiceError
from deploy.experiments import candidates
from deploy.experiments.candidates import ShadowOption, SplitOption
from deploy.experiments.shadows import ShadowDesk
from deploy.metrics.canary import CanaryMetrics
from deploy.metrics.score import AnswerCounter, ScoreMetrics
from deploy.policy.follower import PolicyFollower
from deploy.process import opened, refused_properties
from deploy.promotion.takeover import HeadLoader
from deploy.promotion.wiring import linked_heads, worker_that_follows
from deploy.revising import Reviser
from deploy.settings import Settings
from deploy.topicset import TopicSet
from streams import clients
from streams.atleastonce import ScoreLoop
from streams.corrections import Corrections
from streams.decided import DecidedParents, EarlyDecisions
from streams.gates import Notify
from streams.policies import DocumentReader
from streams.topics import TopicNames
from streams.work import ItemWorker, ScoreSettings
from workers.cache import RedisCache
from workers.claims import ClaimStore
from workers.domains import Domain, load_domains
from workers.neighbours import Neighbours, RedisNeighbours
from workers.rulebook import RuleBook
from workers.scorer import Scorer
from workers.seen import RedisSeen, SeenContent
from workers.service import ScoringService, ServiceError

HEADS = Path(__file__).parent / "heads"
_DRAIN_SHARE = 0.8  # of the grace period; the rest is for leaving the group and closing


class ScorerError(SluiceError):
    """The worker cannot go on without a person."""

    exit_code = 7


class UnfinishedError(SluiceError):
    """The grace period was too short, or the brokers were gone."""

    exit_code = UNFINISHED


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What `sluice score` was asked for."""

    device: str = "auto"
    heads: Path = HEADS
    batch_size: int = 16
    linger_ms: int = 20
    max_items: int = 256
    max_mebibytes: int = 64
    policy: Path | None = None  # until one is activated; None: the bundled one
    follow_releases: bool = False
    shadows: tuple[ShadowOption, ...] = ()
    experiment: SplitOption | None = None


def run(settings: Settings, options: WorkerOptions, stopped: Callable[[], bool]) -> None:
    """Score until told to stop, then finish what was begun.

    Raises:
        ConfigurationError: the device or a folder of claim checks is not there, or the policy, a head or a property is
            refused.
        TopicsError: the topics are missing or not as they must be.
        ScorerError: Kafka refused for good, or the scoring threads broke.
        ExperimentError: a candidate's head or its topics cannot be used.
        UnfinishedError: not everything that was begun could be finished within the grace period.
    """
    claims = claim_store(settings)
    with ExitStack() as stack:
        process = stack.enter_context(opened(settings, "score"))
        kafka = stack.enter_context(open_kafka(settings, settings.data_dir / "kafka"))
        # a cache that is down costs time and stops nothing, so one that was named is not asked whether it is there
        cache_url = settings.redis_url or stack.enter_context(open_redis(settings, settings.data_dir / "valkey")).url
        TopicSet(clients.admin(kafka.properties), settings).verify()
        candidates.check_shadows(options.shadows, ShadowDesk(kafka.properties, settings))
        cache = RedisCache.connect(cache_url)
        notify = process.metrics.counting(process.log)
        rules = stack.enter_context(
            PolicyFollower(
                DocumentReader(kafka.properties, TopicNames(settings.topic_prefix).policies),
                policyfiles.load(options.policy),
                notify,
            )
        ).rules
        seen = RedisSeen.connect(cache_url, settings.topic_prefix)
        stack.callback(seen.close)
        neighbours = RedisNeighbours.connect(cache_url, settings.topic_prefix)
        stack.callback(neighbours.close)
        links = linked_heads(stack, options.heads) if options.follow_releases else None
        options = options if links is None else replace(options, heads=links.current)
        scorer = _load(options, settings, cache, claims=claims, rules=rules, seen=seen, neighbours=neighbours)
        scorer.candidates = candidates.load(
            options.shadows, options.experiment, scorer.domains, settings.metrics, notify
        )
        decided = _decided(stack, settings, kafka, notify)
        watch = _watch(settings, options, scorer, decided, notify)
        stack.callback(watch.service.close, drain=False)
        shadows = [one.name for one in options.shadows]
        reviser = _reviser(stack, settings, kafka, watch, notify, shadows=shadows)
        worker: ItemWorker = ServiceWorker(watch.service, reviser)
        if links is not None:
            loader = HeadLoader(links, scorer, settings, options.device)
            worker = worker_that_follows(stack, worker, watch, loader, kafka=kafka, process=process)
        answers = AnswerCounter(worker, scorer.domains)
        status = watch.service.status
        with refused_properties(kafka.properties):
            loop = ScoreLoop(
                kafka.properties, _loop_settings(settings, options), answers, notify, lambda: status.halted
            )
        watch.service.crowded = lambda: loop.crowded
        ScoreMetrics(process.metrics.registry, loop, answers, scorer, cache, decided=decided)
        CanaryMetrics(process.metrics.registry, watch, scorer.effort)
        process.health.watch(loop, watch.modes)
        unfinished = _run(loop, stopped)
        notify("counts", **scorer.counts.snapshot())
    if unfinished:
        raise UnfinishedError(f"told to stop, and {unfinished} messages were not finished: they are read again")


def _reviser(
    stack: ExitStack, settings: Settings, kafka: KafkaAddress, watch: Watch, notify: Notify, *, shadows: Iterable[str]
) -> Reviser | None:
    """Return what takes answers back, where they do not wait for canaries; it is closed with the stack."""
    if settings.canary_policy != "revise" or not settings.canary_seconds:
        return None
    corrections = Corrections(kafka.properties, TopicNames(settings.topic_prefix), shadows)
    reviser = Reviser(watch.service, corrections, notify)
    stack.callback(reviser.close)
    return reviser


def _watch(
    settings: Settings, options: WorkerOptions, scorer: Scorer, decided: DecidedParents, notify: Notify
) -> Watch:
    """Start the scoring threads, and watch them.

    Raises:
        ConfigurationError: canaries cannot be read, or were recorded with another head.
    """
    service: Service = ScoringService(
        scorer, batch_size=options.batch_size, linger_seconds=options.linger_ms / 1000, decided=decided
    )
    try:
        return open_watch(
            service,
            scorer,
            options.heads,
            settings,
            max_items=options.max_items,
            load=lambda: _domains(options, settings),
            notify=notify,
        )
    except ConfigurationError:
        service.close(drain=False)
        raise


def _domains(options: WorkerOptions, settings: Settings) -> dict[str, Domain]:
    """Load encoders and heads afresh, from the disk.

    Raises:
        HeadError: a head cannot be read or does not fit.
        EncoderError: an encoder cannot be loaded.
    """
    from workers.device import resolve  # noqa: PLC0415 (torch is only needed from here on)
    from workers.encoders import EncoderRegistry  # noqa: PLC0415
    from workers.metrics.plugins import metric_set  # noqa: PLC0415

    encoders = EncoderRegistry.of(settings.encoder_folder)
    return load_domains(options.heads, encoders, resolve(options.device), metric_set(settings.metrics))


def _decided(stack: ExitStack, settings: Settings, kafka: KafkaAddress, notify: Notify) -> DecidedParents:
    """Return the parents decided early, followed as long as the stack is open; none where the settings say so."""
    if not settings.skip_decided:
        return DecidedParents()
    topic = TopicNames(settings.topic_prefix).decisions
    return stack.enter_context(EarlyDecisions(kafka.properties, topic, settings.partitions, notify)).parents


def _run(loop: ScoreLoop, stopped: Callable[[], bool]) -> int:
    try:
        return loop.run(stopped)
    except KafkaException as error:
        raise ScorerError(f"Kafka refused for good: {error.args[0]}") from error
    except ServiceError as error:
        raise ScorerError(f"{error}: the worker is broken, and no item is to blame. Start it again") from error


def claim_store(settings: Settings) -> ClaimStore:
    """Return what fetches the bytes of claim checks, from the folders of the settings and from nowhere else.

    Raises:
        ConfigurationError: one of them is not there.
    """
    try:
        return ClaimStore(settings.claim_roots)
    except ValueError as error:
        raise ConfigurationError(
            f"SLUICE_CLAIM_ROOTS: {error}. Make the folder, or take it out of the list."
        ) from error


def _loop_settings(settings: Settings, options: WorkerOptions) -> ScoreSettings:
    return ScoreSettings(
        names=TopicNames(settings.topic_prefix),
        partitions=settings.partitions,
        group=settings.score_group,
        max_items=options.max_items,
        max_bytes=options.max_mebibytes * 1024 * 1024,
        drain_seconds=settings.grace_seconds * _DRAIN_SHARE,
        shadows=tuple(one.name for one in options.shadows),
    )


def _load(
    options: WorkerOptions,
    settings: Settings,
    cache: RedisCache,
    *,
    claims: ClaimStore,
    rules: RuleBook,
    seen: SeenContent,
    neighbours: Neighbours,
) -> Scorer:
    """Load encoders and heads and warm them up: the worker joins its group only when it is ready to work."""
    from workers.device import DeviceError, resolve  # noqa: PLC0415 (torch is only needed from here on)
    from workers.encoders import EncoderError, EncoderRegistry  # noqa: PLC0415
    from workers.heads import HeadError  # noqa: PLC0415
    from workers.metrics import MetricError  # noqa: PLC0415
    from workers.metrics.plugins import metric_set  # noqa: PLC0415

    try:
        device = resolve(options.device)
        scorer = Scorer.load(
            options.heads,
            device,
            cache,
            encoders=EncoderRegistry.of(settings.encoder_folder),
            metrics=metric_set(settings.metrics),
            batch_size=options.batch_size,
            claims=claims,
            rules=rules,
            seen=seen,
            neighbours=neighbours,
        )
        scorer.warm_up()
    except (DeviceError, HeadError, EncoderError, MetricError) as error:
        raise ConfigurationError(str(error)) from error
    return scorer
