"""The wiring of `sluice calibrate`: labels, decisions and heads in; a threshold with a guarantee out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from deploy.calibrate import contents, decided
from deploy.calibrate.acceptance import accept_edge
from deploy.calibrate.decided import Decided
from deploy.calibrate.edges import with_edges
from deploy.calibrate.errors import CalibrationError
from deploy.calibrate.joining import WORDS, Joined, Terms, join, newest_scorers
from deploy.calibrate.live import Live
from deploy.calibrate.parts import Ask, Judged, judged_parts
from deploy.calibrate.policies import policy_for
from deploy.calibrate.result import Calibration
from deploy.calibrate.summing import summed
from deploy.calibrate.trained import Trained, incomplete, trained_heads
from deploy.errors import ConfigurationError
from deploy.labels.counting import Conflicts
from deploy.labels.files import read_file
from deploy.labels.rows import Defaults
from deploy.replay.folder import open_run
from schemas.decisions import Decision
from schemas.labels import LabelGiven
from schemas.policy import Policy
from workers.guarantee import GuaranteeError

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows a bar with a text and a total, and gives what advances it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be calibrated.

    Attributes:
        ask: levels, and what is judged apart.
        labels: a file; None: the topic `labels`.
        replay: the folder of a replay whose decisions are judged; None: the live ones.
        policy: a file or NAME@VERSION; None: that of the decisions.
        heads: folders of the heads that made the scores; the store of promoted heads is looked into after them.
        conflicts: what becomes of labels of people who disagree.
        probability: of labels that do not say with which they were drawn.
        now: ms since 1970.
    """

    ask: Ask
    labels: Path | None
    replay: Path | None
    policy: str | None
    heads: tuple[Path, ...]
    conflicts: Conflicts
    probability: float | None
    now: int

    @property
    def needs_kafka(self) -> bool:
        """Whether files alone do not do: a replay that scored nothing anew does not know its items' contents."""
        files = self.labels is not None and self.policy is not None and Path(self.policy).is_file()
        return not files or self.replay is None or not open_run(self.replay).rescored


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: the record, the policy to go with it, and the samples for a drawing."""

    calibration: Calibration
    policy: Policy
    parts: tuple[Judged, ...]


def calibrate(request: Request, live: Live, bar: Bar) -> Outcome:
    """Choose thresholds by labels.

    Args:
        request: what is asked for.
        live: the topics, which are opened where they are needed.
        bar: shows how far the reading is.

    Raises:
        ConfigurationError: a file or an option is wrong, or a head is missing.
        CalibrationError: the labels cannot bear a claim.
        ReplayError: the folder is no finished replay.
        BrokerError: Kafka cannot be used.
    """
    _check_topics(request, live)
    labels = _labels(request, live)
    parents = {label.parent_id for label in labels}
    found = _decided(request, live, parents, bar)
    request = replace(request, ask=_of_replay(request.ask, found))
    decisions = list(decided.all_of(found.windows))
    policy = policy_for(request.policy, decisions, live.book)
    asked = [one for one in decisions if _asked(one, request.ask)]
    _check_edges(policy, asked)
    folders = (*request.heads, live.settings.head_store_folder)
    heads = trained_heads(folders, {one for (one,) in newest_scorers(asked).values()})
    known = _contents(request, live, parents & found.windows.keys(), bar)
    joined = join(labels, found.windows, _terms(request, policy, partial(_why_trained, heads, known)))
    parts = _parts(joined, policy, found, request.ask)
    candidate = with_edges(policy, [(scope, one.part.threshold) for one in parts for scope in one.part.scopes])
    notes = [*_notes(joined, found, heads, known), *_of_experiment(policy), *_of_runs(request.ask)]
    record = summed(parts, joined, request.ask, candidate=candidate, notes=notes, replay=found.replay)
    return Outcome(record, candidate, tuple(parts))


def _of_replay(ask: Ask, found: Decided) -> Ask:
    """Return what is asked for, of the sources that a replay decided about: others were not looked at."""
    own = found.replay.sources if found.replay is not None else ()
    return replace(ask, sources=frozenset(own)) if own and not ask.sources else ask


def _terms(request: Request, policy: Policy, why: Callable[[LabelGiven, Decision], str | None]) -> Terms:
    ask = request.ask
    return Terms(policy, ask.sources, ask.kinds, request.conflicts, request.probability, ask.seed, why)


def _parts(joined: Joined, policy: Policy, found: Decided, ask: Ask) -> list[Judged]:
    if not joined.rows:
        raise CalibrationError(f"there is no label to calibrate by.{_left_out(joined)}")
    try:
        return judged_parts(joined.rows, policy, found.actions, ask)
    except GuaranteeError as error:
        raise CalibrationError(str(error)) from error
    except CalibrationError as error:
        raise CalibrationError(f"{error}.{_left_out(joined)}") from error


def _check_topics(request: Request, live: Live) -> None:
    """Check that a replay and the topics that are read beside it belong together."""
    if request.replay is None or not request.needs_kafka:
        return
    prefix = open_run(request.replay).record.topic_prefix
    if prefix != live.settings.topic_prefix:
        raise ConfigurationError(
            f"the replay was made of the topics {prefix}*, and SLUICE_TOPIC_PREFIX is {live.settings.topic_prefix}:"
            f" labels, policies and items' contents would be read from there. Set SLUICE_TOPIC_PREFIX={prefix}"
        )


def _labels(request: Request, live: Live) -> Sequence[LabelGiven]:
    if request.labels is None:
        return live.labels()
    return read_file(request.labels, Defaults(request.now, who=request.labels.name)).labels


def _decided(request: Request, live: Live, parents: set[str], bar: Bar) -> Decided:
    if request.replay is not None:
        return decided.of_replay(request.replay, parents)
    with bar("reading decisions", decided.total(live.properties, live.settings)) as advance:
        return decided.live(live.properties, live.settings, parents, advance)


def _contents(request: Request, live: Live, parents: set[str], bar: Bar) -> contents.Contents:
    """Return the contents of the parents' items, from what a replay scored, or from `scores`."""
    if request.replay is not None:
        found = contents.of_replay(request.replay, parents)
        if found or not request.needs_kafka:
            return found
    log = contents.ScoreLog(live.properties, live.settings, parents)
    with bar("reading scores", log.total) as advance:
        return log.contents(advance)


