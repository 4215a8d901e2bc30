"""Interlaced video: two fields, taken at two moments, become one picture. Comb teeth are no quality of the scene."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av

_FILTER = "bwdif"  # FFmpeg's Bob Weaver: w3fdif's filters where something moves, the other field where nothing does
_OPTIONS = "mode=send_frame:deint=interlaced"  # one picture a frame; frames that are not flagged pass as they are

_Shape = tuple[int, int, str]


@dataclass(slots=True)
class Deinterlacer:
    """Runs frames through FFmpeg's bwdif from the first one on that is flagged as interlaced; before, as they are."""

    _graph: av.filter.Graph | None = None
    _shape: _Shape | None = None
    _flags: deque[bool] = field(default_factory=deque)  # of the frames within the filter: it clears those of its own

    def frames(self, frames: Iterator[av.VideoFrame]) -> Iterator[tuple[av.VideoFrame, bool]]:
        """Yield one frame, and whether it was deinterlaced, for each frame, in order.

        Raises:
            av.FFmpegError: a frame cannot be filtered.
        """
        for frame in frames:
            shape = (frame.width, frame.height, frame.format.name)
            if self._graph is not None and shape != self._shape:
                yield from self._rest()
            if self._graph is None and frame.interlaced_frame:
                self._graph, self._shape = _graph(frame), shape
            if self._graph is None:
                yield frame, False
                continue
            self._flags.append(frame.interlaced_frame)
            self._graph.push(frame)
            yield from self._ready()
        yield from self._rest()

    def _rest(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        """Yield what the filter still holds: it looks one frame ahead."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._ready()
            self._graph = None

    def _ready(self) -> Iterator[tuple[av.VideoFrame, bool]]:
        while self._graph is not None:
            try:
                frame = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            if isinstance(frame, av.VideoFrame):
                yield frame, self._flags.popleft()


def _graph(frame: av.VideoFrame) -> av.filter.Graph:
    graph = av.filter.Graph()
    entry = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(frame.time_base)
    )
    graph.link_nodes(entry, graph.add(_FILTER, _OPTIONS), graph.add("buffersink")).configure()
    return graph
