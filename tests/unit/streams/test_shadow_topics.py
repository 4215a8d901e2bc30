from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.shadows import LiveTopicError, ShadowNames, guard, outputs, shadow_names, shadow_set, shadows_among
from streams.topics import TopicNames, topic_set

LIVE = TopicNames("sluice.")
ACTIONS = ("accept", "review", "reject")
prefixes = st.text("ab.-_", max_size=8)


@given(prefixes, st.text("abXY01_-", min_size=1, max_size=8), st.booleans())
def test_a_shadow_writes_to_no_live_topic(prefix: str, name: str, scored_live: bool) -> None:
    live = TopicNames(prefix)
    names = shadow_names(live, name, scored_live=scored_live)
    guard(names, ACTIONS)
    written = {*outputs(names, ACTIONS), shadow_names(live, name).scores}
    assert written.isdisjoint(spec.name for spec in topic_set(live, 4))
    assert all(topic.startswith(f"{prefix}shadow.{name}.") for topic in written)
    assert names.items == live.items
    assert names.scores == (live.scores if scored_live else f"{prefix}shadow.{name}.scores")


@pytest.mark.parametrize("prefix", ["sluice.", "sluice.shadow.", "other.shadow.brisk.", "sluice.shadow.a.b.", ""])
def test_names_that_lead_to_other_topics_are_refused(prefix: str) -> None:
    with pytest.raises(LiveTopicError, match=r"a shadow writes to topics under sluice\.shadow\.NAME\. alone"):
        guard(ShadowNames(prefix, LIVE), ACTIONS)
    with pytest.raises(LiveTopicError):
        shadow_set(ShadowNames(prefix, LIVE), 4, retention_days=1)


def test_a_shadow_has_topics_of_its_own_that_expire() -> None:
    specs = {spec.name: spec for spec in shadow_set(shadow_names(LIVE, "brisk"), 4, retention_days=1)}
    kinds = ("accept", "dead-letters", "decisions", "latest", "reject", "review", "scores")
    assert sorted(specs) == [f"sluice.shadow.brisk.{kind}" for kind in kinds]
    assert {spec.partitions for spec in specs.values()} == {4}
    assert specs["sluice.shadow.brisk.scores"].initial["retention.ms"] == "86400000"
    assert specs["sluice.shadow.brisk.latest"].fixed == {"cleanup.policy": "compact,delete"}
    assert specs["sluice.shadow.brisk.decisions"].outlives == "sluice.shadow.brisk.scores"


def test_a_shadow_of_a_policy_outlives_the_live_scores() -> None:
    names = shadow_names(LIVE, "strict", scored_live=True)
    specs = {spec.name: spec for spec in shadow_set(names, 4, retention_days=7)}
    assert specs["sluice.shadow.strict.decisions"].outlives == "sluice.scores"
    assert "sluice.shadow.strict.scores" not in specs


def test_shadows_are_known_by_their_decisions() -> None:
    topics = [
        "sluice.decisions",
        "sluice.shadow.b.decisions",
        "sluice.shadow.a.decisions",
        "sluice.shadow.a.b.decisions",
    ]
    assert shadows_among(LIVE, [*topics, "sluice.shadow..decisions", "x.shadow.c.decisions"]) == ["a", "b"]
