"""Write a small LTX-2 checkpoint with random weights, for the demo and the tests.

The folder has the layout, the configurations and the receptive fields of the published
checkpoints; only widths, depths and weights are small or made up. What it generates is noise, but
noise that depends on the prompt, the seed and the conditioning as the real thing does.

    python -m longtake_ltx2.tiny DIR [--generation 2.0|2.3|2.5] [--seed N]
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from attrs import asdict

from longtake_ltx2.tiny.sizes import TINY, Generation, TinySize

__all__ = ["write_tiny_checkpoint"]

MARK = "_longtake_tiny"
"""Key in `model_index.json` that tells a folder written here from a real checkpoint."""

_INDEX = "model_index.json"
_NOT_IN_ALL = ("duration_head", "diffusion_decoder")


def write_tiny_checkpoint(
    path: str | Path, *, generation: Generation = "2.0", seed: int = 0, size: TinySize = TINY
) -> Path:
    """Write a random checkpoint in diffusers layout and return its folder.

    The same arguments give the same bytes. The parts are made beside the folder and moved in when
    all are there, `model_index.json` last. A checkpoint that this function wrote is replaced.
    Parent folders are created.

    Raises:
        ValueError: the generation is none of "2.0", "2.3" and "2.5".
        FileExistsError: `path` is a file, or a folder with something else in it.
    """
    if generation not in get_args(Generation):
        known = ", ".join(get_args(Generation))
        raise ValueError(f"generation: {generation!r} is not known; choose one of {known}")
    target = Path(path)
    _check_replaceable(target)
    parent = target.resolve().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".longtake-tiny-", dir=parent) as scratch:
        _save(Path(scratch), generation, seed, size)
        target.mkdir(exist_ok=True)
        (target / _INDEX).unlink(missing_ok=True)
        for name in _NOT_IN_ALL:
            shutil.rmtree(target / name, ignore_errors=True)
        for part in sorted(Path(scratch).iterdir(), key=lambda part: part.name == _INDEX):
            shutil.rmtree(target / part.name, ignore_errors=True)
            shutil.move(part, target)
    return target


def _check_replaceable(target: Path) -> None:
    """Refuse to write over anything but nothing, an empty folder or a checkpoint of ours."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    index = target / _INDEX
    if not index.is_file() or MARK not in index.read_text(encoding="utf-8"):
        raise FileExistsError(
            f"{target}: already exists and is not a tiny checkpoint; choose a new or empty folder"
        )


def _save(folder: Path, generation: Generation, seed: int, size: TinySize) -> None:
    import torch

    from longtake_ltx2.loading.threads import one_thread
    from longtake_ltx2.quiet import quiet_libraries
    from longtake_ltx2.tiny.networks import build_components, build_extras
    from longtake_ltx2.tiny.text import build_processor_config
    from longtake_ltx2.tiny.weights import fill_components

    # Constructors draw random numbers.
    with one_thread(), torch.random.fork_rng(devices=[]), torch.no_grad():
        components = build_components(generation, size)
        extras = build_extras(generation, size)
        fill_components({**components, **extras}, torch.Generator().manual_seed(seed))
    with quiet_libraries():
        for name, component in {**components, **extras}.items():
            component.save_pretrained(folder / name)
    if processor := build_processor_config(generation):
        text = json.dumps(processor, indent=2, sort_keys=True) + "\n"
        (folder / "tokenizer" / "processor_config.json").write_text(text, encoding="utf-8")
    content = _index(components)
    content[MARK] = {"generation": generation, "seed": seed, "size": asdict(size)}
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    (folder / _INDEX).write_text(text, encoding="utf-8")


def _index(components: Mapping[str, Any]) -> dict[str, Any]:
    """What diffusers' pipeline says of its components, without importing the pipeline."""
    import diffusers

    index: dict[str, Any] = {name: _library_and_class(each) for name, each in components.items()}
    index["tokenizer"] = ["transformers", "PreTrainedTokenizerFast"]  # the name all versions know
    return index | {
        "_class_name": "LTX2ConditionPipeline",
        "_diffusers_version": diffusers.__version__,
    }


def _library_and_class(component: Any) -> list[str]:
    """Of the library, diffusers says the folder where it is one of its pipelines'."""
    module = type(component).__module__.split(".")
    library = module[2] if module[:2] == ["diffusers", "pipelines"] else module[0]
    return [library, type(component).__name__]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 0, or with 2 when the folder cannot be used."""
    import click

    @click.command(help="Write a tiny LTX-2 checkpoint with random weights to DIR.")
    @click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
    @click.option("--generation", type=click.Choice(get_args(Generation)), default="2.0")
    @click.option("--seed", type=int, default=0, show_default=True)
    def command(folder: Path, generation: Generation, seed: int) -> None:
        try:
            write_tiny_checkpoint(folder, generation=generation, seed=seed)
        except OSError as error:
            raise click.UsageError(str(error)) from error

    command(arguments, prog_name="python -m longtake_ltx2.tiny")
