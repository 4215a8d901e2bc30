"""`sluice policy` as far as it needs no Kafka."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy import policyfiles
from deploy.cli import app
from deploy.errors import ConfigurationError

WRONG = "name: night\nrules:\n  - idle_ms: 0\n    method: {name: medain}\n"
RIGHT = """\
name: night
rules:
  - window: {by: time, length_ms: 60000, hop_ms: 30000}
  - kind: mri-slice
    source: hospital-7
    method: {name: min}
    items: [{name: too_short, when: {check: length, min: 9}, then: skip}]
"""


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["policy", *arguments])


def _file(folder: Path, text: str) -> str:
    path = folder / "night.yaml"
    path.write_text(text)
    return str(path)


def test_a_right_file_shows_what_applies_to_whom(tmp_path: Path) -> None:
    done = _run("validate", _file(tmp_path, RIGHT), str(policyfiles.DEFAULT))
    assert done.exit_code == 0
    assert "night, the next version" in done.stdout
    assert f"default, version {policyfiles.load(None).version}" in done.stdout
    special, _, rest = done.stdout.partition("all other kinds and sources")
    assert "kind mri-slice and source hospital-7" in special
    assert "too_short: length, then skip" in special
    assert "every 30 s of item time, 60 s long" in rest
    assert "\x1b" not in done.stdout


def test_a_wrong_file_is_told_line_by_line_and_ends_with_code_2(tmp_path: Path) -> None:
    path = _file(tmp_path, WRONG)
    done = _run("validate", path)
    assert isinstance(done.exception, ConfigurationError)
    assert done.exception.exit_code == 2
    assert f"{path}:3:14: rules[0].idle_ms: 0 is wrong" in done.stderr
    assert f"{path}:4:20: rules[0].method.name" in done.stderr
    (told,) = json.loads(_run("validate", path, "--json").stdout)
    assert (told["valid"], [one["line"] for one in told["problems"]]) == (False, [3, 4])


def test_two_files_are_compared_field_by_field(tmp_path: Path) -> None:
    path = _file(tmp_path, RIGHT)
    told = json.loads(_run("diff", str(policyfiles.DEFAULT), path, "--json").stdout)
    assert told["rules"] == [
        {"kind": "document-chunk", "source": "*", "rule": "removed"},
        {"kind": "mri-slice", "source": "hospital-7", "rule": "added"},
    ]
    found = {(one["kind"], one["field"]): (one["before"], one["after"]) for one in told["differences"]}
    assert found["*", "window.hop_ms"] == (None, 30_000)
    assert found["mri-slice", "method.name"] == ("median", "min")
    assert ("mri-slice", "window.by") not in found
    shown = _run("diff", str(policyfiles.DEFAULT), path).stdout
    assert "rule added: kind mri-slice and source hospital-7" in shown
    assert "nothing differs" in _run("diff", path, path).stdout


@pytest.mark.parametrize("command", ["validate", "show", "diff", "publish", "rollback", "history"])
def test_help_has_an_example(command: str) -> None:
    assert "Example: " in _run(command, "--help").stdout
