"""Writes what training from labels made: one folder, named by its content."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from schemas.heads import HeadManifest
from workers.heads.store import save_weights
from workers.training.evaluation import Evaluation
from workers.training.fitting import Fitted
from workers.training.judging import Verdict

EVALUATION: Final = "evaluation.json"
_DIGITS: Final = 12


def write_result(out: Path, fitted: Fitted, verdict: Verdict) -> tuple[Path, HeadManifest]:
    """Write manifest, weights and evaluation, and return the folder and the manifest.

    The folder is called KIND-DIGEST, after the first 12 digits of `HeadManifest.digest()`; the manifest holds the
    SHA-256 of the weights and of the evaluation. So equal names mean equal heads, and a folder that is there already is
    left as it is. It appears whole, or not at all.

    Raises:
        OSError: it cannot be written.
    """
    data = dumped(verdict.evaluation)
    manifest = fitted.head.manifest.model_copy(
        update={
            "results": verdict.results,
            "parents": list(verdict.parents),
            "weights_sha256": hashlib.sha256(fitted.weights).hexdigest(),
            "evaluation_sha256": hashlib.sha256(data).hexdigest(),
        }
    )
    manifest = HeadManifest.model_validate(manifest.model_dump())  # copies are not checked, and files are
    folder = out / f"{re.sub(r'[^A-Za-z0-9._-]', '-', manifest.kind)}-{manifest.digest()[:_DIGITS]}"
    if not folder.exists():
        out.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".training-", dir=out))
        try:
            (made / EVALUATION).write_bytes(data)
            save_weights(made, manifest, fitted.weights)
            made.chmod(0o755)
            made.rename(folder)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    return folder, manifest


def dumped(evaluation: Evaluation) -> bytes:
    """Return an evaluation as JSON, without the paths of files: the folder is to be the same on any machine."""
    fields = asdict(evaluation)
    for one in (*fields["items"], *fields["parents"]):
        del one["path"]
    return (json.dumps(fields, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
