"""A small explicit-state model checker: breadth first, so that every counterexample is a shortest one.

A model gives its first state, the labelled steps out of a state, what is broken in a state, and whether a state is a
finished one. Two things are looked for: a reachable state that is broken, and a reachable state from which no finished
state can be reached any more (something was lost, or everybody waits for ever).
"""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

LOST = "lost: nothing that may follow can finish the work"

State = TypeVar("State", bound=Hashable)


class Model(Protocol[State]):
    def initial(self) -> State: ...

    def steps(self, state: State) -> Iterable[tuple[str, State]]: ...

    def broken(self, state: State) -> str | None: ...

    def done(self, state: State) -> bool: ...


@dataclass(frozen=True)
class Report:
    """What an exploration found: nothing (reason is empty), or a shortest way to something that must not be."""

    states: int
    seconds: float
    reason: str = ""
    trace: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The reason without its particulars."""
        return self.reason.partition(":")[0]

    def __str__(self) -> str:
        head = f"{self.states} states in {self.seconds:.1f} s: {self.reason or 'no violation'}"
        return "\n".join([head, *(f"{number:3}. {label}" for number, label in enumerate(self.trace, start=1))])


@dataclass
class Graph(Generic[State]):
    """The states met so far, numbered as they were met, each with the step that led to it first."""

    states: list[State] = field(default_factory=list)
    numbers: dict[State, int] = field(default_factory=dict)
    parents: array[int] = field(default_factory=lambda: array("l"))
    labels: list[str] = field(default_factory=list)
    sources: array[int] = field(default_factory=lambda: array("l"))
    targets: array[int] = field(default_factory=lambda: array("l"))

    def add(self, state: State, parent: int, label: str) -> tuple[int, bool]:
        number = self.numbers.setdefault(state, len(self.states))
        if number < len(self.states):
            return number, False
        self.states.append(state)
        self.parents.append(parent)
        self.labels.append(label)
        return number, True

    def trace(self, number: int) -> tuple[str, ...]:
        labels: list[str] = []
        while number > 0:
            labels.append(self.labels[number])
            number = self.parents[number]
        return tuple(reversed(labels))


def explore(model: Model[State], limit: int = 2_000_000) -> Report:
    """Visit every reachable state, or stop at the first broken one."""
    gc.disable()  # nothing here is cyclic, and walking all the states again and again takes a third of the time
    try:
        return visit(model, limit)
    finally:
        gc.enable()


def visit(model: Model[State], limit: int) -> Report:
    began = time.perf_counter()
    graph: Graph[State] = Graph()

    def report(reason: str = "", number: int = 0) -> Report:
        return Report(len(graph.states), time.perf_counter() - began, reason, graph.trace(number))

    graph.add(model.initial(), 0, "")
    number = 0
    while number < len(graph.states):
        for label, target in model.steps(graph.states[number]):
            reached, new = graph.add(target, number, label)
            graph.sources.append(number)
            graph.targets.append(reached)
            if new and (reason := model.broken(target)):
                return report(reason, reached)
        number += 1
        if number > limit:
            raise RuntimeError(f"more than {limit} states: make the scope smaller")
    doomed = first_doomed(graph, model)
    return report() if doomed is None else report(LOST, doomed)


def first_doomed(graph: Graph[State], model: Model[State]) -> int | None:
    """The nearest state from which no finished state can be reached, by walking back from the finished ones."""
    before: list[list[int]] = [[] for _ in graph.states]
    for source, target in zip(graph.sources, graph.targets, strict=True):
        before[target].append(source)
    hopeful = bytearray(len(graph.states))
    front = [number for number, state in enumerate(graph.states) if model.done(state)]
    for number in front:
        hopeful[number] = 1
    while front:
        for source in before[front.pop()]:
            if not hopeful[source]:
                hopeful[source] = 1
                front.append(source)
    doomed = hopeful.find(0)
    return None if doomed < 0 else doomed
