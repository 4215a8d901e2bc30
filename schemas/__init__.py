"""The records on Sluice's topics and its documents, as pydantic models; imports nothing else of Sluice."""

from schemas.activation import PolicyActivation
from schemas.alarms import ActionCounts, Alarm, AlarmPolicy, RiskAlarm
from schemas.base import Document, Record
from schemas.decisions import AuditDraw, Bounds, Counts, Decision, PolicyRef, Retraction, Timings, WorstItem
from schemas.heads import Encoding, HeadManifest, TrainingSource
from schemas.items import ItemEnvelope, ParentEndedEvent, RawItem
from schemas.labels import LabelGiven
from schemas.policy import Action, Audit, Completeness, Label, Late, Method, PassRate, Policy, Rule, Thresholds
from schemas.scores import (
    ItemFailed,
    ItemRuled,
    ItemScored,
    ItemSkipped,
    ItemWithdrawn,
    ParentEnded,
    PolicyActivated,
    ScoreRecord,
)
from schemas.windows import IndexRanges, TimeSpans, Whole, WindowRule

__all__ = [
    "Action",
    "ActionCounts",
    "Alarm",
    "AlarmPolicy",
    "Audit",
    "AuditDraw",
    "Bounds",
    "Completeness",
    "Counts",
    "Decision",
    "Document",
    "Encoding",
    "HeadManifest",
    "IndexRanges",
    "ItemEnvelope",
    "ItemFailed",
    "ItemRuled",
    "ItemScored",
    "ItemSkipped",
    "ItemWithdrawn",
    "Label",
    "LabelGiven",
    "Late",
    "Method",
    "ParentEnded",
    "ParentEndedEvent",
    "PassRate",
    "Policy",
    "PolicyActivated",
    "PolicyActivation",
    "PolicyRef",
    "RawItem",
    "Record",
    "Retraction",
    "RiskAlarm",
    "Rule",
    "ScoreRecord",
    "Thresholds",
    "TimeSpans",
    "Timings",
    "TrainingSource",
    "Whole",
    "WindowRule",
    "WorstItem",
]
