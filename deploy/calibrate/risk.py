"""The watch on a guarantee: does the risk that was realised, as far as audits tell, still hold?"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message
from pydantic import ValidationError

from deploy.calibrate import decided
from deploy.calibrate.audited import Audited, Audits, Wanted, audited
from deploy.calibrate.live import Live
from deploy.calibrate.policies import candidate_beside
from deploy.calibrate.result import FILE, Calibration
from deploy.calibrate.run import Bar
from deploy.errors import ConfigurationError
from schemas.alarms import RiskAlarm
from schemas.labels import LabelGiven
from schemas.policy import Rule
from streams import clients
from streams.history import read_whole
from streams.topics import TopicNames
from workers.guarantee.errors import GuaranteeError
from workers.guarantee.monitoring import RiskMonitor

NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://sluice.org/risk/v1")
_TIMEOUT: Final = 20.0  # s; for what the brokers have to acknowledge


@dataclass(frozen=True, slots=True)
class Realised:
    """What audits say of a guarantee.

    Attributes:
        alpha, delta: the guarantee; delta is also how often a false alarm may ever come.
        audits: what was found.
        monitor: after all of them.
        within: audits from now on within which it alarms in 95 of 100 cases, if the risk is alpha + excess; None where
            so small an excess cannot be shown.
        alarm: the record, where it alarms.
        told: whether the record was new on the topic.
    """

    alpha: float
    delta: float
    excess: float
    audits: Audits
    monitor: RiskMonitor
    within: int | None
    alarm: RiskAlarm | None = None
    told: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        found = self.audits
        return {
            "alpha": self.alpha,
            "delta": self.delta,
            "audits": self.monitor.audits,
            "bad": self.monitor.bad,
            "risk": self.monitor.risk,
            "evidence": self.monitor.evidence,
            "alarm_at_evidence": 1.0 / self.delta,
            "alarmed": self.alarm is not None,
            "alarmed_at": self.monitor.alarmed_at,
            "excess": self.excess,
            "alarms_within": self.within,
            "waiting": len(found.waiting),
            "not_covered": len(found.not_covered),
            "not_drawn": len(found.not_drawn),
            "not_judged": len(found.not_judged),
            "further_windows": len(found.further),
            "alarm": None if self.alarm is None else self.alarm.model_dump(mode="json"),
            "told": self.told,
        }


def read_calibration(folder: Path) -> tuple[Calibration, dict[tuple[str, str], Rule]]:
    """Return what `sluice calibrate --out` has written, and the rules that its sources and kinds go by.

    Raises:
        ConfigurationError: it cannot be read, or has no threshold to watch.
    """
    try:
        found = Calibration.model_validate_json((folder / FILE).read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{folder} holds no {FILE}: sluice calibrate --out FOLDER writes it") from error
    except ValidationError as error:
        raise ConfigurationError(
            f"{folder / FILE} is no calibration: {error.error_count()} fields are wrong"
        ) from error
    if found.threshold is None:
        raise ConfigurationError(f"{folder / FILE}: no threshold was valid, so there is no guarantee to watch")
    policy = candidate_beside(folder, found)
    valid = found.valid_for
    return found, {(kind, source): policy.rule_for(kind, source) for kind in valid.kinds for source in valid.sources}


def realised(
    labels: Sequence[LabelGiven] | None,
    wanted: Wanted,
    levels: tuple[float, float],
    live: Live,
    bar: Bar,
    *,
    excess: float,
    write: bool = True,
) -> Realised:
    """Judge the realised risk on audited parents, and tell on the topic `alarms` when the guarantee is refuted.

    Args:
        labels: None reads the topic.
        wanted: which decisions are watched.
        levels: alpha and delta.
        live: the topics.
        bar: shows how far the reading is.
        excess: for which it is said within how many audits an alarm comes.
        write: False tells nothing.

    Raises:
        BrokerError: Kafka cannot be used.
        KafkaException: the brokers refused.
        GuaranteeError: the levels or the excess make no sense.
    """
    labels = live.labels() if labels is None else labels
    with bar("reading decisions", decided.total(live.properties, live.settings)) as advance:
        parents = {label.parent_id for label in labels}
        found = decided.live(live.properties, live.settings, parents, advance, audited=True)
    audits = audited(labels, found.windows, wanted)
    alpha, delta = levels
    least = least_of(wanted.least_probability, audits.found)
    monitor = RiskMonitor(alpha, delta, least_probability=least)
    raised: list[Audited] = []
    for one in audits.found:
        raised += [] if monitor.alarmed else [one]
        monitor.observe(one.bad, one.probability)
    try:
        within: int | None = monitor.audits_needed(excess)
    except GuaranteeError:
        within = None
    if not monitor.alarmed:
        return Realised(alpha, delta, excess, audits, monitor, within)
    alarm = _alarm(raised, wanted, alpha, delta)
    told = write and _tell(alarm, live)
    return Realised(alpha, delta, excess, audits, monitor, within, alarm, told)


def least_of(stated: float | None, found: Sequence[Audited]) -> float | None:
    """Return the least probability of an audit.

    Raises:
        ConfigurationError: an audit was drawn with less than is stated.
    """
    least = min((one.probability for one in found), default=None)
    if stated is not None and least is not None and least < stated:
        raise ConfigurationError(f"--least-probability {stated:g} is above that of an audit, which is {least:g}")
    return least if stated is None else stated


def _alarm(raised: Sequence[Audited], wanted: Wanted, alpha: float, delta: float) -> RiskAlarm:
    """Return the record of an alarm that the last of these audits raised."""
    digest = None if wanted.calibration is None else wanted.calibration.labels_digest
    last = raised[-1].label
    names = [alpha, delta, digest, sorted(wanted.sources), sorted(wanted.kinds), last.id]
    decisions = [one.decision for one in raised]
    return RiskAlarm(
        id=str(uuid.uuid5(NAMESPACE, json.dumps(names))),
        alpha=alpha,
        delta=delta,
        calibration=digest,
        audits=len(raised),
        bad=sum(one.bad for one in raised),
        sources=tuple(sorted({one.source for one in decisions})),
        kinds=tuple(sorted({one.kind for one in decisions})),
        policies=tuple(sorted({f"{one.policy.name}@{one.policy.version}" for one in decisions})),
        raised_by=last.id,
        told_at=time.time_ns() // 1_000_000,
    )


def _tell(alarm: RiskAlarm, live: Live) -> bool:
    """Append an alarm to its topic, unless it is there; return whether it was new."""
    topic = TopicNames(live.settings.topic_prefix).alarms
    for message in read_whole(live.properties, topic, 1):
        try:
            if RiskAlarm.model_validate_json(message.value() or b"").id == alarm.id:
                return False
        except ValidationError:
            continue  # of a pass rate, or somebody else's
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        failed.extend([] if error is None else [error])

    producer = clients.producer(live.properties, delivery_timeout_ms=int(_TIMEOUT * 1000))
    try:
        producer.produce(topic, alarm.to_json(), alarm.sources[0].encode(), 0, on_delivery=delivered)
        left = producer.flush(_TIMEOUT)
    finally:
        producer.close()
    if failed or left:
        late = KafkaError(KafkaError._TIMED_OUT, "the alarm was not acknowledged in time")  # noqa: SLF001
        raise KafkaException(failed[0] if failed else late)
    return True
