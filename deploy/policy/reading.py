"""From the text of a policy document to a policy, or to everything that is wrong with it, each with its line."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from deploy.policy import wanted
from deploy.policy.problems import DocumentError, Mark, Problem, place_of
from deploy.policy.yamltree import Path, Tree, parse
from schemas.policy import Policy

_LONGEST = 60  # characters of a wrong value that are shown


def read(text: str) -> Policy:
    """Read a policy from YAML; JSON is YAML.

    Raises:
        DocumentError: it is not one.
    """
    try:
        tree = parse(text)
        document = json.dumps(tree.value)
    except RecursionError:
        raise DocumentError([Problem(Mark(1, 1), "", "it is nested too deeply")]) from None
    try:
        return Policy.model_validate_json(document, strict=True)
    except ValidationError as error:
        found = [_problem(tree, one["type"], one["loc"], one["msg"]) for one in error.errors(include_url=False)]
        raise DocumentError(sorted(found, key=lambda problem: problem.mark)) from error


def _problem(tree: Tree, kind: str, location: Path, message: str) -> Problem:
    found, mark, way = tree.find(wanted.way_of(location))
    if kind == "missing":
        return Problem(mark, place_of(way), _missing(location))
    if kind == "extra_forbidden":
        return Problem(_key_mark(tree, way), place_of(way), _unknown(location))
    if location[-1:] == ("[key]",):
        return Problem(_key_mark(tree, way), place_of(way), _unknown(location[:-1]))
    if kind.startswith("union_tag"):
        return _choice(found, mark, way, location)
    if kind == "value_error":
        return Problem(mark, place_of(way), message.removeprefix("Value error, "))
    return Problem(found.mark if not found.children else mark, place_of(way), _wrong(found.value, location, message))


def _key_mark(tree: Tree, way: Path) -> Mark:
    return tree.find(way)[1]


def _missing(location: Path) -> str:
    name, schema = location[-1], wanted.schema_at(location)
    right = wanted.words_for(schema)
    meaning = f". {schema['description']}" if "description" in schema else ""
    return f"{name} is missing" + (f": {right}" if right else "") + meaning


def _unknown(location: Path) -> str:
    known = wanted.names_in(wanted.schema_at(location[:-1]))
    name = str(location[-1])
    return f"there is no {name} here.{wanted.near(name, known)} Right would be {wanted.one_of(known)}"


def _choice(found: Tree, mark: Mark, way: Path, location: Path) -> Problem:
    """Tell of a mapping whose kind is not said, or unknown."""
    key, names = wanted.choices_of(wanted.schema_at(location)) or ("", [])
    child = found.children.get(key)
    if child is None:
        return Problem(mark, place_of(way), f"{key} is missing: {wanted.one_of(names)}")
    meant = wanted.near(str(child.value), names)
    text = f"{_shown(child.value)} is wrong. Right would be {wanted.one_of(names)}.{meant}"
    return Problem(child.mark, place_of((*way, key)), text)


def _wrong(value: Any, location: Path, message: str) -> str:
    schema = wanted.schema_at(location)
    right = wanted.words_for(schema)
    if not right:
        return f"{_shown(value)} is wrong: {message[:1].lower()}{message[1:]}"
    meant = wanted.near(value, schema.get("enum", [])) if isinstance(value, str) else ""
    return f"{_shown(value)} is wrong. Right would be {right}.{meant}"


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
