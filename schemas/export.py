"""Writes the JSON Schema of every record and document to schemas/json. `--check` only compares."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.activation import PolicyActivation
from schemas.alarms import Alarm, RiskAlarm
from schemas.decisions import Decision, Retraction
from schemas.encoders import EncoderManifest
from schemas.heads import HeadManifest
from schemas.items import ItemEnvelope, ParentEndedEvent
from schemas.labels import LabelGiven
from schemas.policy import Policy
from schemas.releases import AuditEntry, HeadReleased
from schemas.replays import ReplayRun
from schemas.scores import (
    ItemFailed,
    ItemRuled,
    ItemScored,
    ItemSkipped,
    ItemWithdrawn,
    ParentEnded,
    PolicyActivated,
)
from schemas.testcases import CasesResult, ModelCases

FOLDER = Path(__file__).parent / "json"
MODELS: tuple[type[BaseModel], ...] = (
    ItemEnvelope,
    ParentEndedEvent,
    ItemScored,
    ItemRuled,
    ItemFailed,
    ItemSkipped,
    ItemWithdrawn,
    ParentEnded,
    PolicyActivated,
    Decision,
    Retraction,
    Alarm,
    RiskAlarm,
    LabelGiven,
    Policy,
    PolicyActivation,
    HeadReleased,
    AuditEntry,
    HeadManifest,
    EncoderManifest,
    ReplayRun,
    ModelCases,
    CasesResult,
)


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a model as it stands on the wire."""
    schema = model.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"sluice:{model.__name__}:1", **schema}


def files() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    return {
        f"{model.__name__}.schema.json": json.dumps(json_schema(model), indent=2, sort_keys=True) + "\n"
        for model in MODELS
    }


def drifted() -> list[str]:
    """Return the names of the files that differ from the models, are missing, or have no model."""
    wanted = files()
    found = {path.name: path.read_text() for path in FOLDER.glob("*.schema.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def main(arguments: list[str]) -> int:
    """Export the schemas, or with `--check` name those that drifted and return 1."""
    if "--check" in arguments:
        names = drifted()
        for name in names:
            sys.stderr.write(f"{name} differs from its model; run: make schemas\n")
        return 1 if names else 0
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
