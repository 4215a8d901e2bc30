"""Which policies decide a replay."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from deploy import policyfiles
from deploy.policy.book import NewerPolicyError
from deploy.policy.finder import PolicyFinder
from deploy.replay.errors import ReplayError
from deploy.replay.live import Under
from schemas.policy import Policy
from schemas.replays import ReplayPolicy
from streams import clients
from streams.policies import DocumentReader
from streams.topics import TopicNames

_PUBLISHED: Final = re.compile(r"(?P<name>[^/]+)@(?P<version>[0-9]{1,9})")


def finder_of(properties: clients.Properties, names: TopicNames) -> PolicyFinder:
    """Return what finds policies on their topic."""
    return PolicyFinder(DocumentReader(properties, names.policies))


def chosen(text: str, finder: PolicyFinder) -> Policy:
    """Return the policy that a person names: a file, or name@version of one that was published.

    Raises:
        ReplayError: no such version is published.
        ConfigurationError: it is no policy file.
        KafkaException: the topic could not be read.
    """
    named = None if Path(text).exists() else _PUBLISHED.fullmatch(text)
    if named is None:
        return policyfiles.load(Path(text))
    try:
        policy = finder.find(named["name"], int(named["version"]), "")
    except NewerPolicyError as error:
        raise ReplayError(str(error)) from error
    if policy is None:
        raise ReplayError(f"no policy {text} is published, and no file has that name. sluice policy history lists all")
    return policy


def reference_of(policy: Policy) -> ReplayPolicy:
    """Return a policy by name, version and digest."""
    return ReplayPolicy(name=policy.name, version=policy.version, digest=policy.digest())


def check_known(found: Iterable[Under], own: Policy, finder: PolicyFinder) -> None:
    """Check that the policies of live decisions are those that the replay would find.

    Args:
        found: those policies.
        own: what the replay takes for the deciders' own.
        finder: finds the published ones.

    Raises:
        ReplayError: one is neither published nor the deciders' own.
        KafkaException: the published ones could not be read.
    """
    for one in found:
        known = one.digest == own.digest() or one.is_rule_of(own)
        if not known and finder.find(one.name, one.version, one.digest) is None:
            raise ReplayError(
                f"{one.one.parent_id!r} was decided under {one.name}@{one.version}, which is not published, and is not"
                f" the deciders' own policy ({own.reference}) either. If they were started with --policy FILE, say so:"
                " --own-policy FILE. Or decide all under one policy: --policy FILE"
            )
