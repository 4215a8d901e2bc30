"""Claims in words: what holds, for what, and why there is none."""

from __future__ import annotations

import math

_NONE = "No threshold is valid: everything goes to review."


def percent(share: float) -> str:
    """Return a share in per cent, with three digits at most."""
    return f"{100 * share:.3g}%"


def confidence(delta: float) -> str:
    """Return 1 - delta in per cent, with as many digits as delta needs."""
    decimals = max(0, 1 - math.floor(math.log10(100 * delta)))
    text = f"{100 * (1 - delta):.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if decimals else text}%"


def claim(threshold: float, alpha: float, delta: float, *, unseen_groups: bool, groups: bool) -> str:
    """Return what holds for a threshold."""
    held = (
        f"Accepting from {threshold:g} on, at most {percent(alpha)} of the accepted are bad, with confidence "
        f"{confidence(delta)}."
    )
    return f"{held} {_about(unseen_groups=unseen_groups, groups=groups)}"


def too_few(alpha: float, delta: float, able: int, worth: float, least: int) -> str:
    """Return that there are fewer labels than could show anything.

    Args:
        alpha: the share of the accepted that may be bad.
        delta: the chance of being wrong.
        able: labels that some threshold accepts.
        worth: how many equally drawn labels they are worth.
        least: accepted labels without one bad that could have succeeded.
    """
    are = f"there are {able}"
    if able >= least:
        are = f"the {able} here are worth {worth:.0f}, since they were drawn with unequal probability"
    return (
        f"{_NONE} At least {least} labelled parents that can be accepted, all of them good, are needed for "
        f"{_goal(alpha, delta)}, and {are}."
    )


def refused(alpha: float, delta: float, labels: int, bad: int, allowed: int | None) -> str:
    """Return that the strictest threshold tested, which accepts so many labels, did not pass.

    Args:
        alpha: the share of the accepted that may be bad.
        delta: the chance of being wrong.
        labels: that it accepts.
        bad: how many of them are bad.
        allowed: how many may be, or None where that depends on which ones.
    """
    goal = _goal(alpha, delta)
    why = (
        f"with their weights that does not show {goal}" if allowed is None else f"for {goal}, at most {allowed} may be"
    )
    return f"{_NONE} Of the {labels} labels that the strictest threshold tested accepts, {bad} are bad; {why}."


def scope(claims: int, delta: float, *, joint: bool) -> str:
    """Return how a claim stands beside others that are made with it."""
    if claims < 2:  # noqa: PLR2004 - one claim stands alone
        return ""
    if joint:
        return f"This holds for all {claims} at once with confidence {confidence(delta)}."
    return f"This is marginal: it holds with this confidence for each alone, and not for all {claims} at once."


def _about(*, unseen_groups: bool, groups: bool) -> str:
    if unseen_groups:
        return "That is about a random parent of a random group, also of groups that are not among the labelled ones."
    if groups:
        return "That is about parents of the groups that were labelled, in their shares, and says nothing about others."
    return "That is about parents like the labelled ones, and about no group of parents alone."


def _goal(alpha: float, delta: float) -> str:
    return f"at most {percent(alpha)} bad with confidence {confidence(delta)}"
