"""Which promotions a rollback undoes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.promotion.errors import PromotionError
from deploy.promotion.live import Live
from schemas.releases import AuditEntry


def undoable(live: Live, *, kind: str | None = None, policy: bool = False) -> list[AuditEntry]:
    """Return the promotions that are to be undone.

    Args:
        live: what is in force.
        kind: of a head: the last one of this kind. None, and no policy: the last of all, with what went with it.
        policy: the last one of a policy.

    Raises:
        PromotionError: there is none, or what it put in force is not in force any more.
    """
    standing = live.ledger.standing()
    wanted = [subject for subject in (kind and f"head/{kind}", policy and "policy") if subject]
    if wanted:
        chosen = [one for subject in wanted for one in [x for x in standing if x.subject == subject][-1:]]
    else:
        chosen = [one for one in standing if one.command == standing[-1].command]
    missing = [subject for subject in wanted if subject not in {one.subject for one in chosen}]
    if missing or not chosen:
        what = f" of {missing[0]}" if missing else ""
        raise PromotionError(
            f"no promotion{what} stands, so there is none to undo. What was done: sluice promote --history;"
            " a policy that was published without it: sluice policy rollback"
        )
    problems = [problem for one in chosen for problem in _not_in_force(one, live)]
    if problems:
        raise PromotionError("; ".join(problems))
    return chosen


def _not_in_force(one: AuditEntry, live: Live) -> Iterator[str]:
    after = one.after.name if one.after else "nothing"
    if one.kind is not None:
        head = live.ledger.head(one.kind)
        if head is None or one.after is None or head.digest != one.after.digest:
            yield f"the head of {one.kind} in force is not {after}, which was promoted last"
        return
    active = live.version.reference if live.version else "the deciders' own policy"
    if active not in {after, one.before.name if one.before else ""}:
        yield f"{active} is in force, and not {after}, which was promoted last. Go back by hand: sluice policy rollback"
