"""Reading policy files."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from deploy.errors import ConfigurationError
from schemas.policy import Policy

FOLDER = Path(__file__).parent / "policies"
DEFAULT = FOLDER / "default.yaml"
DEMO = FOLDER / "demo.yaml"


def load(path: Path | None = None) -> Policy:
    """Read and check a policy file.

    Args:
        path: a YAML file; None takes the default policy.

    Raises:
        ConfigurationError: it cannot be read, or is not a policy; the text names each place that is wrong.
    """
    path = path or DEFAULT
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"cannot read the policy {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the policy {path} is not YAML: {error}") from error
    try:
        return Policy.model_validate(document)
    except ValidationError as error:
        places = (f"  {_place(problem['loc'])}: {problem['msg']}" for problem in error.errors(include_url=False))
        raise ConfigurationError(f"the policy {path} is wrong:\n" + "\n".join(places)) from error


def _place(location: tuple[str | int, ...]) -> str:
    """Return a place as people write it: rules[0].thresholds.high."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".") or "the document"
