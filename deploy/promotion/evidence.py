"""Reads what a promotion rests on: the result of model test cases, and a calibration."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from deploy.calibrate.policies import candidate_beside
from deploy.calibrate.result import FILE, Calibration
from deploy.errors import ConfigurationError
from schemas.policy import Policy
from schemas.testcases import CasesResult

Model = TypeVar("Model", bound=BaseModel)
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class CaseProof:
    """The result of test cases, with the SHA-256 of its file."""

    sha256: str
    result: CasesResult


@dataclass(frozen=True, slots=True)
class RiskProof:
    """A calibration, with the SHA-256 of its file, and the policy that was written beside it."""

    sha256: str
    calibration: Calibration
    policy: Policy


def read_cases(path: Path) -> CaseProof:
    """Read what `sluice testcases run --out FILE` has written.

    Raises:
        ConfigurationError: it cannot be read, or is no such result.
    """
    sha256, result = _read(path, CasesResult, "--testcases", "what sluice testcases run --out FILE writes")
    return CaseProof(sha256, result)


def read_calibration(folder: Path) -> RiskProof:
    """Read what `sluice calibrate --out FOLDER` has written.

    Raises:
        ConfigurationError: it cannot be read, is no calibration, or the policy beside it was changed.
    """
    sha256, found = _read(folder / FILE, Calibration, "--calibration", "what sluice calibrate --out FOLDER writes")
    return RiskProof(sha256, found, candidate_beside(folder, found))


def _read(path: Path, model: type[Model], option: str, right: str) -> tuple[str, Model]:
    try:
        data = path.read_bytes()
        return hashlib.sha256(data).hexdigest(), model.model_validate_json(data)
    except OSError as error:
        raise ConfigurationError(f"{option}: {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))} {one['msg']}".strip() for one in error.errors()[:_SHOWN]]
        raise ConfigurationError(f"{option}: {path} is not {right}: {'; '.join(problems)}") from error
