"""``longtake sign``: a copy of a take with content credentials."""

from __future__ import annotations

from pathlib import Path

import click

from longtake.cli.commands.takes.files import free_output, writing
from longtake.cli.options.completion import take_files

__all__ = ["sign"]

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("take", type=_PATH, shell_complete=take_files)
@click.option(
    "--certificate",
    type=_PATH,
    required=True,
    help="A PEM file with the signer's certificate, and those that it follows from.",
)
@click.option("--key", type=_PATH, required=True, help="A PEM file with its private key.")
@click.option(
    "--time-authority",
    metavar="URL",
    help="Ask this service (RFC 3161) when it was signed; then the signature outlives the "
    "certificate.",
)
@click.option(
    "-o",
    "--output",
    type=_PATH,
    help="Where the copy goes; by default take-signed.mp4 beside take.mp4.",
)
@click.option("--overwrite", is_flag=True, help="Replace the output that is there.")
def sign(
    take: Path,
    certificate: Path,
    key: Path,
    time_authority: str | None,
    output: Path | None,
    overwrite: bool,
) -> None:
    """Write a copy of TAKE with content credentials (C2PA): a model made it.

    They are signed with your certificate, hold no prompt and no name but the certificate's, and
    are broken by whatever changes the copy. TAKE is a .mp4, .m4a, .wav, .gif or .webp. Needs the
    package longtake[c2pa].
    """
    from longtake.takes.signing import sign_take

    if output is None:
        output = free_output(str(take.with_name(f"{take.stem}-signed{take.suffix}")))
    with writing(output):
        sign_take(
            take,
            output,
            certificate=certificate,
            key=key,
            time_authority=time_authority,
            overwrite=overwrite,
        )
    click.echo(f"{output}: signed", err=True)
