"""What applies under a policy, in words, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deploy.cli.plain import COLOURS, plain
from deploy.policy.compare import scope_name
from schemas.experiments import Arm
from schemas.policy import Label, Policy, Rule
from schemas.windows import IndexRanges, TimeSpans

_WIDE = 140  # columns, where there is no edge


def show_rules(policy: Policy) -> None:
    """Print what applies to which kind and source, the most specific first; and what differs in an experiment."""
    _show(policy.rules)
    own = policy.experiment
    if own is None:
        return
    print_parts()
    print_parts(plain(f"experiment {own.name}", "bold"), plain(f": {own.share:.4g} of the parents are the candidate's"))
    _show([rule for rule in policy.rules_in(Arm.CANDIDATE) if rule not in policy.rules])


def _show(rules: Iterable[Rule]) -> None:
    for rule in sorted(rules, key=lambda one: (one.kind == "*") * 2 + (one.source == "*")):
        print_parts()
        print_parts(plain(scope_name((rule.kind, rule.source)), "bold"))
        for name, text in _facts(rule):
            print_parts(Text(f"  {name:11} ", style="dim"), text)


def _facts(rule: Rule) -> Iterator[tuple[str, Text]]:
    yield "window", plain(_window(rule))
    yield "method", plain(_method(rule))
    yield "bands", _bands(rule)
    least = rule.completeness
    yield (
        "enough is",
        plain(
            f"{least.min_scored} scored, at most {least.max_missing:g} of them missing;"
            f" a failed one counts as {least.failed_as}, a missing one as {least.missing_as}"
        ),
    )
    yield (
        "closes",
        plain(f"{rule.idle_ms / 1000:g} s after the last item, {rule.max_age_ms / 1000:g} s after the first"),
    )
    if rule.early:
        yield "early", plain("as soon as no remaining item can change the action")
    late = "counted only" if rule.late.rule == "count" else f"a revision, for {rule.late.allowed_ms / 1000:g} s"
    yield "late items", plain(late)
    for item in rule.items:
        yield "items", plain(f"{item.name}: {item.when.check}, then {item.then}")
    if rule.audit.accept or rule.audit.reject:
        yield "audit", plain(f"{rule.audit.accept:g} of accepts, {rule.audit.reject:g} of rejects")
    if rule.expected_pass_rate is not None:
        yield "pass rate", plain(f"{rule.expected_pass_rate.low:g} to {rule.expected_pass_rate.high:g} expected")
    yield "bad", plain(f"a label below {rule.bad_below:g}")
    if rule.uncalibrated_may_reject:
        yield "heads", plain("an uncalibrated one may reject")


def _window(rule: Rule) -> str:
    window = rule.window
    if isinstance(window, TimeSpans):
        return f"every {window.hop / 1000:g} s of item time, {window.length_ms / 1000:g} s long"
    return f"{window.size} indices" if isinstance(window, IndexRanges) else "the whole parent"


def _method(rule: Rule) -> str:
    method = rule.method
    parts = {
        "median": method.median,
        "trimmed_mean": method.trim,
        "quantile": method.q,
        "share_below": method.threshold,
    }
    return f"{method.name} ({parts[method.name]})" if method.name in parts else method.name


def _bands(rule: Rule) -> Text:
    edges = (rule.thresholds.high, rule.thresholds.medium, rule.thresholds.low, 0.0)
    parts = []
    for label, edge in zip(Label, edges, strict=True):
        action = rule.actions[label]
        flag = " (review flag)" if label in rule.review_flag else ""
        parts.append(Text(f"{label} from {edge:g}: ") + Text(action, style=COLOURS[action]) + Text(flag))
    return Text(", ").join(parts)


def print_parts(*parts: Text | Table) -> None:
    """Print a table, or texts in one line: in colours on a terminal only."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    if parts and isinstance(parts[0], Table):
        console.print(parts[0])
    else:
        console.print(Text().join(part for part in parts if isinstance(part, Text)), soft_wrap=True)
