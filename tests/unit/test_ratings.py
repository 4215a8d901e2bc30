"""The ratings benchmark's reading of its data, on made-up rows in the real format."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.bench.ratings_data import ARCHIVE, MEMBERS, RatingsError, Rule, fetch, parse, read, verdict
from tests.bench.ratings_models import agreement, labelled, rater_auc, site_folds, within_sites

TEXTS = {
    "x_abide": "subject_id,cjv,size_x,snr\na,0.1,176,9.5\nb,0.2,176,8\nc,0.3,200,7\nd,0.4,200,6\nlost,0.5,200,5\n",
    "y_abide": (
        "subject_id,site,rater_1,rater_2,rater_3\n"
        "a,NYU,,1,1\nb,NYU,-1,,1\nc,UM,-1,,-1\nd,UM,0,0,\nunmeasured,UM,1,1,1\n"
    ),
    "x_ds030": "subject_id,cjv,size_x,snr\n10159,0.7,256,3\n",
    "y_ds030": "subject_id,site,rater_1\n10159,BMC,-1\n",
}


def archive(folder: Path, texts: dict[str, str]) -> Path:
    path = folder / ARCHIVE
    with tarfile.open(path, "w:gz") as tar:
        for name, text in texts.items():
            info = tarfile.TarInfo(MEMBERS[name])
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def test_scans_have_measures_but_for_those_of_the_scanner_and_their_ratings(tmp_path: Path) -> None:
    data = read(archive(tmp_path, TEXTS))
    assert data.names == ("cjv", "snr")
    assert [scan.name for scan in data.of("abide")] == ["a", "b", "c", "d"]
    assert data.scans[1].measures == (0.2, 8.0)
    assert data.scans[1].ratings == {"rater_1": -1, "rater_3": 1}
    assert [scan.site for scan in data.of("ds030")] == ["BMC"]
    assert data.unmatched == {"abide": 2, "ds030": 0}


@pytest.mark.parametrize(
    ("ratings", "majority", "any_"),
    [
        ([1, 1], True, True),
        ([-1, 1], None, False),
        ([-1, -1], False, False),
        ([0, 0], None, True),
        ([0, -1], False, False),
    ],
)
def test_a_verdict_follows_its_rule(ratings: list[int], majority: bool | None, any_: bool) -> None:
    rules: dict[Rule, bool | None] = {"majority": majority, "any": any_}
    assert all(verdict(ratings, rule) is wanted for rule, wanted in rules.items())


def test_unsettled_scans_are_no_items_and_groups_are_sites_or_scans() -> None:
    scans = parse(TEXTS).of("abide")
    by_site = labelled(scans, "majority", by_site=True)
    assert by_site.labels.tolist() == [1.0, 0.0]
    assert by_site.groups == ("NYU", "UM")
    assert labelled(scans, "any", by_site=False).groups == ("abide a", "abide b", "abide c", "abide d")
    folds = site_folds([scan.site for scan in scans])
    assert [unseen.tolist() for _, unseen in folds] == [[0, 1], [2, 3]]


def test_raters_are_compared_on_what_both_rated() -> None:
    scans = parse(TEXTS).of("abide")
    count, alike, *_ = agreement(scans, "rater_1", "rater_3")
    assert (count, alike) == (2, 0.5)
    rated = [scan for scan in scans if {"rater_1", "rater_3"} <= scan.ratings.keys()]
    assert rater_auc(rated) == {("rater_1", "rater_3"): 0.5}  # rater_1 excluded both: that cannot be ranked


def test_sites_of_one_class_have_no_area_of_their_own() -> None:
    good, scores = np.array([1.0, 0.0, 1.0, 1.0]), np.array([0.9, 0.1, 0.5, 0.5])
    assert within_sites(good, scores, ["NYU", "NYU", "UM", "UM"]) == (1.0, 1)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("x_abide", "0.2,176,8", "0.2,176,n/a", "no number"),
        ("x_abide", "0.2,176,8", "0.2,176,nan", "not finite"),
        ("x_abide", "b,0.2", "a,0.2", "twice"),
        ("y_abide", "-1,,1", "-1,,2", "unknown ratings: 2"),
        ("x_ds030", "snr", "noise", "different measures"),
    ],
)
def test_what_is_not_as_expected_is_refused(name: str, old: str, new: str, message: str) -> None:
    with pytest.raises(RatingsError, match=message):
        parse(TEXTS | {name: TEXTS[name].replace(old, new)})


def test_another_archive_is_refused_and_a_missing_member_is_named(tmp_path: Path) -> None:
    short = archive(tmp_path, {name: text for name, text in TEXTS.items() if name != "y_ds030"})
    with pytest.raises(RatingsError, match="y_ds030"):
        read(short)
    with pytest.raises(RatingsError, match="not the file that was pinned"):
        fetch(tmp_path)
