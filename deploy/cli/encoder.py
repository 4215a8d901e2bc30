"""`sluice encoder`: add, list, describe, verify, convert and remove encoders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Encoders: the bundled ones, and those added in the folder of SLUICE_ENCODERS.", no_args_is_help=True
)

_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_Name = Annotated[str, typer.Argument(help="The encoder's name.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call it: small letters, digits, dots, dashes, underscores.")],
    source: Annotated[
        str,
        typer.Option("--from", help="An address or a path: a .safetensors file; of a text encoder, its folder."),
    ],
    sha256: Annotated[str, typer.Option(help="What the publisher says that the weights' SHA-256 is.")],
    architecture: Annotated[str | None, typer.Option(help="Which network. Without one, NAME is it.")] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(help="[native/]NAME[:cls|mean|mean+std]; may be repeated. Without one, last."),
    ] = None,
    size: Annotated[int | None, typer.Option(help="Pixels of a side. Usual: 224.")] = None,
    fit: Annotated[str, typer.Option(help="squash: all of the picture. crop: the square in its middle.")] = "squash",
    mean: Annotated[str | None, typer.Option(help="Three numbers with commas, where 1.0 is full.")] = None,
    std: Annotated[str | None, typer.Option(help="Three numbers with commas.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16; embeddings are float32 either way.")] = "float32",
    max_tokens: Annotated[int | None, typer.Option(help="Tokens that are read of a text.")] = None,
    licence: Annotated[str | None, typer.Option(help="Of the weights.")] = None,
    pin: Annotated[
        list[str] | None, typer.Option(help="FILE=SHA256 of a text encoder's tokenizer.json or config.json.")
    ] = None,
    max_mebibytes: Annotated[int, typer.Option(min=1, help="The largest file that is fetched, in MiB.")] = 8192,
    as_json: _AsJson = False,
) -> None:
    """Fetch weights, check them, try them, and give them a name. A wrong hash is refused and nothing is kept.

    Example: sluice encoder add dinov2-vit-b14 --from https://host/model.safetensors --sha256 4f2c...

    With other layers: --architecture dinov2-vit-b14 --layer early:mean+std --layer middle:mean+std --layer last
    """
    from deploy.cli.encoders import TransferBar, channels, pins, shown
    from deploy.encoders import store
    from deploy.encoders.plan import Wanted
    from workers.encoders.description import describe as description

    wanted = Wanted(
        name=name,
        source=source,
        sha256=sha256.lower(),
        architecture=architecture,
        layers=tuple(layer or ()),
        size=size,
        fit=fit,
        mean=channels("--mean", mean),
        std=channels("--std", std),
        dtype=dtype,
        max_tokens=max_tokens,
        licence=licence,
        pins=pins(pin or ()),
        largest=max_mebibytes * 2**20,
    )
    root = _root()
    with TransferBar(name) as bar:
        store.add(wanted, root, bar.progress)
    shown(description(name, root), as_json=as_json)


@app.command(name="list")
def list_(as_json: _AsJson = False) -> None:
    """List the encoders. One whose manifest cannot be read is listed with what is wrong with it.

    Example: SLUICE_ENCODERS=/srv/encoders sluice encoder list
    """
    from deploy.cli.encoders import show_list

    show_list(_root(), as_json=as_json)


@app.command()
def describe(name: _Name, as_json: _AsJson = False) -> None:
    """Say what an encoder expects and what it returns.

    Example: sluice encoder describe efficientnet-lite0
    """
    from deploy.cli.encoders import shown
    from deploy.errors import ConfigurationError
    from workers.encoders import EncoderError
    from workers.encoders.description import describe as description

    try:
        told = description(name, _root())
    except EncoderError as error:
        raise ConfigurationError(str(error)) from error
    shown(told, as_json=as_json)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all if left out.")] = None, as_json: _AsJson = False
) -> None:
    """Check the files' hashes, load the networks, and embed a sample. Exit code 1 where one is not as it must be.

    Example: sluice encoder verify dinov2-vit-b14
    """
    from deploy.cli.plain import plain
    from deploy.cli.policyrules import print_parts
    from deploy.encoders.verify import verify as check

    found = []
    for one in check(names or (), _root()):
        found.append(one)
        if not as_json:
            style = "green" if one.problem is None else "red"
            print_parts(plain(one.name, "bold"), plain("  "), plain(one.problem or "as it must be", style))
    if as_json:
        typer.echo(json.dumps([{"name": one.name, "problem": one.problem} for one in found]))
    if any(one.problem for one in found):
        raise typer.Exit(1)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A pickle of weights: .pt, .pth, .bin.", dir_okay=False)],
    target: Annotated[Path, typer.Argument(help="The .safetensors file to write.", dir_okay=False)],
    as_json: _AsJson = False,
) -> None:
    """Turn a pickle into a safetensors file. Only tensors are read: what is a program in it is refused, and not run.

    Example: sluice encoder convert dino_vitbase16_pretrain.pth dino.safetensors
    """
    from deploy.encoders.convert import convert as run
    from workers.encoders.base import file_sha256

    tensors, sha256 = run(source, target), file_sha256(target)
    if as_json:
        typer.echo(json.dumps({"file": str(target), "tensors": tensors, "sha256": sha256}))
    else:
        typer.echo(f"{target}  {tensors} tensors  sha256 {sha256}")


@app.command()
def remove(name: _Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Delete an added encoder with its weights. Heads that were trained on it cannot be used without it.

    Example: sluice encoder remove dinov2-vit-b14 --yes
    """
    from deploy.encoders import store

    if not yes:
        typer.confirm(f"Delete {name} and its weights?", abort=True)
    store.remove(name, _root())
    typer.echo(f"{name} is removed")


def _root() -> Path:
    from deploy.settings import Settings

    return Settings.load().encoder_folder
