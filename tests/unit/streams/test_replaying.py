"""The guard before the live topics."""

from __future__ import annotations

import pytest

from streams.replaying import LiveTopicError, replay_topics, shadow_names
from streams.topics import TopicNames, topic_set

LIVE = TopicNames("sluice.")
ALL = [spec.name for spec in topic_set(LIVE, 4)]


@pytest.mark.parametrize("prefix", ["sluice.", "sluice_"])
def test_the_live_prefix_is_refused_in_any_spelling_that_kafka_takes_for_the_same(prefix: str) -> None:
    with pytest.raises(LiveTopicError, match="live topics"):
        shadow_names(prefix, LIVE, ALL)
    with pytest.raises(LiveTopicError, match="live topics"):
        shadow_names(prefix, LIVE, [])  # also where nothing is there yet


@pytest.mark.parametrize("prefix", ["hospital.", "hospital_"])
def test_a_live_set_of_another_sluice_is_refused(prefix: str) -> None:
    other = [spec.name for spec in topic_set(TopicNames("hospital."), 4)]
    with pytest.raises(LiveTopicError, match="another Sluice"):
        shadow_names(prefix, LIVE, ALL + other)


def test_a_prefix_of_ones_own_names_no_live_topic() -> None:
    names = shadow_names("replay.", LIVE, [*ALL, "replay.decisions"])  # its own, from before
    assert replay_topics(names) == ["replay.decisions", "replay.accept", "replay.review", "replay.reject"]
    assert not set(replay_topics(names)) & set(ALL)
    assert shadow_names("sluice.replay.", LIVE, ALL).decisions == "sluice.replay.decisions"
