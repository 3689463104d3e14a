"""From the path of a checkpoint to a pipeline: which family, which preset, which networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from longtake.errors import PluginError, ValidationError
from longtake.families.family import ModelFamily
from longtake.families.load_options import LoadOptions, components_beside
from longtake.families.models import LoadedModel, LoadProgress, ModelSource
from longtake.families.presets import Preset
from longtake.families.recognising import recognised_preset
from longtake.pipeline import Pipeline
from longtake.plugins.observing import Watching, observers_for
from longtake.plugins.published import check_not_on_hub
from longtake.plugins.registry import Registry
from longtake.schema.references import resolve
from longtake.settings import Settings

__all__ = ["load"]

_KEYWORDS = (
    "family",
    "preset",
    "preset_overrides",
    "device",
    "dtype",
    "registry",
    "prepare",
    "observers",
)
"""Of `load` itself."""


def load(
    path: str | Path | None = None,
    *,
    family: str | ModelFamily | None = None,
    preset: str | None = None,
    preset_overrides: Mapping[str, Any] | None = None,
    device: object = None,
    dtype: object = None,
    registry: Registry | None = None,
    prepare: bool = True,
    progress: Callable[[LoadProgress], None] | None = None,
    observers: Mapping[str, Any] | None = None,
    **options: Any,
) -> Pipeline:
    """Load a checkpoint and build its pipeline.

    ``path``: a checkpoint; None for a family without weights, which must then be named.
    ``family``: which family it is of; asked of all installed ones when None. ``preset``:
    ``"name"`` or ``"name@version"``; the checkpoint's own default when None.
    ``preset_overrides``: what of the preset is set now, not per request: ``{stage: {field:
    value}}``, or an instance of the stage's override class instead of the fields. ``device``,
    ``dtype``: e.g. ``"cuda:0"``, ``"bfloat16"``, or the torch objects; None means the family's
    choice. ``prepare``: load the weights now. ``progress``: is told of each component while it is
    loaded, as far as the family tells. ``observers``: ``{name: options}`` of observers that plugins
    declare, an instance of the options class or its fields; False leaves one out. Other keywords
    are the family's own options, e.g. ``numerics="diffusers"``, and those of the extensions that
    the preset comes from.

    Of several processes that were started together (``RANK``, ``WORLD_SIZE``), a family that shares
    its work among them returns a pipeline on rank 0 alone; on the others this does not return.

    Raises `CheckpointError` when no family, or more than one, recognises the checkpoint or when
    it is damaged, `UnknownNameError` for an unknown family or preset, `ValidationError` for an
    option that the family does not have, a bad preset override or a wrong configuration of an
    observer; the last two before any weight is looked at.
    """
    registry = registry or Registry.default()
    where = None if path is None else Path(path)
    chosen, its_preset = _choose(registry, family, where)
    used_preset = chosen.preset(preset or its_preset)
    recipe = chosen.recipe(used_preset, preset_overrides)
    given = LoadOptions.of(chosen, used_preset, options, _KEYWORDS)
    settings = Settings.from_environment()
    source = ModelSource(
        path=where,
        device=None if device is None else str(device),
        dtype=None if dtype is None else str(dtype).rpartition(".")[2],
        options=given.own,
        recipe=recipe,
        rank=settings.rank,
        world_size=settings.world_size,
        **({} if progress is None else {"progress": progress}),
    )
    with observers_for(registry, observers, settings.observers) as watching:
        pipeline = _built(chosen, used_preset, preset_overrides, source, given, watching)
        if prepare:
            pipeline.prepare()
    return pipeline


def _choose(
    registry: Registry, family: str | ModelFamily | None, path: Path | None
) -> tuple[ModelFamily, str | None]:
    """The family, and the preset that it gives the checkpoint by default."""
    if family is None:
        if path is None:
            raise ValidationError("path", "give the path of a checkpoint, or name a family")
        recognised, recognition = registry.recognise(path)
        return recognised, recognition.preset
    chosen = registry.family(family) if isinstance(family, str) else family
    if path is not None and chosen.load is not None:
        check_not_on_hub(path, [provided.value for provided in registry.families])
    return chosen, recognised_preset(chosen, path)


def _built(
    family: ModelFamily,
    preset: Preset,
    preset_overrides: Mapping[str, Any] | None,
    source: ModelSource,
    given: LoadOptions,
    watching: Watching,
) -> Pipeline:
    return Pipeline(
        family,
        preset=preset,
        preset_overrides=preset_overrides,
        model=components_beside(_load_model(family, source), source, given),
        source=source,
        observers=watching.given,
        own_observers=watching.made,
    )


def _load_model(family: ModelFamily, source: ModelSource) -> LoadedModel:
    loader: Any = resolve(family.load)
    if loader is not None:
        loaded: object = loader(source)
        if not isinstance(loaded, LoadedModel):
            what = type(loaded).__name__
            raise PluginError(f"family {family.name!r}: its load returned a {what}, no LoadedModel")
        return loaded
    if source.path is not None:
        raise ValidationError("path", f"family {family.name!r} has no weights to load")
    return LoadedModel(device=source.device or "cpu")
