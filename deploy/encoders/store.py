"""The folder of added encoders: a folder each, with weights and manifest, which appear together or not at all.

What is being fetched lies in `.incoming`, what is being tried in `.adding-*`; both may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from deploy.encoders.alone import alone
from deploy.encoders.errors import FetchError
from deploy.encoders.fetch import AbsentError, Progress, Source, fetch, read_small
from deploy.encoders.plan import WEIGHTS, Wanted, manifest_of
from deploy.errors import ConfigurationError
from schemas.encoders import EncoderManifest, EncoderName
from schemas.items import Sha256
from workers.encoders import EncoderError
from workers.encoders.architectures import TEXT
from workers.encoders.manifests import MANIFEST, folders
from workers.encoders.registry import LOADERS, load_folder
from workers.encoders.textconfig import FILES, OPTIONAL
from workers.encoders.weights import WeightsError, check_format, refuse_pickle_name

_INCOMING: Final = ".incoming"
_LARGEST_SMALL: Final = 64 * 2**20  # bytes of a tokenizer


def add(wanted: Wanted, root: Path, progress: Progress) -> EncoderManifest:
    """Fetch an encoder, try it, and only then give it its name.

    Raises:
        ConfigurationError: the name is taken, an option is wrong, or the weights do not fit.
        FetchError: a file could not be fetched, or is not the one that was promised.
    """
    _check(wanted, root)
    source = Source(wanted.source)
    with _staging(root, wanted.name) as folder:
        files = _small_files(wanted, source, folder) if wanted.kind == TEXT else {}
        weights = source.beside(WEIGHTS) if wanted.kind == TEXT and not _is_weights(source) else source
        manifest = manifest_of(wanted, folder, files, weights.shown)
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        with alone(root / _INCOMING / f"{wanted.sha256}.lock"):
            part = fetch(weights, root / _INCOMING, wanted.sha256, wanted.largest, progress)
            _place(part, folder / WEIGHTS)
            _try(folder)
            _name(folder, root / wanted.name)
            part.unlink(missing_ok=True)
    return manifest


def remove(name: str, root: Path) -> None:
    """Remove an added encoder.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if name in LOADERS:
        raise ConfigurationError(f"{name} is bundled, and cannot be removed")
    folder = next((one for one in folders(root) if one.name == name), None)
    if folder is None:
        raise ConfigurationError(f"no encoder in {root} is called {name!r}")
    shutil.rmtree(folder)


def _check(wanted: Wanted, root: Path) -> None:
    for adapter, value, told in (
        (
            TypeAdapter(EncoderName),
            wanted.name,
            "small letters, digits, dots, dashes and underscores, such as dino-b16",
        ),
        *((TypeAdapter(Sha256), one, "64 hexadecimal digits") for one in (wanted.sha256, *wanted.pins.values())),
    ):
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            raise ConfigurationError(f"{value!r}: right would be {told}") from error
    if wanted.name in LOADERS:
        raise ConfigurationError(f"{wanted.name} is the name of a bundled encoder; take another")
    if (root / wanted.name).exists():
        raise _taken(root / wanted.name)
    if wanted.kind != TEXT or _is_weights(Source(wanted.source)):
        try:
            refuse_pickle_name(Source(wanted.source).file_name)
        except WeightsError as error:
            raise ConfigurationError(str(error)) from error


def _taken(path: Path) -> ConfigurationError:
    return ConfigurationError(f"{path} exists already: sluice encoder remove {path.name}")


def _is_weights(source: Source) -> bool:
    return "." in source.file_name and (source.is_remote or not Path(source.text).is_dir())


@contextmanager
def _staging(root: Path, name: str) -> Iterator[Path]:
    """Yield an empty folder of this name, which is gone afterwards unless it was moved away."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        outer = Path(tempfile.mkdtemp(prefix=".adding-", dir=root))
    except OSError as error:
        raise ConfigurationError(f"SLUICE_ENCODERS: {root} cannot be written: {error.strerror}") from error
    try:
        folder = outer / name
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def _small_files(wanted: Wanted, source: Source, folder: Path) -> dict[str, str]:
    """Fetch what a text encoder reads besides its weights, and return the SHA-256 of what is read when it serves."""
    _check_pins(wanted.pins)
    hashes = {}
    for name in FILES:
        value = read_small(source.beside(name), _LARGEST_SMALL)
        hashes[name] = hashlib.sha256(value).hexdigest()
        if wanted.pins.get(name, hashes[name]) != hashes[name]:
            raise FetchError(f"{name} has the SHA-256 {hashes[name]}, not {wanted.pins[name]}: nothing was kept")
        (folder / name).write_bytes(value)
    for name in OPTIONAL:
        try:
            value = read_small(source.beside(name), _LARGEST_SMALL)
        except AbsentError:
            continue
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(value)
    return hashes


def _check_pins(pins: Mapping[str, str]) -> None:
    unknown = sorted(pins.keys() - set(FILES))
    if unknown:
        raise ConfigurationError(f"--pin {unknown[0]}: can be {', '.join(FILES)}")


def _place(part: Path, target: Path) -> None:
    """Check that a file holds weights and nothing else, and let it be found under a second name."""
    try:
        check_format(part)
    except WeightsError as error:
        part.unlink()
        raise FetchError(f"{error}. It was not kept") from error
    try:
        os.link(part, target)
    except OSError:  # not every file system has links
        shutil.copyfile(part, target)


def _name(folder: Path, target: Path) -> None:
    """Move the folder to where encoders are looked for; another command may have been there first."""
    try:
        folder.rename(target)
    except OSError as error:
        if target.exists():
            raise _taken(target) from error
        raise ConfigurationError(f"{target} cannot be written: {error.strerror}") from error


def _try(folder: Path) -> None:
    """Load the encoder and embed a sample."""
    try:
        load_folder(folder)
    except (EncoderError, RuntimeError, IndexError) as error:  # the latter two by torch, for a sample
        raise ConfigurationError(
            f"{error}. The file is kept in {_INCOMING}: with other options it is not fetched again"
        ) from error
