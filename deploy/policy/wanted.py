"""What would be right at a place of a policy, in words, from the policy's own JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, Final

from schemas.policy import Policy

Schema = Mapping[str, Any]


@cache
def _document() -> Schema:
    return Policy.model_json_schema()


def way_of(location: Sequence[str | int]) -> tuple[str | int, ...]:
    """Return a place as the document has it: without the names of choices, which pydantic puts into it."""
    schema, way = _document(), []
    for part in location:
        if choices_of(_resolved(schema)) is None:
            way.append(part)
        schema = _child(schema, part)
    return tuple(way)


def schema_at(location: Sequence[str | int]) -> Schema:
    """Return the schema of a place as pydantic names it, which has the names of choices in it; {} where none is."""
    schema = _document()
    for part in location:
        schema = _child(schema, part)
    return _resolved(schema)


def _child(schema: Schema, part: str | int) -> Schema:
    schema = _resolved(schema)
    if isinstance(part, int):
        return dict(schema.get("items", {}))
    choices = schema.get("discriminator", {}).get("mapping", {})
    if part in choices:
        return {"$ref": choices[part]}
    properties = schema.get("properties", {})
    return dict(properties.get(part) or schema.get("additionalProperties") or {})


def _resolved(schema: Schema) -> Schema:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return {**_document()["$defs"][name], **{key: value for key, value in schema.items() if key != "$ref"}}
    options = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    return _resolved({**options[0], **_said(schema)}) if len(options) == 1 else schema


def _said(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key in {"description", "default"}}


def names_in(schema: Schema) -> list[str]:
    """Return the keys that a mapping may have."""
    keys = schema.get("propertyNames")
    return list(_resolved(keys)["enum"]) if keys else list(schema.get("properties", {}))


def choices_of(schema: Schema) -> tuple[str, list[str]] | None:
    """Return the key that says which kind of mapping it is, with what it may say; None where there is no choice."""
    found = schema.get("discriminator")
    return (found["propertyName"], sorted(found["mapping"])) if found else None


def words_for(schema: Schema) -> str:
    """Return what would be right, such as `a number from 0 to 1`; empty where the schema does not say."""
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return one_of(schema["enum"])
    choice = choices_of(schema)
    if choice is not None:
        return f"a mapping with {choice[0]}: {one_of(choice[1])}"
    words = _WORDS.get(schema.get("type", ""))
    return words(schema) if words else ""


def one_of(names: Sequence[str]) -> str:
    """Return a choice in words."""
    return f"one of {', '.join(names)}" if len(names) > 1 else ", ".join(names)


def near(name: str, known: Sequence[str]) -> str:
    """Return a question about what may have been meant, or nothing."""
    found = get_close_matches(name.lower(), known, 1, 0.6)
    return f" Did you mean {found[0]}?" if found else ""


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low:.15g} to {high:.15g}"
    ends = (
        ("minimum", "{:.15g} or more"),
        ("exclusiveMinimum", "above {:.15g}"),
        ("maximum", "{:.15g} or less"),
        ("exclusiveMaximum", "below {:.15g}"),
    )
    parts = [text.format(schema[name]) for name, text in ends if name in schema]
    return ", " + " and ".join(parts) if parts else ""


def _length(schema: Schema, unit: str) -> str:
    least, most = schema.get(f"min{unit}"), schema.get(f"max{unit}")
    parts = [f"at least {least}"] * bool(least) + [f"at most {most}"] * (most is not None)
    return f" of {' and '.join(parts)}" if parts else ""


def _text(schema: Schema) -> str:
    if "pattern" in schema:
        return f"a text that matches {schema['pattern']}"
    length = _length(schema, "Length")
    return f"a text{length} characters" if length else "a text"


_WORDS: Final[Mapping[str, Callable[[Schema], str]]] = {
    "integer": lambda schema: f"a whole number{_range(schema)}",
    "number": lambda schema: f"a number{_range(schema)}",
    "boolean": lambda _: "true or false",
    "string": _text,
    "array": lambda schema: f"a list{_length(schema, 'Items')}",
    "object": lambda _: "a mapping",
}
