"""YAML as a tree that knows its places: values as JSON has them, and where each key and value stands.

Read as YAML 1.2 has it: `no`, `on` and `12:30` are texts, `1e-3` is a number. Tags are refused, since they could ask
for objects. Anchors, aliases and merge keys (`<<`) are read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from deploy.policy.problems import DocumentError, Mark, Problem, place_of

MOST_VALUES: Final = 200_000  # an alias of an alias of an alias would grow without end
_MERGE: Final = "<<"
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,30}$")
NUMBER: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_ODD_NUMBERS: Final = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_OWN_TAGS: Final = frozenset({yaml.BaseLoader.DEFAULT_SCALAR_TAG, "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"})

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Tree:
    """One value of a document, with its place."""

    value: Any
    mark: Mark
    children: dict[str | int, Tree] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)

    def find(self, location: Path) -> tuple[Tree, Mark, Path]:
        """Return the deepest value on the way to a location, where its key stands, and the way that was found."""
        tree, mark, found = self, self.mark, []
        for part in location:
            child = tree.children.get(part)
            if child is None:  # a key that is missing
                break
            mark = tree.keys[part] if isinstance(part, str) else child.mark
            tree = child
            found.append(part)
        return tree, mark, tuple(found)


def parse(text: str) -> Tree:
    """Read one YAML document.

    Raises:
        DocumentError: it is not YAML, or names a key twice, or has something that a policy has no use for.
        RecursionError: it is nested too deeply.
    """
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        stands = _mark(error.problem_mark or error.context_mark)
        told = ", ".join(part for part in (error.context, error.problem) if part)
        raise DocumentError([Problem(stands, "", f"this is not YAML: {told}")]) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        mark = Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise DocumentError([Problem(mark, "", f"this is not YAML: {error.reason}")]) from error
    if root is None:
        raise DocumentError([Problem(Mark(1, 1), "", "the document is empty; a policy has a name and rules")])
    builder = _Builder()
    tree = builder.build(root, ())
    if builder.problems:
        raise DocumentError(builder.problems)
    return tree


class _Builder:
    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._values = 0
        self._within: set[int] = set()  # nodes around the present one: an alias of one of them would have no end

    def build(self, node: Node, path: Path) -> Tree:
        self._values += 1
        if node.tag not in _OWN_TAGS:
            return self._refused(node, path, f"the tag {node.tag} is not read; leave it out")
        if id(node) in self._within or self._values > MOST_VALUES:
            text = "its aliases (*name) have no end, or too many values"
            raise DocumentError([Problem(_mark(node.start_mark), place_of(path), text)])
        self._within.add(id(node))
        try:
            return self._built(node, path)
        finally:
            self._within.discard(id(node))

    def _built(self, node: Node, path: Path) -> Tree:
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        mark = _mark(node.start_mark)
        if isinstance(node, SequenceNode):
            parts = [self.build(one, (*path, number)) for number, one in enumerate(node.value)]
            return Tree([part.value for part in parts], mark, dict(enumerate(parts)))
        plain = isinstance(node, ScalarNode) and node.style is None
        return Tree(_value(node.value) if plain else node.value, mark)

    def _mapping(self, node: MappingNode, path: Path) -> Tree:
        tree = Tree({}, _mark(node.start_mark))
        merged: list[Node] = []
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._refused(key, path, "a key is a word, not a list or a mapping")
            elif key.value == _MERGE and key.style is None:
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif key.value in tree.keys:
                first = tree.keys[key.value]
                self._refused(key, (*path, key.value), f"this key stands at {first.line}:{first.column} already")
            else:
                self._put(tree, key.value, _mark(key.start_mark), self.build(value, (*path, key.value)))
        for other in merged:
            self._merge(tree, other, path)
        return tree

    def _merge(self, tree: Tree, node: Node, path: Path) -> None:
        if not isinstance(node, MappingNode):
            self._refused(node, path, "<< takes mappings")
            return
        other = self.build(node, path)
        for name, mark in other.keys.items():
            if name not in tree.keys:
                self._put(tree, name, mark, other.children[name])

    def _put(self, tree: Tree, name: str, mark: Mark, child: Tree) -> None:
        tree.keys[name] = mark
        tree.children[name] = child
        tree.value[name] = child.value

    def _refused(self, node: Node, path: Path, text: str) -> Tree:
        self.problems.append(Problem(_mark(node.start_mark), place_of(path), text))
        return Tree(None, _mark(node.start_mark))


def _value(text: str) -> Any:
    """Return what a scalar without quotes stands for."""
    if text.lower() in _WORDS and text in {text.lower(), text.title(), text.upper()}:
        return _WORDS[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text) or _ODD_NUMBERS.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _mark(mark: Any) -> Mark:
    return Mark(1, 1) if mark is None else Mark(mark.line + 1, mark.column + 1)