def _asked(decision: Decision, ask: Ask) -> bool:
    return (not ask.sources or decision.source in ask.sources) and (not ask.kinds or decision.kind in ask.kinds)


def _check_edges(policy: Policy, decisions: Sequence[Decision]) -> None:
    for kind, source in {(one.kind, one.source) for one in decisions}:
        rule = policy.rule_for(kind, source)
        try:
            accept_edge(rule)
        except ValueError as error:
            raise ConfigurationError(
                f"the rule for kind {rule.kind} and source {rule.source} of {policy.name} {error}: a threshold accepts"
                " from a score on"
            ) from error


def _why_trained(
    heads: dict[str, Trained], known: contents.Contents, label: LabelGiven, decision: Decision
) -> str | None:
    own = known.get(decision.parent_id, set())
    found = (heads[scorer].why(label, own) for scorer in decision.scorers if scorer in heads)
    return next((why for why in found if why is not None), None)


def _left_out(joined: Joined) -> str:
    return "".join(
        f"\n  {len(parents)} {WORDS[reason]}: {', '.join(parents[:3])}{', ...' * (len(parents) > 3)}"  # noqa: PLR2004
        for reason, parents in joined.left_out.items()
    )


def _notes(joined: Joined, found: Decided, heads: dict[str, Trained], known: contents.Contents) -> list[str]:
    notes = []
    clocked = sum((row.decision.parent_id, row.decision.window) in found.wall_clock for row in joined.rows)
    if clocked:
        notes.append(f"{clocked} windows were closed by the wall clock in the live run, and by stream time here")
    unlisted = incomplete(heads)
    if unlisted:
        notes.append(
            f"{', '.join(unlisted)} does not list the contents that it was trained on, so they are not compared:"
            " parents and groups are. Train it again to have them listed"
        )
    unknown = sum(not known.get(row.decision.parent_id) for row in joined.rows)
    if unknown:
        notes.append(f"of {unknown} parents no content is known, so it is not compared with what heads were trained on")
    return notes


def _of_experiment(policy: Policy) -> list[str]:
    if policy.experiment is None:
        return []
    told = f"the experiment {policy.experiment.name} is left out of the policy that is written"
    return [f"{told}: its candidate's arm would accept from an edge of its own"]


def _of_runs(ask: Ask) -> list[str]:
    if ask.run:
        return []
    told = f"all of delta {ask.delta:g} is spent on this one calibration: who calibrates again needs --run 1, 2, ..."
    return [f"{told} from the first on, for the claim to hold over all of them"]
