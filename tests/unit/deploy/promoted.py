"""Candidates, proofs and ledgers to try gates on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deploy.calibrate.result import Calibration, OfSource, Part, PolicyNamed, Validity
from deploy.policy.book import Book
from deploy.policy.writing import to_yaml
from deploy.promotion.candidate import Candidate, HeadCandidate
from deploy.promotion.evidence import CaseProof, RiskProof
from deploy.promotion.live import Ledger, Live
from deploy.promotion.proof import CanaryFinding, Proof
from schemas.activation import PolicyActivation
from schemas.heads import HeadManifest
from schemas.policy import Policy
from schemas.releases import AuditEntry, HeadReleased, InForce
from schemas.replays import ReplayPolicy
from schemas.testcases import CaseResult, CasesResult
from streams.policies import Document
from workers.watch.judge import Finding

KIND = "video-frame"
OLD, NEW, OTHER = "a" * 64, "b" * 64, "c" * 64
BUNDLED = Path(__file__).parents[3] / "deploy" / "heads"


def policy(medium: float = 0.4, *, high: float = 0.7, rules: tuple[dict[str, Any], ...] = (), **rule: Any) -> Policy:
    general = {"thresholds": {"high": high, "medium": medium, "low": 0.2}, **rule}
    return Policy.model_validate({"name": "night", "rules": [general, *rules]})


def live(*policies: Policy, ledger: Ledger | None = None) -> Live:
    """Return a place where these policies were published and activated, one after the other."""
    documents = []
    for number, one in enumerate(policies, 1):
        own = one.model_copy(update={"version": number})
        documents.append(Document(own.reference, own.model_dump_json().encode(), number))
        activation = PolicyActivation(sequence=number, name=own.name, version=number, digest=own.digest())
        documents.append(Document(activation.key, activation.to_json(), number))
    return Live(Book.of(documents), ledger or Ledger())


def released(scorer: str, head: str | None = OLD) -> HeadReleased:
    return HeadReleased(kind=KIND, head=head, scorer=scorer, name="head", who="x", why="y", at=0)


def entry(number: int, subject: str = "policy", *, undoes: int | None = None, command: str = "") -> AuditEntry:
    """Return the promotion from version or head NUMBER-1 to NUMBER, or what undoes one."""
    before, after = (InForce(name=f"night@{one}", digest=f"{one:064x}") for one in (number - 1, number))
    return AuditEntry(
        id=str(number if undoes is None else f"undo-{undoes}"),
        command=command or f"command-{number}-{undoes}",
        action="promotion" if undoes is None else "rollback",
        what="policy" if subject == "policy" else "head",
        kind=None if subject == "policy" else subject.removeprefix("head/"),
        before=before,
        after=after,
        undoes=None if undoes is None else str(undoes),
        who="x",
        why="y",
        at=0,
    )


def head(scorer: str = NEW, digest: str = NEW) -> HeadCandidate:
    manifest = HeadManifest.model_validate_json((BUNDLED / KIND / "manifest.json").read_bytes())
    return HeadCandidate(Path("heads/new"), manifest, digest, scorer)


def case(result: str = "passed", name: str = "blurred") -> CaseResult:
    return CaseResult.model_validate(
        {
            "name": name,
            "metric": "false_accept_rate",
            "assertion": "<= 0.05",
            "least": 30,
            "judge_by": "point",
            "result": result,
            "why": "0.02 is <= 0.05",
            "count": 100,
            "low": 0.0,
            "high": 0.04,
            "method": "Wilson",
        }
    )


def cases(candidate: Candidate, *found: CaseResult, **other: Any) -> CaseProof:
    """Return a result of test cases for a candidate."""
    own = candidate.policy
    fields: dict[str, Any] = {
        "name": "suite",
        "cases_digest": OTHER,
        "cases": found or (case(),),
        "passed": all(one.result == "passed" for one in found),
        "level": 0.95,
        "replay": OTHER,
        "heads": {candidate.head.kind: candidate.head.scorer} if candidate.head else None,
        "scorers": {candidate.head.kind: (candidate.head.scorer,)} if candidate.head else {KIND: (OLD,)},
        "policy": own and ReplayPolicy(name=own.name, version=own.version, digest=own.digest()),
        "decided": 200,
        "labelled": 100,
        "labels_digest": OTHER,
        **other,
    }
    return CaseProof(OTHER, CasesResult(**fields))


def part(
    threshold: float | None,
    scorer: str = OLD,
    scope: tuple[str, str] = ("*", "*"),
    *,
    kind: str = KIND,
    source: str = "camera-1",
    unjudged: tuple[tuple[str, str], ...] = (),
) -> Part:
    named = PolicyNamed(name="night", version=1, digest=OTHER)
    valid = Validity(
        sources=(source,),
        kinds=(kind,),
        scorers=(scorer,),
        policy=named,
        causes=("complete",),
        unseen_groups=False,
        marginal=False,
        unjudged=unjudged,
    )
    return Part(
        scopes=(scope,),
        valid_for=valid,
        delta=0.05,
        threshold=threshold,
        found=threshold,
        accepted=0.5,
        upper_bound=0.09,
        method="binomial",
        labels=400,
        bad=20,
        accepted_labels=200,
        accepted_bad=5,
        least_labels=29,
        claim="at most 0.1 of the accepted are bad",
        sources=(
            OfSource(source=source, kind=kind, labels=400, bad=20, accepted_labels=200, accepted_bad=5, risk=0.025),
        ),
        drawn=(),
    )


def risk(beside: Policy, *parts: Part) -> RiskProof:
    """Return a calibration with this policy beside it."""
    parts = parts or (part(0.45),)
    found = [one.threshold for one in parts if one.threshold is not None]
    calibration = Calibration(
        alpha=0.1,
        delta=0.05,
        run=0,
        seed=0,
        threshold=max(found, default=None),
        accepted=0.5,
        upper_bound=0.09,
        method="binomial",
        labels=400,
        bad=20,
        least_labels=29,
        claim="at most 0.1 of the accepted are bad" if found else "nothing can be accepted",
        valid_for=parts[0].valid_for,
        candidate=PolicyNamed(name=beside.name, version=beside.version, digest=beside.digest()),
        parts=parts,
        left_out=(),
        labels_digest=OTHER,
        through_at=0,
    )
    return RiskProof(OTHER, calibration, beside)


def canary(scorer: str = NEW, *, passed: bool = True) -> CanaryFinding:
    return CanaryFinding(KIND, scorer, 32, Finding(KIND, passed, 0.01, 0.4, "" if passed else "3 of 32 differ"))


def proof(candidate: Candidate, **other: Any) -> Proof:
    """Return a proof that holds for a candidate, but for what is given; canaries are those of the judged head."""
    scorer = candidate.head.scorer if candidate.head else OLD
    kind = candidate.head.kind if candidate.head else KIND
    fields: dict[str, Any] = {
        "canaries": (canary(scorer),),
        "cases": cases(candidate),
        "risk": risk(candidate.policy or policy(0.45), part(0.45, scorer, kind=kind)),
        **other,
    }
    return Proof(**fields)


def write_proof(folder: Path, found: Proof) -> tuple[Path, Path]:
    """Write a proof as files, as the commands do, and return the result of cases and the folder of the calibration."""
    folder.mkdir(parents=True, exist_ok=True)
    assert found.cases is not None
    assert found.risk is not None
    (folder / "cases.json").write_text(found.cases.result.model_dump_json())
    (folder / "calibration.json").write_text(found.risk.calibration.model_dump_json())
    document = json.loads(found.risk.policy.model_dump_json(exclude={"version"}))
    (folder / "policy.yaml").write_text(to_yaml(document))
    return folder / "cases.json", folder
