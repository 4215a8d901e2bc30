"""Metrics of packages outside of the tree, found by their entry points."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workers.plugins import FAULTS, REDNESS, SCREAM, install
from workers.metrics import MetricError, plugins
from workers.metrics.plugins import metric_set

ROOT = Path(__file__).parents[3]

# Scores a red and a gray frame twice, with each choice of metrics that is given, and with no word of metrics at all.
SCORE = """
import json, sys, tempfile
from dataclasses import asdict
from pathlib import Path
import numpy as np
from tests.unit.workers.heads import METRICS, MeanLevel, write
from tests.unit.workers.samples import encoded, item
from tests.unit.workers.test_scorer import DictCache
from workers.domains import Domain
from workers.heads import Head
from workers.metrics.plugins import metric_set
from workers.scorer import Scorer

frames = [np.full((40, 50, 3), colour, np.uint8) for colour in ((200, 20, 20), (90, 90, 90))]
items = [item(encoded(pixels), "video-frame", "image/png", index=place) for place, pixels in enumerate(frames)]


def scored(folder, choice):
    measured = metric_set(choice or ())
    encoder = MeanLevel()
    domain = Domain(encoder, Head.load(folder, encoder.encoding, measured.versions("picture")))
    scorer = Scorer({"video-frame": domain}, cache=DictCache(), metrics=None if choice is None else measured)
    results = [asdict(one) for one in scorer.score(items) + scorer.score(items)]
    versions = {kind: measured.version(kind) for kind in ("video-frame", "mri-slice", "document-chunk", "other")}
    return {"results": results, "counts": scorer.counts.snapshot(), "versions": versions}


with tempfile.TemporaryDirectory() as folder:
    write(Path(folder))
    choices = [None, *map(tuple, json.loads(sys.argv[1]))]
    print(json.dumps([scored(Path(folder), choice) for choice in choices]))
"""
SILENT = """
from workers.metrics import metric


@metric("picture")
def redness(picture):
    return 1.0
