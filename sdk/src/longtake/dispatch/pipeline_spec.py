"""What a pipeline is loaded from, as a plain document that travels to the worker which loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import Attribute, evolve, field, frozen

from longtake.errors import ValidationError
from longtake.loading import load
from longtake.pipeline import Pipeline
from longtake.plugins.registry import Registry
from longtake.session_stores.checks import check_name, check_plain

__all__ = ["PipelineSpec"]

_OF_THIS_PROCESS = ("registry", "prepare", "progress", "observers")
_FIELDS = {"path": "model", "family": "family", "preset": "preset"}


def _name(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value is not None:
        check_name(value, f"spec.{attribute.name}")


def _options(instance: object, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, dict):
        raise ValidationError("spec.options", "must be options of longtake.load by their names")
    check_plain(value, "spec.options")
    for name in value:
        if name in _FIELDS:
            problem = f"is no option; say it as the spec's {_FIELDS[name]}"
            raise ValidationError(f"spec.options.{name}", problem)
        if name in _OF_THIS_PROCESS:
            problem = "belongs to one process and does not travel; leave it out"
            raise ValidationError(f"spec.options.{name}", problem)


@frozen(kw_only=True)
class PipelineSpec:
    """What `longtake.load` is given, as a plain document.

    - ``model``: the path of a checkpoint where the worker is; None for a family without weights.
    - ``family``, ``preset``: as of `longtake.load`; one of model and family must be there.
    - ``options``: other keywords of it by their names, e.g. ``{"device": "cuda:1"}``, as plain
      JSON; no observers and no registry.

    `longtake.unstructure` makes JSON of it, `longtake.structure` reads that again. Raises
    `ValidationError` with a path such as ``spec.options.registry``.
    """

    model: str | None = field(default=None, validator=_name)
    family: str | None = field(default=None, validator=_name)
    preset: str | None = field(default=None, validator=_name)
    options: dict[str, Any] = field(factory=dict, validator=_options, hash=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.model is None and self.family is None:
            raise ValidationError("spec.model", "give the path of a checkpoint, or name a family")

    def on(self, device: str) -> PipelineSpec:
        """The same on another device, such as ``"cuda:1"``."""
        return evolve(self, options={**self.options, "device": device})

    def load(self, *, prepare: bool = True) -> Pipeline:
        """The pipeline, with its weights loaded now if it is to ``prepare``, as of `longtake.load`.

        Raises like it.
        """
        options = {"prepare": prepare, **self.options}
        return load(self.model, family=self.family, preset=self.preset, **options)

    def unloaded(self) -> Pipeline:
        """The pipeline without its weights, for a process that checks requests and rolls none.

        Where there is no ``model`` on this machine, the family and the preset must be named, and
        what depends on the checkpoint is checked by the workers alone. Raises `ValidationError`,
        and otherwise like `load`.
        """
        if self.model is None or Path(self.model).exists():
            options = {"prepare": False, **self.options}
            return load(self.model, family=self.family, preset=self.preset, **options)
        if self.family is None or self.preset is None:
            field = "family" if self.family is None else "preset"
            problem = f"must be named, for {self.model} is not on this machine to say which it is"
            raise ValidationError(f"spec.{field}", problem)
        family = Registry.default().family(self.family)
        overrides = self.options.get("preset_overrides")
        return Pipeline(family, preset=family.preset(self.preset), preset_overrides=overrides)
