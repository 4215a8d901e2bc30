"""What can go wrong while Sluice is set up or run, as one small tree.

SluiceError                 1   anything that ends a command; its text says what to do
├── ConfigurationError      2   a setting or an argument is wrong: names the variable, and what would be right
├── MissingPartError        3   a package or a file that is needed here is not installed
└── BrokerError             4   Kafka or Redis
    ├── UnreachableError    4   the address that was given does not answer
    ├── StartError          4   the local one did not come up: holds the end of its log, and the log's path
    ├── FolderInUseError    4   another process works in the data folder
    └── JarError            4   the local Kafka's jars are not there, or are not those of jars.lock

The number is the exit code of the command. Errors of one command alone are beside it; README.md lists all codes.
"""

from __future__ import annotations

from typing import ClassVar, Final

PARTLY_READ: Final = 9  # exit code where some files could not be read, and the others were
UNFINISHED: Final = 13  # exit code where the grace period was over first; the next replica does the rest


class SluiceError(Exception):
    """An error for people: its text says what happened and what to do. `exit_code` is that of the command."""

    exit_code: ClassVar[int] = 1


class ConfigurationError(SluiceError):
    """A setting or an argument is wrong."""

    exit_code = 2


class MissingPartError(SluiceError):
    """A package or a file that is needed here is not installed."""

    exit_code = 3


class BrokerError(SluiceError):
    """Kafka or Redis cannot be used."""

    exit_code = 4


class UnreachableError(BrokerError):
    """The Kafka or Redis at the given address does not answer."""


class StartError(BrokerError):
    """The local Kafka or Valkey did not come up."""


class FolderInUseError(BrokerError):
    """Another process works in the data folder."""


class JarError(BrokerError):
    """The jars of the local Kafka are missing, or differ from those that were locked."""