"""
NONE = ("-redness", "-faults", "-slow")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a process that has these packages makes of frames, with several choices of metrics."""
    folder = install(tmp_path_factory.mktemp("site"), "colour_cast", REDNESS, "redness = colour_cast:redness")
    install(folder, "faults", FAULTS, "faults = faults:faults")
    slow = REDNESS.replace("redness", "slow").replace("high=1.0", "high=1.0, optional=True")
    install(folder, "slowly", slow, "slow = slowly:slow")
    choices = {"plain": NONE, "one": NONE[1:], "chosen": ("slow", "-faults", "-redness", "-area"), "asleep": NONE[:2]}
    done = subprocess.run(
        [sys.executable, "-c", SCORE, json.dumps(list(choices.values()))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(("all", *choices), json.loads(done.stdout), strict=True))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for packages that this process finds, for as long as the test runs."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    plugins._metric_set.cache_clear()
    yield tmp_path
    plugins._metric_set.cache_clear()
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def refused(*choice: str) -> str:
    with pytest.raises(MetricError) as caught:
        metric_set(choice)
    return str(caught.value)


def test_a_metric_of_another_package_is_measured_by_itself(runs: dict[str, dict[str, Any]]) -> None:
    plain, found = runs["plain"]["results"], runs["one"]["results"]
    red, gray, red_again, gray_again = found
    assert (red["metrics"]["redness"], gray["metrics"]["redness"]) == (1.0, 0.0)
    assert red_again["cached"]
    assert (red_again["metrics"], gray_again["metrics"]) == (red["metrics"], gray["metrics"])
    assert {**plain[0]["metrics"], "redness": 1.0} == red["metrics"]
    assert plain[0]["score"] == red["score"]
    assert runs["all"]["results"][0]["metrics"]["redness"] == 1.0  # a scorer that nobody told of any plug-in


def test_entries_with_and_without_it_are_not_mixed_and_other_kinds_keep_theirs(
    runs: dict[str, dict[str, Any]],
) -> None:
    plain, one = runs["plain"], runs["one"]
    assert plain["results"][0]["embedding"] != one["results"][0]["embedding"]
    same = {kind for kind, version in plain["versions"].items() if one["versions"][kind] == version}
    assert same == {"mri-slice", "document-chunk"}


def test_a_faulty_metric_is_left_out_counted_and_named_and_stops_nothing(runs: dict[str, dict[str, Any]]) -> None:
    faults = ("raises", "nan", "infinite", "text", "nothing", "truth", "beyond", "writes")
    for one, as_ever in zip(runs["all"]["results"], runs["one"]["results"], strict=True):
        assert one["score"] == as_ever["score"]
        assert one["metrics"] == {**as_ever["metrics"], "whole": 40.0}
        assert one["reasons"] == [*(f"metric_failed_{name}" for name in faults), *as_ever["reasons"]]
    counts = runs["all"]["counts"]
    assert counts["scored"] == 4
    assert [counts[f"metric_failed/{name}"] for name in faults] == [2] * len(faults)  # the cached ones are not counted


def test_an_optional_metric_is_measured_where_it_is_asked_for(runs: dict[str, dict[str, Any]]) -> None:
    assert runs["asleep"] == runs["plain"]
    values = runs["chosen"]["results"][0]["metrics"]
    assert values["slow"] == 1.0
    assert "area" not in values


@pytest.mark.parametrize("name", ["brightness", "area", "frame_difference", "replaced_bytes"])
def test_the_name_of_a_built_in_metric_is_refused(site: Path, name: str) -> None:
    install(site, "impostor", REDNESS.replace("redness", name), f"{name} = impostor:{name}")
    assert f"the picture metric {name} of impostor has the name of one of Sluice" in refused()
    assert f"SLUICE_METRICS=-{name}" in refused()


def test_two_packages_with_one_name_are_refused(site: Path) -> None:
    install(site, "first", REDNESS, "redness = first:redness")
    install(site, "second", REDNESS, "more = second:redness")
    assert "the picture metric redness of second has the name of one of first" in refused()
    assert "redness" in metric_set(["-more"]).versions("picture")


@pytest.mark.parametrize(
    ("module", "point", "says"),
    [
        ("import nothing_of_this_name", "broken:redness", "ModuleNotFoundError"),
        (REDNESS, "broken:blueness", "AttributeError"),
        ("redness = 3", "broken:redness", "no metric and no list of them"),
        ("def redness(picture): return 1.0", "broken:redness", "decorate the function"),
        (REDNESS.replace('"picture"', '"sound"'), "broken:redness", "there are picture, slice, chunk"),
        (REDNESS.replace("low=0.0", "low=2.0"), "broken:redness", "low must not be above"),
        (REDNESS.replace('"""', ""), "broken:redness", "SyntaxError"),
        ("import workers.metrics as m\nredness = m.metric('chunk')(lambda chunk: 1.0)", "broken:redness", "<lambda>"),
        (SILENT, "broken:redness", "docstring"),
        (REDNESS.replace("@metric(", '@metric(name="Red Ness", family='), "broken:redness", "is no name of a metric"),
    ],
)
def test_a_metric_that_cannot_work_is_refused_at_the_start(site: Path, module: str, point: str, says: str) -> None:
    install(site, "broken", module, f"redness = {point}")
    error = refused()
    assert says in error
    assert "redness = broken:" in error
    assert "SLUICE_METRICS=-redness" in error or "decorate" in error
    assert "redness" not in metric_set(["-redness"]).versions("picture")  # and the package is not even imported


def test_a_choice_of_what_is_not_there_is_refused(site: Path) -> None:
    install(site, "screams", SCREAM, "scream = screams:scream")
    assert "scream" in metric_set().versions("chunk")
    assert "there is no metric called screem; optional ones are " in refused("screem")
    assert "scream is both asked for and left out" in refused("scream", "-scream")
