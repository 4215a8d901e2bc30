"""Heads judged by people's ratings of MRI scans: `make bench-ratings`.

The head has no picture to look at: the package holds quality measures and ratings, no scans. The measures are its cheap
metrics. It is judged on random folds (scans of the same site on both sides), on sites left out, and on another study;
beside it stand a random forest on the same measures, and the raters' own agreement.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from threadpoolctl import threadpool_limits

from tests.bench.ratings_data import ARCHIVE, RULES, Data, RatingsError, Rule, Scan, fetch, read, verdict
from tests.bench.ratings_models import (
    FOREST,
    agreement,
    cross_predicted,
    labelled,
    predicted,
    random_folds,
    rater_auc,
    site_folds,
    within_sites,
)
from tests.bench.report import Figure, Report
from workers.training.labelled import Array
from workers.training.statistics import Interval, auc, cluster_bootstrap

SEED = 0
_KNOWN = {"random folds": 0.95, "a site left out": 0.87, "ABIDE to ds030": 0.67}  # of a random forest, measured before


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="bench-ratings", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--archive", type=Path, help=f"where {ARCHIVE} is; it is fetched if this is not given")
    parser.add_argument(
        "--rule", choices=sorted(RULES), action="append", help="which ratings count as bad; both if not given"
    )
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with threadpool_limits(1):  # matrices this small only lose by more threads
        return _run(chosen.archive, chosen.rule or list(RULES))


def _run(archive: Path | None, rules: Sequence[Rule]) -> int:
    try:
        data = read(archive or fetch())
    except RatingsError as error:
        print(f"bench-ratings: {error}", file=sys.stderr)  # noqa: T201
        return 1
    figures = [*_agreements(data)]
    for rule in rules:
        figures += [*_counts(data, rule), *_judged(data, rule)]
    words = "; ".join(f"{name}: {RULES[name]}" for name in rules)
    dataset = (
        f"mriqc 0.16.1: {len(data.of('abide'))} ABIDE and {len(data.of('ds030'))} ds030 scans, real ratings, "
        f"{len(data.names)} measures, no pictures. {words}. Intervals: 95%, by site (ds030 has two: by scan)."
    )
    report = Report("ratings", figures, dataset, SEED, {})
    report.show()
    Console().print(f"written: {report.write()}")
    return 0


def _agreements(data: Data) -> list[Figure]:
    scans = data.of("abide")
    raters = sorted({name for scan in scans for name in scan.ratings})
    found = []
    for pair in combinations(raters, 2):
        count, alike, kappa, excluding = agreement(scans, *pair)
        said = f"Cohen's kappa {kappa:.2f}; of exclude against the rest {excluding:.2f}; {count} scans rated by both"
        found.append(Figure(f"raters agree: {pair[0]}, {pair[1]}", round(alike, 4), "share of scans", said))
    areas = rater_auc(scans)
    said = ", ".join(f"{one[-1]} for {other[-1]}: {area:.2f}" for (one, other), area in areas.items())
    mean = round(float(np.mean(list(areas.values()))), 4)
    return [*found, Figure("a rater's grade for what another excludes", mean, "AUC, mean", said)]


def _counts(data: Data, rule: Rule) -> list[Figure]:
    found = []
    for dataset in ("abide", "ds030"):
        settled = [verdict(list(scan.ratings.values()), rule) for scan in data.of(dataset)]
        good, bad, open_ = settled.count(True), settled.count(False), settled.count(None)
        said = (
            f"{good} good, {bad} bad; dropped: {open_} unsettled, {data.unmatched[dataset]} without measures or rating"
        )
        found.append(Figure(f"{rule}, {dataset}: scans used", good + bad, "scans", said))
    return found


def _judged(data: Data, rule: Rule) -> list[Figure]:
    abide, ds030 = _settled(data.of("abide"), rule), _settled(data.of("ds030"), rule)
    sites = [scan.site for scan in abide]
    scans, by_site = (labelled(abide, rule, by_site=one) for one in (False, True))
    other = labelled(ds030, rule, by_site=False)
    good, others = scans.good.astype(np.float64), other.good.astype(np.float64)
    left_out = cross_predicted(by_site, site_folds(sites), SEED)
    named = partial(_figures, rule)
    return [
        *named("random folds", good, cross_predicted(scans, random_folds(scans, SEED), SEED), sites),
        *named("a site left out", good, left_out, sites),
        *(_within(rule, name, good, scores, sites) for name, scores in left_out.items()),
        *named("ABIDE to ds030", others, predicted(by_site, other, SEED), other.groups),
    ]


def _settled(scans: Sequence[Scan], rule: Rule) -> list[Scan]:
    return [scan for scan in scans if verdict(list(scan.ratings.values()), rule) is not None]


def _figures(rule: Rule, where: str, good: Array, scores: dict[str, Array], groups: Sequence[str]) -> list[Figure]:
    found = {name: cluster_bootstrap(auc, good, own, groups, seed=SEED) for name, own in scores.items()}
    forest = found[FOREST].estimate
    return [
        Figure(
            f"{rule}, {where}: {name}",
            round(own.estimate, 4),
            "AUC",
            f"{_span(own)}; "
            + (
                f"an earlier one, by a rule not recorded: {_KNOWN[where]}" if name == FOREST else f"forest {forest:.3f}"
            ),
        )
        for name, own in found.items()
    ]


def _within(rule: Rule, name: str, good: Array, scores: Array, sites: Sequence[str]) -> Figure:
    mean, count = within_sites(good, scores, sites)
    said = f"of {count} sites that have both classes; the pooled AUC also compares scans of different sites"
    return Figure(f"{rule}, a site left out, within sites: {name}", round(mean, 4), "AUC, mean", said)


def _span(found: Interval) -> str:
    return f"{found.low:.3f} to {found.high:.3f} over {found.groups} groups"


if __name__ == "__main__":
    sys.exit(main())
