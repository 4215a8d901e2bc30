"""Where a parent's decision came from, item by item, from the topics alone."""

from deploy.explain.account import Account, UnknownParentError, account
from deploy.explain.trace import Trace, trace

__all__ = ["Account", "Trace", "UnknownParentError", "account", "trace"]
