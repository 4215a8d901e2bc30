"""The records on Sluice's topics and its documents, as pydantic models; imports nothing else of Sluice."""

from schemas.base import Document, Record
from schemas.decisions import Counts, Decision, PolicyRef, Timings, WorstItem
from schemas.heads import Encoding, HeadManifest, TrainingSource
from schemas.items import ItemEnvelope, ParentEndedEvent, RawItem
from schemas.policy import Action, Completeness, Label, Method, Policy, Rule, Thresholds
from schemas.scores import ItemFailed, ItemScored, ItemSkipped, ParentEnded, PolicyActivated, ScoreRecord

__all__ = [
    "Action",
    "Completeness",
    "Counts",
    "Decision",
    "Document",
    "Encoding",
    "HeadManifest",
    "ItemEnvelope",
    "ItemFailed",
    "ItemScored",
    "ItemSkipped",
    "Label",
    "Method",
    "ParentEnded",
    "ParentEndedEvent",
    "Policy",
    "PolicyActivated",
    "PolicyRef",
    "RawItem",
    "Record",
    "Rule",
    "ScoreRecord",
    "Thresholds",
    "Timings",
    "TrainingSource",
    "WorstItem",
]
