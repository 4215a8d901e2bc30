"""The policy that a threshold is for: as it was published, or as a file has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from deploy import policyfiles
from deploy.calibrate.errors import CalibrationError
from deploy.calibrate.result import FILE, POLICY, Calibration
from deploy.errors import ConfigurationError
from deploy.policy.book import Book
from deploy.policy.publication import find, readable
from schemas.decisions import Decision, PolicyRef
from schemas.policy import Policy


def policy_for(wanted: str | None, decisions: Iterable[Decision], book: Callable[[], Book]) -> Policy:
    """Return a policy.

    Args:
        wanted: a file, or NAME@VERSION; None: that of most of the decisions.
        decisions: about labelled parents.
        book: reads what was published.

    Raises:
        ConfigurationError: the file is no policy.
        PolicyError: there is no such version.
        CalibrationError: the decisions' own policy is not to be found.
    """
    if wanted is not None:
        return policyfiles.load(Path(wanted)) if Path(wanted).is_file() else readable(find(book(), wanted))
    references = {one.policy.digest: one.policy for one in decisions}
    most = Counter(one.policy.digest for one in decisions).most_common(1)
    if not most:
        raise CalibrationError(
            "no label is of a parent that was decided: sluice labels shows which there are, and `parent` must be the id"
            " that decisions have"
        )
    reference = references[most[0][0]]
    for path in (policyfiles.DEFAULT, policyfiles.DEMO):
        policy = policyfiles.load(path)
        if policy.digest() == reference.digest:
            return policy
    return _published(reference, book())


def candidate_beside(folder: Path, found: Calibration) -> Policy:
    """Return the policy that was written beside a calibration. Its file has no version; it gets the candidate's.

    Raises:
        ConfigurationError: it cannot be read, or is not what was calibrated.
    """
    path, own = folder / POLICY, found.candidate
    policy = policyfiles.load(path).model_copy(update={"version": own.version})
    if policy.digest() != own.digest:
        raise ConfigurationError(
            f"{path} is not the policy that was written with {folder / FILE}: it was changed. Promote a changed policy"
            f" from a file elsewhere, and let sluice calibrate write this folder again (--out {folder} --force)"
        )
    return policy


def _published(reference: PolicyRef, book: Book) -> Policy:
    version = book.versions.get(f"{reference.name}@{reference.version}")
    if version is None or version.digest != reference.digest:
        raise CalibrationError(
            f"the decisions were made under {reference.name}@{reference.version}, and the topic of policies does not"
            " have it: --policy FILE names its file, or that of a policy whose windows and method are the same"
        )
    return readable(version)
