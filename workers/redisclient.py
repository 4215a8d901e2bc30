"""Clients of Redis or Valkey for what may be away: they give up soon, and a breaker decides when to try again."""

from __future__ import annotations

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def impatient(url: str, timeout_seconds: float) -> Redis:
    """Return a client for `redis://...` or `rediss://...`. Nothing is sent yet, and an absent server is no error."""
    return Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )
