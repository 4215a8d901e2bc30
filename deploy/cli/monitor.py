"""`sluice monitor`: a view of all decisions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deploy.settings import Settings


def monitor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the present tables as JSON, and end.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")] = False,
) -> None:
    """Show pass rates, scores, closing causes and rejects by source, and raise alarms.

    A page on 127.0.0.1, at SLUICE_HTTP_PORT or a free port, which is logged; JSON at /monitor.json, and /metrics. Where
    a policy's rule has an expected_pass_rate, a window outside of it is told of on the topic `alarms`.

    Windows are SLUICE_MONITOR_WINDOW_SECONDS long. It may be killed: it reads what it shows from the topics again.

    Example: SLUICE_KAFKA=localhost:9092 SLUICE_HTTP_PORT=8650 sluice monitor
    """
    from deploy.process import begin
    from deploy.settings import Settings

    settings = Settings.load()
    stopped = begin(settings, "monitor", verbose=verbose)
    try:
        _show(settings, stopped, as_json=as_json)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"aiokafka", "datasketches", "faust", "mode"}:
            raise
        from deploy.errors import MissingPartError

        raise MissingPartError(f"the monitor needs {error.name}, of the extra 'monitor'. Run: make setup") from error


def _show(settings: Settings, stopped: Callable[[], bool], *, as_json: bool) -> None:
    if as_json:
        import json

        from deploy.monitor.once import once

        typer.echo(json.dumps(once(settings, stopped)))
        return
    from deploy.monitor.run import run

    run(settings, stopped)
