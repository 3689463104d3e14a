"""From the path of a checkpoint to a pipeline: which family, which preset, which networks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import fields_dict

from longtake.errors import PluginError, ValidationError
from longtake.families.family import ModelFamily
from longtake.families.models import LoadedModel, LoadProgress, ModelSource
from longtake.families.presets import Preset
from longtake.pipeline import Pipeline
from longtake.plugins.observing import Watching, observers_for
from longtake.plugins.published import check_not_on_hub
from longtake.plugins.registry import Registry
from longtake.schema.references import resolve
from longtake.schema.suggestions import did_you_mean
from longtake.schema.wire import structure
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
    are the family's own options, e.g. ``numerics="diffusers"``.

    Of several processes that were started together (``RANK``, ``WORLD_SIZE``), a family that shares
    its work among them returns a pipeline on rank 0 alone; on the others this does not return.

    Raises `CheckpointError` when no family, or more than one, recognises the checkpoint or when
    it is damaged, `UnknownNameError` for an unknown family or preset, `ValidationError` for an
    option that the family does not have, a bad preset override or a wrong configuration of an
    observer; the last two before any weight is looked at.
    """
    registry = registry or Registry.default()
    where = None if path is None else Path(path)
    chosen, recognised_preset = _choose(registry, family, where)
    used_preset = chosen.preset(preset or recognised_preset)
    recipe = chosen.recipe(used_preset, preset_overrides)
    settings = Settings.from_environment()
    source = ModelSource(
        path=where,
        device=None if device is None else str(device),
        dtype=None if dtype is None else str(dtype).rpartition(".")[2],
        options=_family_options(chosen, options),
        recipe=recipe,
        rank=settings.rank,
        world_size=settings.world_size,
        **({} if progress is None else {"progress": progress}),
    )
    with observers_for(registry, observers, settings.observers) as watching:
        pipeline = _built(chosen, used_preset, preset_overrides, source, watching)
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
    recognise: Any = resolve(chosen.recognise)
    known = None if path is None or recognise is None else recognise(path)
    return chosen, None if known is None else known.preset


def _family_options(family: ModelFamily, options: Mapping[str, Any]) -> Any:
    cls: Any = resolve(family.options)
    own = {} if cls is None else fields_dict(cls)
    for name in options:
        if name not in own:
            meant = _meant(name, (*own, *_KEYWORDS))
            allowed = ", ".join((*_KEYWORDS, *own))
            problem = f"family {family.name!r} has no such option{meant}; allowed: {allowed}"
            raise ValidationError(name, problem)
    if cls is None:
        return None
    return structure({name: _as_text(value) for name, value in options.items()}, cls)


def _meant(name: str, known: Iterable[str]) -> str:
    """What other libraries call otherwise, as ``torch_dtype``, or else what is misspelt."""
    found = [each for each in known if name.endswith(f"_{each}") or name.startswith(f"{each}_")]
    return f" (did you mean {found[0]!r}?)" if found else did_you_mean(name, known)


def _as_text(value: object) -> object:
    """A path as its text, which is what documents have."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _built(
    family: ModelFamily,
    preset: Preset,
    preset_overrides: Mapping[str, Any] | None,
    source: ModelSource,
    watching: Watching,
) -> Pipeline:
    return Pipeline(
        family,
        preset=preset,
        preset_overrides=preset_overrides,
        model=_load_model(family, source),
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
