"""``longtake generate``: a take from prompts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from attrs import evolve, fields, frozen

from longtake.blobs.protocol import BlobStore
from longtake.cli.commands.rolling import Take, admit_first, roll
from longtake.cli.options.documents import build_overrides, build_request, request_options
from longtake.cli.options.inputs import InputChoice, input_options, read_inputs
from longtake.cli.options.models import (
    ModelChoice,
    ModelCommand,
    choose_family,
    model_options,
    open_pipeline,
    preset_options,
)
from longtake.cli.options.stores import open_store
from longtake.families.family import ModelFamily
from longtake.media.writer import check_output
from longtake.plugins.registry import Registry
from longtake.schema.texts import check_texts
from longtake.states.file import StateFile, check_state_target, read_state

__all__ = ["generate"]

_PATH = click.Path(path_type=Path)


_AUTO = "auto"


def _frames_or_auto(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> int | str | None:
    if value is None or value == _AUTO:
        return value
    frames: int = click.INT(value, parameter, context)
    return frames


@click.command(cls=ModelCommand)
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT...")
@model_options
@preset_options
@click.option(
    "--segments", type=click.IntRange(min=1), metavar="N", help="The last prompt repeats."
)
@click.option("--seed", type=int, metavar="N", help="Of the whole take.")
@request_options
@click.option(
    "--num-frames",
    metavar="N|auto",
    callback=_frames_or_auto,
    help="Of a segment, with those it repeats; auto asks the model, if it can tell.",
)
@click.option("--negative-prompt", metavar="TEXT")
@input_options
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Any field of the request, e.g. sampling.seed=3 or denoise.stg_scale=0. Repeatable.",
)
@click.option("--state", type=_PATH, metavar="IN.json", help="Go on from this state.")
@click.option(
    "--save-state", type=_PATH, metavar="OUT.json", help="The take is to be continued from here."
)
@click.option(
    "--state-kind", metavar="KIND", help="The kind of states to write; by default the family's."
)
@click.option("--finish", is_flag=True, help="End the sound, also with --save-state.")
@click.option("--blobs", metavar="URL", help="Where states keep big parts, e.g. file:///folder.")
@click.option(
    "-o",
    "--output",
    type=_PATH,
    default=Path("take.mp4"),
    show_default=True,
    help="A .mp4, or a lossless .mkv; with --no-video also a .m4a.",
)
def generate(
    prompts: tuple[str, ...],
    preset: str | None,
    preset_overrides: tuple[str, ...],
    segments: int | None,
    assignments: tuple[str, ...],
    finish: bool,
    blobs: str | None,
    **options: Any,
) -> None:
    """Roll a take of picture and sound: one segment per PROMPT, the last one repeats.

    Images, clips and audio condition the first segment that this command rolls; the others go on
    from it. FRAME counts from 0 in that segment, the frames that it repeats included, and -1 is
    its last; STRENGTH is 0 to 1, where 1 keeps the input as it is.

    Progress is told on standard error. A take that is interrupted leaves its finished segments in
    the output file, and the state to go on from in OUT.json or else beside the output.
    """
    choice = ModelChoice(**{field.name: options.pop(field.name) for field in fields(ModelChoice)})
    files = _Files(**{field.name: options.pop(field.name) for field in fields(_Files)})
    chosen = InputChoice(**{field.name: options.pop(field.name) for field in fields(InputChoice)})
    auto = options["num_frames"] == _AUTO
    if auto:
        options["num_frames"] = None
    all_prompts = _one_per_segment(prompts, segments)
    request = build_request(all_prompts[0], options, assignments)
    predicts_length = auto and request.sampling.num_frames is None  # --set wins
    overrides = build_overrides(preset_overrides)
    files.check(pictures=request.output.video)
    given = None if files.state is None else read_state(files.state)
    store = None if blobs is None else _open_store(blobs, files.save_state is not None)
    named = read_inputs(chosen)
    registry = Registry.default()
    family = choose_family(registry, choice, given)
    family.preset(preset)  # refuses an unknown one before a checkpoint is looked at
    family.writing_codec(request.output.state_kind)
    states = None
    if family.codecs:
        states = StateFile(files.kept_state, family.blob_ids, blobs=store, given=given)
    else:
        _check_single(family, all_prompts, files)
    take = Take(
        all_prompts,
        evolve(request, inputs=named.inputs),
        files.output,
        ends=finish or files.save_state is None,
        predicts_length=predicts_length,
    )
    with open_pipeline(registry, family, choice, preset, overrides) as pipeline:
        after = None if given is None else pipeline.restore(given, blobs=store)
        with named.naming():
            first = admit_first(pipeline, take, after, store)
        pipeline.prepare()
        roll(pipeline, take, first, states)
    if states is not None and files.save_state is None:
        states.remove()


@frozen
class _Files:
    """The files of one command; None where not given."""

    output: Path
    state: Path | None = None
    save_state: Path | None = None

    @property
    def kept_state(self) -> Path:
        """Where the newest state is while the take rolls; beside the output if nowhere else."""
        beside = self.output.with_name(f"{self.output.name}.state.json")
        return self.save_state or beside

    def check(self, *, pictures: bool) -> None:
        """Raise `OutputError` or `click.UsageError` for files that cannot be used like this."""
        check_output(self.output, pictures=pictures)
        check_state_target(self.kept_state)
        if _same(self.kept_state, self.output):
            raise click.UsageError("--save-state and -o name the same file.")
        if self.save_state is None and self.state and _same(self.state, self.kept_state):
            raise click.UsageError(
                f"{self.state} goes on from {self.output}, which would be overwritten: name "
                "another file with -o."
            )


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _one_per_segment(prompts: tuple[str, ...], segments: int | None) -> tuple[str, ...]:
    for number, prompt in enumerate(prompts, start=1):
        check_texts(prompt, f"prompt {number}")
    count = len(prompts) if segments is None else segments
    if count < len(prompts):
        raise click.UsageError(f"--segments {count} is less than the {len(prompts)} prompts.")
    return prompts + prompts[-1:] * (count - len(prompts))


def _open_store(url: str, outlives: bool) -> BlobStore:
    if outlives and url.lower().startswith("memory:"):
        raise click.UsageError(
            f"--blobs {url} ends with this command, but --save-state is to be continued: name a "
            "store that lasts, e.g. file:///folder."
        )
    return open_store(url)


def _check_single(family: ModelFamily, prompts: tuple[str, ...], files: _Files) -> None:
    """Refuse to continue what has no state."""
    if len(prompts) > 1 or files.state is not None or files.save_state is not None:
        raise click.UsageError(
            f"family {family.name!r} makes no state, so it makes single segments: leave out "
            "--segments, --state and --save-state, and give one prompt."
        )
