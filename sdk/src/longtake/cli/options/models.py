"""Which family makes the take, with which weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import click
from attrs import field, frozen

from longtake.cli.collector import collector_paused, objects_frozen
from longtake.cli.options.completion import family_names, preset_names
from longtake.cli.options.examples import RANDOM, Example, example_of, has_example
from longtake.cli.options.family import ModelCommand, options_for
from longtake.cli.options.groups import with_options
from longtake.cli.terminal.narration import Narration
from longtake.cli.terminal.remaining import Costs
from longtake.cli.terminal.voices import warn
from longtake.families.estimates import EstimateRequest
from longtake.families.family import ModelFamily
from longtake.families.load_options import LoadOptions
from longtake.loading import load
from longtake.pipeline import Pipeline
from longtake.plugins.published import check_not_on_hub
from longtake.plugins.registry import Registry
from longtake.runs.prepared import PreparedRequest
from longtake.schema.references import resolve
from longtake.settings import Settings
from longtake.states.state import ContinuationState

__all__ = [
    "ModelChoice",
    "ModelCommand",
    "choose_family",
    "model_options",
    "open_pipeline",
    "preset_options",
]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--model",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Checkpoint to load. Without it: a small example; tiny:random is the family's own.",
    ),
    click.option(
        "--family",
        metavar="NAME",
        help="Its family, when it cannot be told.",
        shell_complete=family_names,
    ),
    click.option("--device", help="E.g. cpu or cuda:0."),
    click.option("--dtype", help="E.g. float32 or bfloat16."),
)

_PRESET_OPTIONS = (
    click.option(
        "--preset", metavar="NAME", help="See 'longtake presets'.", shell_complete=preset_names
    ),
    click.option(
        "--preset-override",
        "preset_overrides",
        multiple=True,
        metavar="STAGE.FIELD=VALUE",
        help="What of the preset is set once, e.g. refine.enabled=false. Repeatable.",
    ),
)


def model_options(command: F) -> F:
    """The options that say which model, for a `ModelCommand`."""
    return with_options(command, _OPTIONS)


def preset_options(command: F) -> F:
    """The options that say which preset: ``preset`` and ``preset_overrides``, texts to be built."""
    return with_options(command, _PRESET_OPTIONS)


@frozen
class ModelChoice:
    """What the options of `model_options` say; None where they say nothing.

    ``family_options``: what those that the families bring say, as `options_for` reads it.
    """

    model: Path | None = None
    family: str | None = None
    device: str | None = None
    dtype: str | None = None
    family_options: Mapping[str, Any] = field(factory=dict)

    @property
    def checkpoint(self) -> Path | None:
        """The folder that is named; None where the choice is left to an example."""
        return None if self.model == RANDOM else self.model


def choose_family(
    registry: Registry, choice: ModelChoice, state: ContinuationState | None = None
) -> ModelFamily:
    """The family named, else the one that knows the checkpoint, else one that needs none.

    That is the one that reads ``state``, else the one with an example, else the weight-free one.
    Raises `UnknownNameError`, `NameClashError`, `CheckpointError` or `click.UsageError`.
    """
    if choice.family is not None:
        family = registry.family(choice.family)
        example_of(family, choice.model)  # raises where there is none
        if choice.checkpoint is not None and family.load is not None:
            check_not_on_hub(choice.checkpoint, [provided.value for provided in registry.families])
        return family
    if choice.checkpoint is not None:
        return registry.recognise(choice.checkpoint)[0]
    return _family_without_checkpoint(registry, state)


def _family_without_checkpoint(registry: Registry, state: ContinuationState | None) -> ModelFamily:
    families = [provided.value for provided in registry.families]
    usable = [f for f in families if has_example(f) or f.load is None]
    readers = [f for f in usable if state is not None and f.codec(state.kind) is not None]
    found = readers or [f for f in usable if has_example(f)] or usable
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(family.name for family in found)
        what = "have an example" if has_example(found[0]) else "need no weights"
        raise click.UsageError(f"several families {what}: name one with --family: {names}")
    if not families:
        raise click.UsageError("no plugin provides a family; install one")
    names = ", ".join(family.name for family in families)
    raise click.UsageError(
        f"no installed family can do without a checkpoint: give --model DIR; families: {names}"
    )


@contextmanager
def open_pipeline(
    registry: Registry,
    family: ModelFamily,
    choice: ModelChoice,
    preset: str | None = None,
    preset_overrides: Mapping[str, Any] | None = None,
    *,
    narration: Narration | None = None,
) -> Iterator[Pipeline]:
    """The pipeline, whose networks are not loaded yet, so that a request can be checked first.

    Of several processes only rank 0 gets one; those that share its work end in here. Without
    ``--model`` the take is made with an example, which is gone afterwards. ``narration``: tells of
    the loading, and is told how to find out what the stages cost.
    """
    options = options_for(family, choice.family_options)
    rank = Settings.from_environment().rank
    example = example_of(family, choice.model)
    if example is not None and not rank:
        warn(_about(family, example))
    if narration is not None and not rank:
        narration.busy(f"loading {family.name}")  # seconds may go by before it can count
    with ExitStack() as stack:
        model = choice.checkpoint
        # The others compute in there until the end.
        with nullcontext() if rank else collector_paused():
            if example is not None:
                folder = TemporaryDirectory(prefix="longtake-", ignore_cleanup_errors=True)
                model = example.write(Path(stack.enter_context(folder)))
                preset = example.preset if preset is None else preset
            pipeline = load(
                model,
                family=family,
                preset=preset,
                preset_overrides=preset_overrides,
                device=choice.device,
                dtype=choice.dtype,
                registry=registry,
                prepare=False,
                progress=None if narration is None or rank else narration.loading,
                **options,
            )
            stack.enter_context(objects_frozen())
        if rank:
            world_size = Settings.from_environment().world_size
            raise click.UsageError(
                f"family {family.name!r} runs in one process, not in {world_size}."
            )
        opened = stack.enter_context(pipeline)
        if narration is not None:
            narration.opened(choice.checkpoint, partial(_costs, opened, model, choice, options))
        yield opened


def _costs(
    pipeline: Pipeline,
    model: Path | None,
    choice: ModelChoice,
    options: Mapping[str, Any],
    first: PreparedRequest,
) -> Costs:
    """FLOPs of the stages of a take that goes on with ``first``, and of one more segment.

    Empty for a family that does not estimate them. Raises what the family raises.
    """
    family = pipeline.family
    if family.estimate is None:
        return ()
    request = EstimateRequest(
        path=model,
        recipe=pipeline.recipe,
        job=first.job,
        stage_options=first.options,
        segments=2 if family.codecs else 1,
        device=choice.device,
        dtype=choice.dtype,
        options=LoadOptions.of(family, pipeline.preset, options).own,
    )
    estimate: Any = resolve(family.estimate)
    segments = estimate(request).segments[1 if first.job.segment_index else 0 :]
    return [[float(stage.flops) for stage in segment.stages] for segment in segments]


def _about(family: ModelFamily, example: Example) -> str:
    if example.provider is None:
        return (
            f"without --model, {family.name} runs on a tiny example with random weights, "
            "which makes noise; --model DIR points at a real checkpoint"
        )
    return (
        f"without --model, {family.name} runs on the small example of {example.provider}; "
        "--model DIR points at a real checkpoint"
    )
