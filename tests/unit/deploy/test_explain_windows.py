"""What `sluice explain` tells of several windows, revisions and early decisions, and what `--verify` comes to."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from deploy.cli.verifying import report
from deploy.errors import SluiceError
from deploy.explain import NotVerifiedError, UnknownWindowError, UnverifiableError, check_all
from deploy.explain import account as account_of
from deploy.explain.published import Published
from tests.unit.aggregation.records import NOW, policy, ruled, scored, skipped
from tests.unit.deploy.explained import printed, told

FRAMES = policy(window={"by": "index", "size": 2}, late={"rule": "revise"})


def test_every_window_of_a_parent_is_told_of_and_one_can_be_chosen() -> None:
    scores = (0.9, 0.8, 0.3, 0.3, 0.9)
    values = [scored("p", index, score, at=NOW) for index, score in enumerate(scores)]
    account = told([*values, scored("p", 1, 0.1, at=NOW + 1)], FRAMES)
    assert account.decision is not None
    assert (account.decision.window, account.decision.revision) == ("index/0-1", 1)
    assert [one.window for one in account.others] == ["index/2-3"]
    assert account.open_windows == ["index/4-5"]
    found = account.as_dict()
    assert [(one["window"], one["revision"], one["action"]) for one in found["windows"]] == [
        ("index/0-1", 0, "accept"),
        ("index/2-3", 0, "review"),
        ("index/0-1", 1, "accept"),
    ]
    assert [item["index"] for item in found["items"]] == [0, 1, 1]
    shown = printed(account)
    assert "window index/2-3, revision 0: review low" in shown
    assert "index/4-5" in shown
    second = account_of(account.trace, None, policy(), "index/2-3")
    assert second.decision is not None
    assert [item["index"] for item in second.as_dict()["items"]] == [2, 3]
    with pytest.raises(UnknownWindowError, match="index/0-1, index/2-3"):
        account_of(account.trace, None, policy(), "whole")


def test_a_revision_tells_what_it_withdrew() -> None:
    rule = policy(late={"rule": "revise"}, method={"name": "min"})
    account = told([scored("p", 0, 0.9, 1, NOW), scored("p", 1, 0.1, 2, NOW + 1)], rule)
    assert account.reproduced
    withdrawn = "revision 1, since 1 item came late: accept was withdrawn on its topic, and review holds instead"
    assert withdrawn in account.sentences
    assert "1 late" in printed(account)


def test_an_early_decision_tells_its_bounds() -> None:
    rule = policy(early=True, method={"name": "min"}, completeness={"max_missing": 1.0}, audit={"reject": 1.0})
    account = told([scored("p", 0, 0.1, 4)], rule)
    assert account.reproduced
    assert any(
        "3 items had no answer yet: the score could still become 0.0000 to 0.1000" in one for one in account.sentences
    )
    shown = printed(account)
    for text in ("3 remaining", "early: no remaining item could change the action", "probability 1: for a person"):
        assert text in shown


def test_an_item_that_a_rule_stopped_counts_as_0() -> None:
    account = told([scored("p", 0, 0.9, 2), ruled("p", 1, 2, rule="too_dark")], policy(method={"name": "min"}))
    assert account.reproduced
    assert "1 item that a rule stopped counts as 0" in account.sentences
    assert account.as_dict()["items"][1]["why"] == ["too_dark"]


def test_a_policy_that_was_published_otherwise_is_found() -> None:
    account = told([scored("p", 0, 0.9, 1)])
    same, other = policy(), policy(idle_ms=1)
    for document, verified in ((same, True), (other, False)):
        published = Published.of([(b"test@1", document.model_dump_json().encode()), (b"", b"no policy")])
        (checked,) = check_all(replace(account.trace, policies=published))
        assert (checked.verified, checked.published) == (verified, True)
    assert [one.field for one in checked.differences] == ["policy.digest", "policy.rule"]


@pytest.mark.parametrize(
    ("changed", "error", "verified", "text"),
    [
        ({}, None, True, "verified  window whole, revision 0, accept, under the rule in the record; its policy is not"),
        ({"score": 0.5}, NotVerifiedError, False, "score: 0.5 was written, 0.9 would be"),
        (
            {"first_offset": 0},
            UnverifiableError,
            None,
            "cannot be verified  window whole, revision 0, accept: retention",
        ),
    ],
)
def test_what_verifying_comes_to(
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, Any],
    error: type[SluiceError] | None,
    verified: bool | None,
    text: str,
) -> None:
    found = told([skipped("q", 0, 1), scored("p", 0, 0.9, 1)]).trace
    (decision,) = [one for one in found.decisions if one.parent_id == "p"]
    forged = decision.model_copy(update=changed)
    checked = check_all(replace(found, parent_id="p", decisions=[forged], scores_from=1))
    with nullcontext() if error is None else pytest.raises(error):
        report("p", checked, as_json=False)
    assert text in capsys.readouterr().out
    with nullcontext() if error is None else pytest.raises(error):
        report("p", checked, as_json=True)
    (told_of,) = json.loads(capsys.readouterr().out)["decisions"]
    assert told_of["verified"] is verified
