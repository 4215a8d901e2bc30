"""From the text of a file of test cases to the cases, or to everything that is wrong with them, each with its line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from deploy.errors import ConfigurationError
from deploy.items.expression import ExpressionError, parse
from deploy.policy.problems import DocumentError, Mark, Problem, place_of
from deploy.policy.yamltree import Path as Way
from deploy.policy.yamltree import Tree
from deploy.policy.yamltree import parse as parse_yaml
from schemas.testcases import CaseMetric, ModelCase, ModelCases

_LONGEST: Final = 60  # characters of a wrong value that are shown
_RIGHT: Final = {
    "metric": f"one of {', '.join(get_args(CaseMetric))}",
    "assertion": 'one of <=, <, >=, > and a number, such as "<= 0.05"',
    "judge_by": "interval or point",
    "least": "a whole number, 1 or more",
    "where": "a comparison, such as source == 'camera-3'",
    "name": "a text",
    "level": "a number from 0.5 to below 1, such as 0.95",
    "cases": "a list of cases, each with name, metric and assertion",
}


def load(path: Path) -> ModelCases:
    """Read and check a file of test cases.

    Raises:
        ConfigurationError: it cannot be read, or holds no cases; the text names the file, line and column of everything
            that is wrong, and what would be right.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"cannot read the test cases {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the test cases {path} are not UTF-8: byte {error.start} cannot be read") from error
    try:
        return read(text)
    except DocumentError as error:
        lines = "\n".join(f"  {path}:{problem}" for problem in error.problems)
        raise ConfigurationError(f"these are no test cases:\n{lines}") from error


def read(text: str) -> ModelCases:
    """Read test cases from YAML; JSON is YAML.

    Raises:
        DocumentError: they are none.
    """
    if not text.strip():
        raise DocumentError([Problem(Mark(1, 1), "", "the document is empty; test cases have a name and cases")])
    try:
        tree = parse_yaml(text)
        document = json.dumps(tree.value)
    except RecursionError:
        raise DocumentError([Problem(Mark(1, 1), "", "it is nested too deeply")]) from None
    except DocumentError as error:
        raise DocumentError([_hinted(text, problem) for problem in error.problems]) from error
    try:
        cases = ModelCases.model_validate_json(document, strict=True)
    except ValidationError as error:
        found = [_problem(tree, one["type"], one["loc"], one["msg"]) for one in error.errors(include_url=False)]
        raise DocumentError(sorted(found, key=lambda problem: problem.mark)) from error
    wrong = list(_expressions(tree, cases))
    if wrong:
        raise DocumentError(wrong)
    return cases


def _hinted(text: str, problem: Problem) -> Problem:
    """Return a problem of YAML, with what to do where an assertion stands without quotes: > begins a text of lines."""
    lines = text.splitlines()
    line = lines[problem.mark.line - 1] if problem.mark.line <= len(lines) else ""
    if ": >" not in line:
        return problem
    return Problem(problem.mark, problem.place, f'{problem.text}; write an assertion in quotes: ">= 0.9"')


def _problem(tree: Tree, kind: str, location: Way, message: str) -> Problem:
    found, mark, way = tree.find(location)
    name = str(location[-1]) if location else ""
    right = _RIGHT.get(name, "")
    if kind == "missing":
        return Problem(mark, place_of(way), f"{name} is missing" + (f": {right}" if right else ""))
    if kind == "extra_forbidden":
        known = list((ModelCase if len(location) > 1 else ModelCases).model_fields)
        close = get_close_matches(name.lower(), known, 1, 0.6)
        meant = f" Did you mean {close[0]}?" if close else ""
        return Problem(mark, place_of(way), f"there is no {name} here.{meant} Right would be one of {', '.join(known)}")
    if kind == "value_error":
        return Problem(mark, place_of(way), message.removeprefix("Value error, "))
    told = f" Right would be {right}." if right else f" {message}."
    return Problem(found.mark, place_of(way), f"{_shown(found.value)} is wrong.{told}")


def _expressions(tree: Tree, cases: ModelCases) -> Iterator[Problem]:
    for number, case in enumerate(cases.cases):
        if case.where is None:
            continue
        try:
            parse(case.where)
        except ExpressionError as error:
            way: Way = ("cases", number, "where")
            yield Problem(tree.find(way)[0].mark, place_of(way), told(error))


def told(error: ExpressionError) -> str:
    """Return what is wrong with an expression in one line, with the part of it that is meant."""
    problem, *rest = str(error).removeprefix("--where: ").removeprefix("--where ").split("\n")
    if len(rest) != 2:  # noqa: PLR2004 - the line and the marks below it
        return problem
    line, marks = rest
    part = line[marks.find("^") : marks.rfind("^") + 1].strip()
    return f"{problem} (at: {part})" if part else problem


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
