"""What a process needs to work on a replay: addresses, options, heads and policies."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy import policyfiles
from deploy.errors import ConfigurationError
from deploy.replay.errors import ReplayError
from deploy.replay.folder import Run
from deploy.replay.job import Advance, Job
from deploy.replay.options import ReplayOptions
from deploy.replay.plan import With
from deploy.replay.policies import chosen, finder_of
from deploy.replay.shadow import ShadowLog
from deploy.settings import Settings
from schemas.replays import ReplayRun
from streams import clients
from streams.replaying import LiveTopicError, shadow_names
from streams.replaylog import ReplayLog, create_topics
from streams.topics import TopicNames, TopicSetupError

if TYPE_CHECKING:
    from workers.domains import Domain
    from workers.rescoring import Rescorer

_SECONDS = 10.0
_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass
class Desk:
    """What a process needs for any replay. It can be sent to another process."""

    settings: Settings  # with the addresses of Kafka and of the cache
    options: ReplayOptions
    properties: Mapping[str, str]
    domains: dict[str, Domain] | None = None  # loaded encoders stay in their process

    def __getstate__(self) -> dict[str, object]:
        """Leave out what another process has to load by itself."""
        return {**self.__dict__, "domains": None}

    def using(self) -> With:
        """Find what a replay scores and decides with.

        Raises:
            ReplayError: a head does not fit, or a policy is not published.
            ConfigurationError: a file or a device is wrong.
            KafkaException: the brokers refused.
        """
        options = self.options
        heads = None
        if options.heads is not None:
            from deploy.replay.heads import digests, domains_of  # noqa: PLC0415 (torch)

            self.domains = self.domains or domains_of(options.heads, options.device, self.settings)
            heads = digests(self.domains)
        finder = finder_of(self.properties, TopicNames(self.settings.topic_prefix))
        pinned = None if options.policy is None else chosen(options.policy, finder)
        return With(heads, pinned, policyfiles.load(options.own_policy))

    def check_topics(self) -> None:
        """Check that the topics which are to get the decisions are no live ones.

        Raises:
            ReplayError: one is, or may be.
            ConfigurationError: no topic can be named so.
            KafkaException: the brokers did not answer.
        """
        if self.options.topics is None:
            return
        if not _PREFIX.fullmatch(self.options.topics):
            raise ConfigurationError(
                f"--topics {self.options.topics!r}: a prefix has letters, digits, dots, dashes and underscores, 100 at"
                " most, such as replay-1."
            )
        existing = clients.admin(self.properties).list_topics(timeout=_SECONDS).topics
        try:
            shadow_names(self.options.topics, TopicNames(self.settings.topic_prefix), existing)
        except LiveTopicError as error:
            raise _refused(error) from error

    def job(self, run: Run, using: With, advance: Advance) -> Job:
        """Return the work on a replay.

        Raises:
            ReplayError: its own topics are live ones, or of another replay.
            KafkaException: the brokers refused.
        """
        rescorer = functools.cache(self._rescorer)
        return Job(run.path, run.record, using, self.properties, rescorer, self._shadow(run.record), advance)

    def _rescorer(self) -> Rescorer:
        from deploy.replay.heads import rescorer  # noqa: PLC0415 (torch)

        return rescorer(self.domains or {}, self.settings.redis_url or "", self.settings, self.options.batch_size)

    def _shadow(self, run: ReplayRun) -> ShadowLog | None:
        prefix = self.options.topics
        if prefix is None:
            return None
        admin = clients.admin(self.properties)
        try:
            names = create_topics(admin, prefix, TopicNames(run.topic_prefix), self.settings.partitions)
        except (LiveTopicError, TopicSetupError) as error:
            raise _refused(error) from error
        return ShadowLog(ReplayLog(self.properties, names, run.id))


def _refused(error: Exception) -> ReplayError:
    return ReplayError(f"--topics: {error}. A replay writes to topics of its own alone: choose another prefix")
