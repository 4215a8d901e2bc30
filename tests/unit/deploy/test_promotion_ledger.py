"""Which promotions stand, and which a rollback undoes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.calibrate.result import Calibration
from deploy.errors import ConfigurationError
from deploy.promotion.candidate import candidate_of
from deploy.promotion.errors import PromotionError
from deploy.promotion.evidence import read_calibration, read_cases
from deploy.promotion.live import Ledger, ledger_of
from deploy.promotion.store import HeadStore, StoreError, digest_of
from deploy.promotion.undoing import undoable
from schemas.releases import HeadReleased
from tests.unit.deploy.promoted import BUNDLED, KIND, cases, entry, live, policy, write_proof
from tests.unit.deploy.promoted import proof as proof_of

HEAD = f"head/{KIND}"
POLICIES = (policy(0.3), policy(0.4), policy(0.45))  # night@3 is in force


def ledger(*entries: object, head: int | None = None) -> Ledger:
    release = HeadReleased(kind=KIND, head=head and f"{head:064x}", scorer=head and "f" * 64, who="x", why="y", at=0)
    return Ledger(entries, {} if head is None else {KIND: release})  # type: ignore[arg-type]


def test_a_rollback_undoes_the_last_that_stands_and_then_the_one_before() -> None:
    once, twice = entry(2), entry(3)
    assert undoable(live(*POLICIES, ledger=ledger(once, twice))) == [twice]
    undone = ledger(once, twice, entry(3, undoes=3))
    assert undoable(live(*POLICIES[:2], ledger=undone)) == [once]
    with pytest.raises(PromotionError, match="none to undo"):
        undoable(live(*POLICIES[:2], ledger=ledger(once, entry(2, undoes=2))))


def test_what_was_promoted_together_is_undone_together_unless_one_is_named() -> None:
    head, own = entry(1, HEAD, command="both"), entry(3, command="both")
    place = live(*POLICIES, ledger=ledger(own, head, head=1))
    assert undoable(place) == [own, head]
    assert undoable(place, kind=KIND) == [head]
    assert undoable(place, policy=True) == [own]
    with pytest.raises(PromotionError, match="of head/mri-slice stands"):
        undoable(place, kind="mri-slice")


def test_what_is_not_in_force_any_more_is_not_undone() -> None:
    with pytest.raises(PromotionError, match=r"night@3 is in force, and not night@2.*sluice policy rollback"):
        undoable(live(*POLICIES, ledger=ledger(entry(2))))
    with pytest.raises(PromotionError, match="in force is not night@1"):
        undoable(live(ledger=ledger(entry(1, HEAD), head=2)))


def test_what_was_undone_and_not_told_is_told_by_the_same_command() -> None:
    assert [one.id for one in undoable(live(policy(0.3), policy(0.4), ledger=ledger(entry(3))))] == ["3"]


@given(st.lists(st.sampled_from(["promote", "undo"]), max_size=20))
def test_promotions_and_rollbacks_are_a_stack(steps: list[str]) -> None:
    found, stack = Ledger(), list[str]()
    for number, step in enumerate(steps, 1):
        if step == "promote":
            own = entry(number)
            stack.append(own.id)
        elif stack:
            own = entry(number, undoes=int(stack.pop()))
        else:
            continue
        found = ledger_of([one.to_json() for one in (*found.entries, own, own)], [])  # written twice, it counts once
    assert [one.id for one in found.standing()] == stack


def test_records_of_somebody_else_are_passed_over() -> None:
    assert ledger_of([b"{}", b"", b"\xff", entry(1).to_json()], []).entries == (entry(1),)


def test_a_head_in_the_store_is_the_one_that_was_put_there(tmp_path: Path) -> None:
    store = HeadStore(tmp_path / "store")
    digest = store.put(BUNDLED / KIND)
    assert store.put(BUNDLED / KIND) == digest == digest_of(store.get(digest))
    assert [one.name for one in store.root.iterdir()] == [digest]
    manifest = store.get(digest) / "manifest.json"
    manifest.write_text(manifest.read_text().replace("seed", "sead"))
    with pytest.raises(StoreError, match="was changed"):
        store.get(digest)
    with pytest.raises(StoreError, match="is not in the store"):
        store.get("0" * 64)


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("cases.json", "[]", "is not what sluice testcases run"),
        ("cases.json", None, "cannot be read"),
        ("cases.json", "{", "JSON"),
    ],
)
def test_a_result_that_is_none_is_told(tmp_path: Path, path: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / path).write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        read_cases(tmp_path / path)


def test_what_the_commands_write_is_read(tmp_path: Path) -> None:
    candidate = candidate_of(None, BUNDLED / KIND)
    assert candidate.head is not None
    assert candidate.head.kind == KIND
    wanted = proof_of(candidate)
    found = write_proof(tmp_path, wanted)
    assert wanted.risk is not None
    assert read_cases(found[0]).result == cases(candidate).result
    assert read_calibration(found[1]).calibration == wanted.risk.calibration
    (tmp_path / "policy.yaml").unlink()
    with pytest.raises(ConfigurationError, match="policy"):
        read_calibration(tmp_path)
    (tmp_path / "calibration.json").write_text(Calibration.__name__)
    with pytest.raises(ConfigurationError, match="is not what sluice calibrate"):
        read_calibration(tmp_path)


def test_a_candidate_has_to_be_named_and_a_head_has_to_have_canaries(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing to promote"):
        candidate_of(None, None)
    for name in ("manifest.json", "head.safetensors"):
        (tmp_path / name).write_bytes((BUNDLED / KIND / name).read_bytes())
    with pytest.raises(ConfigurationError, match="sluice canary record"):
        candidate_of(None, tmp_path)
