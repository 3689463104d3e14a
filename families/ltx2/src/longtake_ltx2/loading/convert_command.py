"""``longtake convert``: single files of LTX-2 as a folder in diffusers' layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["convert_command"]

_SOURCES = (
    ("--text-encoder-path", "The folder of the Gemma, or a single file with it."),
    ("--tokenizer-path", "Its tokenizer, where it is elsewhere."),
    ("--transformer-path", "Another transformer than the file's."),
    ("--vae-path", "The video VAE, with the convolutional decoder."),
    ("--audio-vae-path", "The audio VAE; its file may have the vocoder, too."),
    ("--vocoder-path", "The vocoder."),
    ("--upsampler-weights", "The latent upsampler."),
)


def _sources(command: click.Command) -> click.Command:
    """With an option for each network that the file may lack."""
    for flag, text in _SOURCES:
        command.params.append(click.Option([flag], metavar="PATH", help=text))
    return command


@click.command("convert")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--dtype", metavar="FLOATS", help="Of the weights written, e.g. bf16; their own by default."
)
def convert_command(source: Path, folder: Path, dtype: str | None, **paths: str | None) -> None:
    """Write the single FILE of LTX-2, or a folder of its files, to DIR as diffusers has it.

    What FILE lacks comes from the options: the text encoder is in none of the whole files. What is
    loaded from DIR computes the same bits as what is loaded from FILE; weights in fp8 are written
    as the floats that they stand for.
    """
    from longtake_ltx2.loading.converting import convert
    from longtake_ltx2.loading.floats import dtype_name
    from longtake_ltx2.pipeline_configs import LTX2T2VConfig

    given: dict[str, Any] = {name: path for name, path in paths.items() if path is not None}
    click.echo(f"{convert(source, folder, LTX2T2VConfig(**given), dtype=dtype_name(dtype))}")


_sources(convert_command)
