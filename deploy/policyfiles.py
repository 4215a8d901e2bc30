"""Reading policy files."""

from __future__ import annotations

from pathlib import Path

from deploy.errors import ConfigurationError
from deploy.policy.problems import DocumentError
from deploy.policy.reading import read
from schemas.policy import Policy

FOLDER = Path(__file__).parent / "policies"
DEFAULT = FOLDER / "default.yaml"
DEMO = FOLDER / "demo.yaml"


def load(path: Path | None = None) -> Policy:
    """Read and check a policy file.

    Args:
        path: a YAML file; None takes the default policy.

    Raises:
        ConfigurationError: it cannot be read, or is not a policy; the text names the file, line and column of
            everything that is wrong, and what would be right.
    """
    path = path or DEFAULT
    try:
        return read(text_of(path))
    except DocumentError as error:
        raise ConfigurationError(
            "this is no policy:\n" + "\n".join(f"  {path}:{problem}" for problem in error.problems)
        ) from error


def text_of(path: Path) -> str:
    """Return the text of a policy file.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"cannot read the policy {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the policy {path} is not UTF-8: {error.reason} at byte {error.start}") from error
