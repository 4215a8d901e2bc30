"""Where a parent's decision came from, item by item, from the topics alone."""

from deploy.explain.account import Account, UnknownParentError, UnknownWindowError, account
from deploy.explain.check import Checked, NotVerifiedError, UnverifiableError, check_all
from deploy.explain.trace import Trace, trace

__all__ = [
    "Account",
    "Checked",
    "NotVerifiedError",
    "Trace",
    "UnknownParentError",
    "UnknownWindowError",
    "UnverifiableError",
    "account",
    "check_all",
    "trace",
]
