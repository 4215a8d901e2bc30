"""Errors of the guarantee.

::

    GuaranteeError               a claim cannot be made from these labels, or from what was asked
    ├── ProbabilityError         a sampling probability is zero, unknown, above 1, or below the least one stated
    └── GroupsError              a claim about unseen groups cannot be made from these labels
"""

from __future__ import annotations


class GuaranteeError(ValueError):
    """No claim can be made."""


class ProbabilityError(GuaranteeError):
    """A label without a known way into the sample cannot stand for those that were not drawn."""


class GroupsError(GuaranteeError):
    """The labels say nothing about groups that are not among them."""
