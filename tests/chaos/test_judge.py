"""The judge of a chaos run is of use only if it finds what is planted."""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import Any

import pytest

from tests.chaos.evidence import transactions
from tests.chaos.material import answers
from tests.chaos.planted import IDLE, KNOWN, MIX, changed, first, flawless, judged, matches, played, records_of, without
from tests.chaos.reading import Entry
from tests.chaos.rehearsal import OWN
from tests.chaos.rulings import Record, content, find, outcomes


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    found = judged(flawless())
    assert found.line() == "lost 0 duplicated 0 wrong 0"
    assert set(found.causes) == {"complete", "end", "idle", "max_age", "early", "reopened"}
    assert set(found.windows) == {"whole", "time", "index"}
    assert set(found.policies) == {"chaos@1", "chaos@2"}
    assert found.revisions > found.retractions > 0


@pytest.mark.parametrize("seed", [1, 2, 13, 14])
def test_a_gate_that_is_built_again_at_any_moment_leaves_topics_without_fault(seed: int) -> None:
    found = judged(played(seed, crashes=0.015))
    assert found.flawless, [*found.lost, *found.duplicated, *found.wrong]


def test_a_view_without_what_was_superseded_is_no_fault() -> None:
    topics = flawless()
    compacted = list({one.key: one for one in topics.latest}.values())
    assert len(compacted) < len(topics.latest)
    assert judged(dataclasses.replace(topics, latest=compacted)).flawless


@pytest.mark.parametrize("wanted", [{"cause": "complete"}, {"window_has": "index/"}, {"window_has": "time/"}])
def test_a_lost_decision_is_found(wanted: dict[str, Any]) -> None:
    revised = {(one["parent_id"], one["window"]) for one in records_of(flawless()) if one["revision"]}
    chosen = next(
        one
        for one in records_of(flawless())
        if (one["parent_id"], one["window"]) not in revised and matches(one, wanted) and "@" not in one["window"]
    )
    assert len(judged(without(chosen)).lost) == 1


def test_a_lost_revision_is_found() -> None:
    last = {(one["parent_id"], one["window"]): one for one in records_of(flawless())}
    revision = next(one for one in last.values() if one["revision"])
    assert "a revision for the late item" in judged(without(revision)).lost[0]


def test_a_gap_between_revisions_is_found() -> None:
    revision = first(revision=1)
    assert "where 1 was due" in str(judged(changed(revision, revision=2)).wrong)


def test_a_second_decision_is_found() -> None:
    topics = flawless()
    again = dataclasses.replace(topics.decisions[0], offset=100_000)
    assert len(judged(dataclasses.replace(topics, decisions=[*topics.decisions, again])).duplicated) == 1


def test_a_second_record_on_an_actions_topic_is_found() -> None:
    topics = flawless()
    actions = topics.actions | {"accept": topics.actions["accept"] + topics.actions["accept"][:1]}
    assert len(judged(dataclasses.replace(topics, actions=actions)).duplicated) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"score": 0.123456},
        {"label": "high", "action": "accept", "score": 0.99},
        {"cause": "max_age"},
        {"cause": "early"},
        {"cause": "memory"},
        {"first_offset": 4},
        {"through_offset": 0},
        {"through_offset": 10**6},
        {"id": "0"},
        {"partition": 3},
        {"window": "index/0-49"},
        {"window": "whole@1"},
        {"revision": 1},
        {"counts": {}},
        {"reasons": ["missing_items"]},
        {"failures": ["needs_ocr"]},
        {"scorers": []},
        {"worst": []},
        {"bounds": {"lower": 0.0, "upper": 1.0}},
        {"timings": {"first_item_at": 0, "last_item_at": 0, "closed_at": 0, "decided_at": 0}},
    ],
)
def test_a_wrong_field_is_found(fields: dict[str, Any]) -> None:
    assert not judged(changed(first(cause="complete", action="reject", revision=0), **fields)).flawless


