"""The command `sluice`. Each command is a module of its own and imports what it needs when it runs."""

from __future__ import annotations

import sys

import typer

from deploy.cli import (
    calibrate,
    canary,
    decide,
    demo,
    describe,
    diff,
    doctor,
    encoder,
    experiment,
    explain,
    items,
    labels,
    local,
    monitor,
    policy,
    promote,
    publish,
    replay,
    report,
    risk,
    rollback,
    sample,
    score,
    shadow,
    slices,
    testcases,
    topics,
    train,
    watch,
)
from deploy.errors import SluiceError

app = typer.Typer(
    name="sluice",
    help="A streaming quality gate on Apache Kafka: raw items in, exactly one accept, review or reject a parent out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(publish.publish)
app.command()(score.score)
app.command()(decide.decide)
app.command()(monitor.monitor)
app.command()(watch.watch)
app.command()(explain.explain)
app.command()(items.items)
app.command()(report.report)
app.command()(sample.sample)
app.command()(local.local)
app.command()(slices.slices)
app.command()(replay.replay)
app.command()(diff.diff)
app.command()(promote.promote)
app.command()(rollback.rollback)
app.command()(train.train)
app.command()(calibrate.calibrate)
app.command()(risk.risk)
app.command()(doctor.doctor)
app.command()(experiment.experiment)
app.add_typer(shadow.app, name="shadow")
app.add_typer(policy.app, name="policy")
app.add_typer(labels.app, name="labels")
app.add_typer(testcases.app, name="testcases")
app.add_typer(canary.app, name="canary")
app.add_typer(encoder.app, name="encoder")
app.add_typer(describe.app, name="describe")
app.add_typer(topics.app, name="topics")


def main() -> None:
    """Run a command; an error for people is one message on stderr, and its exit code."""
    try:
        app()
    except SluiceError as error:
        from deploy.logs import complain

        complain(error)
        sys.exit(error.exit_code)
