"""``longtake sessions roll``: segments of a session, by as many processes as there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import evolve, fields
from click.core import ParameterSource

from longtake.cli.commands.sessions.makers import maker_of
from longtake.cli.commands.sessions.towards import Goal, SessionRolling
from longtake.cli.options.documents import build_overrides, build_request, request_options
from longtake.cli.options.inputs import InputChoice, NamedInputs, input_options, read_inputs
from longtake.cli.options.models import (
    ModelChoice,
    model_options,
    open_pipeline,
    preset_options,
)
from longtake.cli.options.remaking import REMAKING, remade_by, remaking_options
from longtake.cli.options.sessions import (
    blobs_option,
    labels_option,
    open_blobs,
    open_sessions,
    sessions_option,
)
from longtake.cli.options.sources import Begun, SourceChoice, begin_with
from longtake.cli.options.takes import TakeCommand, narration_of_command
from longtake.cli.terminal.interruption import cancelled_by_signals
from longtake.errors import SessionNotFound
from longtake.plugins.registry import Registry
from longtake.requests.request import GenerationRequest
from longtake.runs.early import check_early
from longtake.session_stores.checks import check_seconds, check_session_id
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord
from longtake.sessions.claiming import LONGEST_WAIT
from longtake.sessions.making import worker_name

__all__ = ["roll"]

C = TypeVar("C", ModelChoice, InputChoice)


@click.command("roll", cls=TakeCommand)
@click.argument("session_id", metavar="ID")
@click.argument("prompts", nargs=-1, required=True, metavar="PROMPT...")
@sessions_option
@blobs_option
@labels_option("Of a session that is made, for finding it again. Repeatable.")
@click.option(
    "--worker", metavar="NAME", help="Who made the segments; by default host and process."
)
@click.option(
    "--wait",
    type=click.FloatRange(min=0, min_open=True),
    default=LONGEST_WAIT,
    show_default=True,
    metavar="SECONDS",
    help="Make a segment that another worker claims all the same after so long.",
)
@model_options
@preset_options
@click.option(
    "--accept-versions",
    is_flag=True,
    help="Go on although the session's preset has another version here; its segments say so.",
)
@click.option(
    "--segments",
    type=click.IntRange(min=1),
    metavar="N",
    help="Roll so many more; by default one per PROMPT. The last prompt repeats.",
)
@click.option(
    "--until",
    type=click.IntRange(min=1),
    metavar="N",
    help="Roll until the session has N, whoever rolls them; the first PROMPT is of its first.",
)
@click.option("--seed", type=int, metavar="N", help="Of the whole take.")
@request_options
@click.option(
    "--num-frames", type=int, metavar="N", help="Of a segment, with those that it repeats."
)
@click.option("--negative-prompt", metavar="TEXT")
@click.option("--state-kind", metavar="KIND", help="The kind of states; by default the family's.")
@input_options
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="CLIP",
    help="Make the first segment of this clip, as retake does; the options below say what of it is "
    "remade. A longer --num-frames goes on from it.",
)
@click.option(
    "--skip-frames",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Pictures of the clip's file that come before the clip.",
)
@remaking_options
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="PATH=VALUE",
    help="Any field of the request, e.g. sampling.seed=3 or denoise.stg_scale=0. Repeatable.",
)
def roll(
    session_id: str,
    prompts: tuple[str, ...],
    sessions: str,
    blobs: str | None,
    labels: dict[str, str],
    worker: str | None,
    wait: float,
    preset: str | None,
    preset_overrides: tuple[str, ...],
    accept_versions: bool,
    segments: int | None,
    until: int | None,
    assignments: tuple[str, ...],
    **options: Any,
) -> None:
    """Roll segments of the session ID, one per PROMPT; it is made when it is not there.

    Each segment is committed exactly once, with its picture and sound, whatever is killed when, and
    kept while the next one is made. The same command may run in several shells at once: with
    --until N they share the work, and each tells of all segments. What is interrupted leaves the
    segments that are finished; the same command goes on.

    Images, clips, audio and --source condition the first segment that this command rolls, or with
    --until the first one of the session.
    """
    check_session_id(session_id)
    check_seconds(wait, "--wait")
    choice, chosen = _choice_of(ModelChoice, options), _choice_of(InputChoice, options)
    clip, goal = _clip_of(options), Goal.of(prompts, segments, until)
    request = build_request(prompts[0], options, assignments)
    for prompt in prompts:
        evolve(request, prompt=prompt)  # refuses one before the others are rolled
    overrides = build_overrides(preset_overrides)
    store, blob_store = open_sessions(sessions, makes=True), open_blobs(blobs, sessions)
    record = _found(store, session_id)
    registry = Registry.default()
    family, preset = maker_of(registry, choice, preset, record, accept_versions=accept_versions)
    named, first, telling = read_inputs(chosen), request, narration_of_command()
    if clip is not None and goal.is_conditioned(0 if record is None else record.num_segments, 0):
        named, first = _made_of(begin_with(clip, family, request, preset), named, request)
    check_early(family, first, preset=preset, continued=record is not None)
    with open_pipeline(registry, family, choice, preset, overrides, narration=telling) as pipeline:
        rolling = SessionRolling(
            store,
            blob_store,
            session_id,
            pipeline,
            goal,
            request,
            first,
            named,
            telling,
            worker or worker_name(),
            wait,
            accept_versions,
        )
        with cancelled_by_signals() as cancel:
            rolling.run(record, labels, cancel.is_set)


def _choice_of(kind: type[C], options: dict[str, Any]) -> C:
    """What options of a kind say; they are taken out of all of them."""
    return kind(**{field.name: options.pop(field.name) for field in fields(kind)})


def _clip_of(options: dict[str, Any]) -> SourceChoice | None:
    """What the first segment is made of, likewise.

    Raises `click.UsageError` for what has no effect.
    """
    source, skip_frames = options.pop("source"), options.pop("skip_frames")
    said = {name: options.pop(name) for name in REMAKING}
    if source is not None:
        return SourceChoice(source, evolve(remade_by(said), skip_frames=skip_frames))
    typed = click.get_current_context().get_parameter_source
    for name, option in {**REMAKING, "skip_frames": "--skip-frames"}.items():
        if typed(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} has no effect without --source.")
    return None


def _made_of(
    begun: Begun, named: NamedInputs, request: GenerationRequest
) -> tuple[NamedInputs, GenerationRequest]:
    """The clip among the inputs, and the request of its segment; what is not as it is, is told."""
    for line in begun.notes:
        click.echo(line, err=True)
    return begun.named(named), evolve(request, sampling=begun.sampling)


def _found(store: SessionStore, session_id: str) -> SessionRecord | None:
    try:
        return store.read(session_id)
    except SessionNotFound:
        return None
