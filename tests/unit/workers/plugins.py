"""Packages with metrics, outside of the tree: a module and what an installer writes beside it."""

from __future__ import annotations

from pathlib import Path

REDNESS = '''
import numpy as np

from workers.media import Picture
from workers.metrics import metric


@metric("picture", low=0.0, high=1.0)
def redness(picture: Picture) -> float:
    """Return the share of pixels that have more red than green and blue together, 0 to 1."""
    red, green, blue = (picture.rgb[..., channel].astype(int) for channel in range(3))
    return float(np.mean(red > green + blue))
'''

SCREAM = '''
from workers.media import Chunk
from workers.metrics import metric


@metric("chunk", low=0.0, high=1.0)
def scream(chunk: Chunk) -> float:
    """Return the count of exclamation marks per character, 0 to 1."""
    return chunk.text.count("!") / max(1, len(chunk.text))
'''

FAULTS = '''
import math

from workers.metrics import metric


def faulty(name, value, **says):
    def measured(picture):
        """Return what is no value."""
        return value(picture)

    return metric("picture", name=name, **says)(measured)


def write(picture):
    picture.rgb[:] = 0
    return 1.0


faults = [
    faulty("raises", lambda picture: 1 / 0),
    faulty("nan", lambda picture: math.nan),
    faulty("infinite", lambda picture: math.inf),
    faulty("text", lambda picture: "1.0"),
    faulty("nothing", lambda picture: None),
    faulty("truth", lambda picture: True),
    faulty("beyond", lambda picture: 1.5, low=0.0, high=1.0),
    faulty("writes", write),
    faulty("whole", lambda picture: picture.rgb.shape[0]),
]
'''


def install(folder: Path, name: str, module: str, *points: str) -> Path:
    """Write a package of one module into a folder as an installer does; `points` are its entry points."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(module, encoding="utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("\n".join(["[sluice.metrics]", *points, ""]), encoding="utf-8")
    return folder
