"""A family of models: everything that a plugin says about one, without importing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from longtake.errors import NameClashError, PluginError, UnknownNameError, ValidationError
from longtake.families.presets import Preset, check_defaults
from longtake.families.stages import Recipe, Stage, StageSpec, as_recipe
from longtake.schema import declared
from longtake.schema.declared import as_tuple
from longtake.schema.frozen import Frozen

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from longtake.families.edits import RecipeEdit
    from longtake.families.estimates import EstimateRequest, RunEstimate
    from longtake.families.extensions import JoinedExtension
    from longtake.families.models import LoadedModel, ModelSource, Recognition
    from longtake.families.published import PublishedCheckpoint
    from longtake.requests.request import Job, ResolvedSampling, Sampling
    from longtake.requests.sources import ClipFacts
    from longtake.states.state import ContinuationCodec, ContinuationState

__all__ = ["ModelFamily"]


def _is_preset(item: object) -> bool:
    return isinstance(item, Preset)


def _is_joined(item: object) -> bool:
    from longtake.families.extensions import JoinedExtension  # late: most families have none

    return isinstance(item, JoinedExtension)


class ModelFamily(Frozen):
    """A family of models, as its plugin declares it. Declaring one imports nothing heavy.

    ::

        lt.ModelFamily("fog", ("longtake_fog:Denoise", "longtake_fog:Paint"), codecs=(FogCodec(),))

    Callables and classes may be given by their names, ``"package.module:attribute"``.

    - ``name``: what people call it, unique among all plugins.
    - ``stages``: the recipe of a segment.
    - ``finish``: the recipe that makes the missing end of a take from its state alone; empty when a
      take needs none.
    - ``presets``: the first is the default; without any there is one called ``"default"``.
    - ``defaults``: the family's own, below every preset's.
    - ``codecs``: read and write its states, one for each kind, all over one typed state; the first
      one writes unless a request says otherwise.
    - ``recognise``: ``(path) -> Recognition | None``; reads only small files.
    - ``load``: ``(ModelSource) -> LoadedModel``.
    - ``options``: the attrs class of the keyword arguments that `longtake.load` passes on. The
      metadata of a field may name values that save memory, which ``longtake plan`` then tries:
      ``{"saves_memory": ("component", "block")}``, the one that needs least last. ``{"again":
      False}`` is of a file that ``longtake again`` can do without.
    - ``example``: ``(folder) -> folder``; writes a small checkpoint there, for trying the family
      without a real one.
    - ``estimate``: ``(EstimateRequest) -> RunEstimate``; what a take will need, told without
      loading weights.
    - ``predict_num_frames``: ``(components, prompt, fps) -> int``; how many new frames a prompt
      asks for, from what the checkpoint knows.
    - ``check_sampling``: ``(ResolvedSampling) -> None``; raises `ValidationError` for a size or
      length that no model of the family makes. It is asked before a checkpoint is looked at, where
      a request is known by then, and imports nothing heavy; a stage's check has the last word.
    - ``fit_clip``: ``(ClipFacts) -> Sampling``; the size, length and frame rate of a segment that
      is made of such a clip, as near to it as the family can make them and no longer. Without it
      the family takes no ``Inputs.source``. Imports nothing heavy.
    - ``place``: ``(job, restored state or None) -> value``; where a segment lies in its take.
      Checks and stages get the value by the class that the return annotation names; it should be
      a `SegmentPlace`. Without it, a family whose states inherit from `TakeState` has
      `TakeSpan.of`.
    - ``published``: the published checkpoints that it knows by name, or the name of a tuple of
      them.
    - ``description``: one line for listings.
    - ``extensions``: what other packages add, which the registry puts here; a plugin leaves it out.
    """

    __slots__ = (
        *("name", "stages", "finish", "presets", "defaults", "codecs", "recognise", "load"),
        *("options", "example", "estimate", "predict_num_frames", "check_sampling", "fit_clip"),
        *("place", "published", "description", "extensions"),
    )

    def __init__(
        self,
        name: str,
        stages: Iterable[Stage],
        *,
        finish: Iterable[Stage] = (),
        presets: Iterable[Preset] = (),
        defaults: Mapping[str, Any] = declared.EMPTY,
        codecs: Iterable[ContinuationCodec[Any]] = (),
        recognise: str | Callable[[Path], Recognition | None] | None = None,
        load: str | Callable[[ModelSource], LoadedModel] | None = None,
        options: str | type | None = None,
        example: str | Callable[[Path], Path] | None = None,
        estimate: str | Callable[[EstimateRequest], RunEstimate] | None = None,
        predict_num_frames: str | Callable[[Mapping[str, Any], str, Fraction], int] | None = None,
        check_sampling: str | Callable[[ResolvedSampling], None] | None = None,
        fit_clip: str | Callable[[ClipFacts], Sampling] | None = None,
        place: str | Callable[[Job, Any], Any] | None = None,
        published: str | tuple[PublishedCheckpoint, ...] = (),
        description: str = "",
        extensions: tuple[JoinedExtension, ...] = (),
    ) -> None:
        self.name: Final = name
        self.stages: Final = as_recipe(stages)
        self.finish: Final = as_recipe(finish)
        self.presets: Final[tuple[Preset, ...]] = as_tuple(presets)
        self.defaults: Final = declared.own(defaults)
        self.codecs: Final[tuple[ContinuationCodec[Any], ...]] = as_tuple(codecs)
        self.recognise: Final = recognise
        self.load: Final = load
        self.options: Final = options
        self.example: Final = example
        self.estimate: Final = estimate
        self.predict_num_frames: Final = predict_num_frames
        self.check_sampling: Final = check_sampling
        self.fit_clip: Final = fit_clip
        self.place: Final = place
        self.published: Final = published
        self.description: Final = description
        self.extensions: Final = extensions
        self._check()

    def _check(self) -> None:
        declared.name(self, "name")
        declared.tuple_of(self, "presets", _is_preset, "a longtake.Preset")
        declared.mapping(self, "defaults")
        check_defaults(f"family {self.name}: defaults", self.defaults)
        declared.tuple_of(self, "codecs", declared.has_kind, "a codec with a kind")
        kinds = [codec.kind for codec in self.codecs]
        if twice := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise PluginError(f"family {self.name!r} has two codecs of the kind {twice[0]!r}")
        declared.target(self, "recognise", "load", optional=True)
        declared.target(self, "options", optional=True, classes=True)
        declared.target(self, "example", "estimate", "predict_num_frames", optional=True)
        declared.target(self, "check_sampling", "fit_clip", "place", optional=True)
        declared.items_or_target(self, "published")
        declared.text(self, "description")
        declared.tuple_of(self, "extensions", _is_joined, "what the registry joined")

    def __repr__(self) -> str:
        presets = ", ".join(f"{p.name}@{p.version}" for p in self.presets) or "default"
        kinds = ", ".join(codec.kind for codec in self.codecs) or "none"
        return f"<ModelFamily {self.name!r}: presets {presets}; states {kinds}>"

    def preset(self, name: str | None = None) -> Preset:
        """The preset called ``name`` (``"name"`` or ``"name@version"``), or the default one.

        One that has a ``base`` comes with what that one says. Raises `UnknownNameError` listing
        what there is, `NameClashError` for a name of two extensions, `PluginError` for one whose
        extension is left out or whose base is not there.
        """
        lineage = self._lineage(self._declared(name))
        whole = lineage[-1]
        for preset in reversed(lineage[:-1]):
            whole = preset.over(whole)
        return whole

    def _declared(self, name: str | None) -> Preset:
        """The preset as its plugin declares it."""
        presets = self.presets or (Preset("default"),)
        wanted, _, version = (presets[0].name if name is None else name).partition("@")
        found = [p for p in presets if p.name == wanted]
        if version:
            found = [p for p in found if str(p.version) == version]
        if not found:
            self._explain(wanted)
            from longtake.schema.suggestions import did_you_mean  # late: seldom needed

            known = ", ".join(f"{p.name}@{p.version}" for p in presets)
            names = [p.name for p in presets]
            meant = "" if wanted in names else did_you_mean(wanted, names)
            raise UnknownNameError(
                f"family {self.name!r} has no preset {name!r}{meant}; presets: {known}"
            )
        return max(found, key=lambda p: p.version)

    def _explain(self, name: str) -> None:
        """Raise what is known of a preset that an extension was to bring."""
        for refused in (each for joined in self.extensions for each in joined.refused):
            if refused.name == name:
                raise (NameClashError if refused.is_clash else PluginError)(refused.why)

    def _lineage(self, preset: Preset) -> list[Preset]:
        """The preset, what it is based on, and so on. Raises `PluginError` for a circle."""
        found = [preset]
        while (base := found[-1].base) is not None:
            try:
                below = self._declared(base)
            except (UnknownNameError, NameClashError, PluginError) as error:
                problem = f"preset {found[-1].name!r}: base: {error}"
                raise PluginError(problem) from None
            if any(each is below for each in found):
                raise PluginError(f"preset {preset.name!r} is based on itself, over {base!r}")
            found.append(below)
        return found

    def extensions_of(self, preset: Preset) -> tuple[JoinedExtension, ...]:
        """The extensions that ``preset`` comes from, also over its bases."""
        if not self.extensions:
            return ()
        lineage = self._lineage(self._declared(f"{preset.name}@{preset.version}"))
        return tuple(
            joined for joined in self.extensions if any(joined.owns(each) for each in lineage)
        )

    @property
    def published_checkpoints(self) -> tuple[PublishedCheckpoint, ...]:
        """The checkpoints that can be planned by name.

        Raises `PluginError` when ``published`` is something else.
        """
        if not self.published:
            return ()
        from longtake.families.published import PublishedCheckpoint  # late: no table needs it
        from longtake.schema.references import resolve

        found: Any = resolve(self.published)
        if not isinstance(found, tuple | list):
            found = (found,)
        for each in found:
            if not isinstance(each, PublishedCheckpoint):
                kind = type(each).__name__
                raise PluginError(
                    f"family {self.name!r}: published has a {kind}, not a PublishedCheckpoint"
                )
        return tuple(found)

    def recipe(self, preset: Preset, overrides: Mapping[str, Any] | None = None) -> Recipe:
        """The stages that a segment goes through with ``preset``, one of `preset`'s answers.

        Raises like `Preset.recipe`, and `WiringError` for an edit at a stage that is not there.
        """
        recipe = preset.recipe(overrides)
        stages = self.stages if recipe is None else recipe
        if not preset.edits:
            return stages
        from longtake.families.edits import edited  # late: few presets are edited

        return edited(stages, [(edit, self._whose(preset, edit)) for edit in preset.edits])

    def extension_of_stage(self, preset: Preset, spec: StageSpec) -> JoinedExtension | None:
        """The extension that put ``spec`` into the recipe of ``preset``; None for the family."""
        edit = next((e for e in preset.edits if any(s is spec for s in e.stages)), None)
        return None if edit is None else self._author(edit)

    def _author(self, edit: RecipeEdit) -> JoinedExtension | None:
        for joined in self.extensions:
            if any(edit is each for preset in joined.presets for each in preset.edits):
                return joined
        return None

    def _whose(self, preset: Preset, edit: RecipeEdit) -> str:
        author = self._author(edit)
        by = "" if author is None else f", extension of {author.provider}"
        return f"preset {preset.name!r} of family {self.name!r}{by}"

    def codec(self, kind: str) -> ContinuationCodec[Any] | None:
        """The codec that reads states of ``kind``, or None.

        Raises `PluginError` for one of an extension that is not over the family's typed state.
        """
        found = next((codec for codec in self.codecs if codec.kind == kind), None)
        for joined in self.extensions if found is not None else ():
            if found in joined.codecs and found.state_type is not self.state_type:
                raise PluginError(
                    f"the codec of {kind!r}, of {joined.provider}, has a typed state of its own; "
                    f"a codec of an extension is over that of family {self.name!r}"
                )
        return found

    def writing_codec(self, kind: str | None = None) -> ContinuationCodec[Any] | None:
        """The codec that writes states of ``kind``, or the first; None for a family without any.

        Raises `ValidationError` with the path ``output.state_kind`` for a kind that it has not.
        """
        if kind is None:
            return self.codecs[0] if self.codecs else None
        codec = self.codec(kind)
        if codec is None:
            from longtake.schema.suggestions import did_you_mean  # late: seldom needed

            known = ", ".join(repr(codec.kind) for codec in self.codecs) or "none"
            meant = did_you_mean(kind, [codec.kind for codec in self.codecs])
            raise ValidationError(
                "output.state_kind",
                f"family {self.name!r} writes no states of kind {kind!r}{meant}; its kinds: "
                f"{known}",
            )
        return codec

    @property
    def state_type(self) -> type[Any] | None:
        """The typed state of all codecs; None for a family without any.

        Raises `PluginError` naming two codecs whose typed states differ.
        """
        added = {codec.kind for joined in self.extensions for codec in joined.codecs}
        own = [codec for codec in self.codecs if codec.kind not in added]
        types = [(codec.kind, codec.state_type) for codec in own]
        for kind, state_type in types:
            if state_type is not types[0][1]:
                raise PluginError(
                    f"family {self.name!r}: the codecs of {types[0][0]!r} and {kind!r} have two "
                    f"typed states, {types[0][1].__name__} and {state_type.__name__}; all codecs "
                    "of a family share one, so that what one has read another can write"
                )
        return types[0][1] if types else None

    def blob_ids(self, state: ContinuationState) -> tuple[str, ...]:
        """The blobs that ``state`` refers to; none where no codec of the family reads its kind."""
        codec = self.codec(state.kind)
        return () if codec is None else tuple(codec.blob_ids(state))