def test_another_policy_version_than_the_one_in_force_is_found() -> None:
    old = first(window="whole", cause="complete")
    other = KNOWN["chaos@2" if old["policy"]["version"] == 1 else OWN]
    reference = {"name": other.name, "version": other.version, "digest": other.digest()}
    wrong = judged(changed(old, policy=old["policy"] | reference)).wrong
    assert len(wrong) == 1
    assert "policy is" in wrong[0]


def test_an_early_decision_that_an_item_could_have_changed_is_found() -> None:
    """Its content is right for where it was made; it was made too soon."""
    topics, found = flawless(), []
    for old in (one for one in records_of(topics) if one["cause"] == "early"):
        rule = KNOWN[f"chaos@{old['policy']['version']}"].rule_for(old["kind"], old["source"])
        window = topics.scores[0].windows[old["parent_id"], "whole"]
        read = [(offset, record) for offset, record in window if offset < old["through_offset"]]
        records = [record for _, record in read]
        if not records or len(outcomes(find(records, "whole", rule, reopened=False), rule)) == 1:
            continue
        wanted = content(records, "whole", rule, early=True, before=None)
        times = [record.appended_at for record in records]
        timings = old["timings"] | {
            "first_item_at": min(times),
            "last_item_at": max(times),
            "closed_at": topics.scores[0].time_at(read[-1][0]),
        }
        found.append(changed(old, **wanted, through_offset=read[-1][0], timings=timings))
    assert found
    assert all("and could still become" in str(judged(one).wrong) for one in found[:3])


def _closed_by_clock() -> Record:
    """Return a decision that no record made due."""
    partition = flawless().scores[0]
    return next(
        one
        for one in records_of(flawless())
        if one["cause"] == "idle" and one["timings"]["closed_at"] > partition.time_at(one["through_offset"])
    )


def test_a_window_that_the_clock_closed_although_a_score_was_there_is_found() -> None:
    old = _closed_by_clock()
    timings = old["timings"] | dict.fromkeys(("closed_at", "decided_at"), old["timings"]["closed_at"] + 3 * IDLE)
    assert "a score was there" in str(judged(changed(old, timings=timings)).wrong)


def test_a_window_that_the_clock_closed_before_its_time_is_found() -> None:
    old = _closed_by_clock()
    timings = old["timings"] | {"closed_at": old["timings"]["last_item_at"] + 1}
    assert "by time it was 'none'" in str(judged(changed(old, timings=timings)).wrong)


def test_a_window_opened_again_before_its_time_is_found() -> None:
    again = first(cause="reopened")
    name = again["window"].split("@")[0]
    before = first(parent_id=again["parent_id"], window=name)
    timings = before["timings"] | {"closed_at": before["timings"]["closed_at"] + 1_000_000}
    assert "before the late time" in str(judged(changed(before, timings=timings)).wrong)


def test_the_material_is_a_function_of_its_seed() -> None:
    assert list(islice(answers(MIX, 5), 400)) == list(islice(answers(MIX, 5), 400))
    assert list(islice(answers(MIX, 5), 400)) != list(islice(answers(MIX, 6), 400))


@pytest.mark.parametrize(
    ("places", "least"),
    [
        ([], 0),
        ([(0, 5, 0), (0, 6, 0), (0, 7, 0)], 1),
        ([(0, 5, 0), (0, 7, 0)], 2),  # a marker between them
        ([(0, 5, 0), (1, 9, 10)], 1),  # two partitions at a time: it may be one transaction
        ([(0, 5, 0), (1, 9, 20_000)], 2),  # too far apart in time to be one
        ([(0, 5, 0), (1, 9, 10), (0, 8, 50_000), (0, 10, 50_000), (1, 12, 50_000)], 3),
    ],
)
def test_aborted_transactions_are_counted_from_below(places: list[tuple[int, int, int]], least: int) -> None:
    entries = [Entry(partition, offset, at, b"", b"") for partition, offset, at in places]
    assert transactions(entries) == least
