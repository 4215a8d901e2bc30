"""`sluice publish` as a user runs it, on a folder with one of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.brokers.ladder import KafkaAddress, RedisAddress
from schemas.items import ParentEndedEvent, RawItem
from streams import envelope
from streams.history import read_whole
from tests.integration.deploy.pipeline import Pipeline, pipeline
from tests.unit.workers import dicoms
from tests.unit.workers.pdfs import Page, encrypted, pdf
from tests.unit.workers.samples import encoded

pytestmark = pytest.mark.kafka

PROSE = "The tide comes in and the boats are afloat again. "


@pytest.fixture
def pipe(kafka: KafkaAddress, redis_address: RedisAddress, tmp_path: Path) -> Iterator[Pipeline]:
    with pipeline(kafka, redis_address, tmp_path) as opened:
        yield opened


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    folder = tmp_path / "mixed"
    (folder / "walk").mkdir(parents=True)
    (folder / "notes.md").write_text("# Notes\n\n" + PROSE * 20)
    (folder / "page.html").write_text(f"<title>Tides</title><nav>Menu</nav><p>{PROSE}")
    (folder / "paper.pdf").write_bytes(pdf(Page([PROSE]), Page(scan=True)))
    (folder / "scan.pdf").write_bytes(pdf(Page(scan=True), Page(scan=True)))
    (folder / "locked.pdf").write_bytes(encrypted(pdf(Page([PROSE]))))
    (folder / "letter.docx").write_bytes(b"PK\3\4" + bytes(100))
    for name in ("1.png", "2.png", "10.png"):
        (folder / "walk" / name).write_bytes(encoded(np.zeros((8, 8, 3), dtype=np.uint8)))
    for number in (1, 2, 3):
        dicoms.save(folder / f"IM{number}", dicoms.image(dicoms.phantom(number), number))
    return folder


def published(pipe: Pipeline, *arguments: str) -> tuple[int, dict[str, Any], str]:
    environment = {
        **os.environ,
        "SLUICE_KAFKA": pipe.kafka.bootstrap,
        "SLUICE_TOPIC_PREFIX": pipe.settings.topic_prefix,
        "SLUICE_PARTITIONS": str(pipe.settings.partitions),
        "SLUICE_DATA_DIR": str(pipe.folder / "data"),
    }
    command = [sys.executable, "-m", "deploy", "publish", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if "--json" in arguments else {}, done.stdout + done.stderr


def test_a_folder_is_published_as_what_it_holds_and_what_cannot_be_read_is_named(pipe: Pipeline, mixed: Path) -> None:
    code, told, _ = published(pipe, str(mixed), "--json", "--words-per-chunk", "60")
    assert code == 9
    stems = Counter({parent.rsplit("-", 1)[0]: items for parent, items in told["parents"].items()})
    assert stems == Counter(notes=4, page=1, paper=2, scan=1, walk=3, mri=3)
    assert [Path(problem.split(": ")[0]).name for problem in told["problems"]] == ["letter.docx", "locked.pdf"]
    assert sorted(note.split(": ", 1)[1] for note in told["notes"]) == [
        "no page of 2 has a text layer: it needs OCR",
        "no text layer, so OCR is needed, on page 2",
    ]
    events = [
        envelope.parse(message.headers(), message.key(), message.value())
        for message in read_whole(pipe.kafka.properties, pipe.names.items, pipe.settings.partitions)
    ]
    assert {event.parent_id for event in events if isinstance(event, ParentEndedEvent)} == set(told["parents"])
    items = [event.envelope for event in events if isinstance(event, RawItem)]
    assert Counter(item.parent_id for item in items) == Counter(told["parents"])
    assert not any(str(mixed.parent) in str(item) for item in items)


def test_people_are_told_in_words(pipe: Pipeline, mixed: Path) -> None:
    code, _, printed = published(pipe, str(mixed / "scan.pdf"), str(mixed / "walk"), str(mixed / "gone.md"))
    assert code == 9
    assert "note: scan-" in printed
    assert "gone.md: No such file" in printed


def test_one_parent_id_is_not_for_several_parents(pipe: Pipeline, mixed: Path) -> None:
    assert published(pipe, str(mixed / "walk"), "--parent-id", "walk-1", "--json")[1]["parents"] == {"walk-1": 3}
    code, _, printed = published(pipe, str(mixed), "--parent-id", "mine")
    assert code == 2
    assert "names one parent" in printed
