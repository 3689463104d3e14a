"""The options that a model is loaded with: the family's own, and those of its extensions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import evolve, fields_dict, frozen

from longtake.errors import LongtakeError, NameClashError, PluginError, ValidationError, text_of
from longtake.families.extensions import JoinedExtension
from longtake.families.family import ModelFamily
from longtake.families.models import LoadedModel, LoadProgress, ModelSource
from longtake.families.presets import Preset
from longtake.schema.references import resolve
from longtake.schema.suggestions import did_you_mean
from longtake.schema.wire import structure

__all__ = ["LoadOptions", "components_beside"]


@frozen
class LoadOptions:
    """What was said when a model is loaded, by who asked for it.

    ``own``: an instance of the family's options class, None when it has none. ``added``: of each
    extension that the preset comes from, likewise.
    """

    own: Any
    added: tuple[tuple[JoinedExtension, Any], ...] = ()

    @classmethod
    def of(
        cls,
        family: ModelFamily,
        preset: Preset,
        said: Mapping[str, Any],
        keywords: Iterable[str] = (),
    ) -> LoadOptions:
        """Structure what was ``said``, by keyword. ``keywords``: others that there are, to hint at.

        Raises `ValidationError` for a keyword or value that nobody takes, `NameClashError` for one
        that two extensions of the preset have.
        """
        used = family.extensions_of(preset)
        own = _fields_of(family.options)
        by_extension = [(joined, _fields_of(joined.extension.options)) for joined in used]
        owners: dict[str, int] = {}
        for index, (joined, names) in enumerate(by_extension):
            for name in names:
                if name in own:
                    raise NameClashError(
                        f"the option {name!r} of {joined.provider} is one of family "
                        f"{family.name!r} itself"
                    )
                if (other := owners.setdefault(name, index)) != index:
                    raise NameClashError(
                        f"the option {name!r} is of {used[other].provider} and of {joined.provider}"
                        f"; preset {preset.name!r} uses both"
                    )
        for name in said:
            if name not in own and name not in owners:
                raise ValidationError(
                    name, _unknown(family, preset, name, [*keywords, *own, *owners])
                )
        plain = {name: _as_text(value) for name, value in said.items()}
        return cls(
            _structured(family.options, {n: v for n, v in plain.items() if n in own}),
            tuple(
                (
                    joined,
                    _structured(
                        joined.extension.options,
                        {n: v for n, v in plain.items() if owners.get(n) == index},
                    ),
                )
                for index, (joined, _) in enumerate(by_extension)
            ),
        )


def _fields_of(options: str | type | None) -> dict[str, Any]:
    cls: Any = resolve(options)
    return {} if cls is None else fields_dict(cls)


def _structured(options: str | type | None, said: dict[str, Any]) -> Any:
    cls: Any = resolve(options)
    return None if cls is None else structure(said, cls)


def _unknown(family: ModelFamily, preset: Preset, name: str, known: list[str]) -> str:
    for joined in family.extensions:
        if name in _fields_of(joined.extension.options):
            own = ", ".join(each.name for each in joined.presets) or "none"
            return (
                f"is an option of {joined.provider}, which preset {preset.name!r} does not use; "
                f"presets of its: {own}"
            )
    allowed = ", ".join(known)
    return f"family {family.name!r} has no such option{_meant(name, known)}; allowed: {allowed}"


def _meant(name: str, known: Iterable[str]) -> str:
    """What other libraries call otherwise, as ``torch_dtype``, or else what is misspelt."""
    found = [each for each in known if name.endswith(f"_{each}") or name.startswith(f"{each}_")]
    return f" (did you mean {found[0]!r}?)" if found else did_you_mean(name, known)


def _as_text(value: object) -> object:
    """A path as its text, which is what documents have."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def components_beside(model: LoadedModel, source: ModelSource, options: LoadOptions) -> LoadedModel:
    """``model``, with the components of the extensions that ``options`` are of.

    Raises `NameClashError` for a name that the model or two extensions have.
    """
    loaders: dict[str, tuple[JoinedExtension, Callable[[], object]]] = {}
    for joined, own in options.added:
        for name, loader in joined.extension.components.items():
            if name in model.components:
                raise NameClashError(
                    f"the component {name!r} of {joined.provider} is one of the model itself"
                )
            if name in loaders:
                raise NameClashError(
                    f"the component {name!r} is of {loaders[name][0].provider} and of "
                    f"{joined.provider}"
                )
            loaders[name] = joined, _loading(joined, name, loader, evolve(source, options=own))
    if not loaders:
        return model
    added = _Components(model.components, {name: load for name, (_, load) in loaders.items()})

    def close() -> None:
        added.let_go()
        model.close()

    return model.evolve(components=added, close=close)


def _loading(
    joined: JoinedExtension, name: str, loader: object, source: ModelSource
) -> Callable[[], object]:
    def load() -> object:
        target: Any = resolve(loader)
        source.progress(LoadProgress(name))
        try:
            component: object = target(source)
        except LongtakeError:
            raise
        except Exception as error:  # isolation: a loader is a plugin's code
            problem = f"{type(error).__name__}: {text_of(error)}"
            raise PluginError(f"{joined.provider} cannot load {name!r}: {problem}") from error
        source.progress(LoadProgress(name, ready=True))
        return component

    return load


class _Components(Mapping[str, Any]):
    """A model's components and those of extensions, each of these loaded when it is asked for."""

    def __init__(self, own: Mapping[str, Any], loaders: Mapping[str, Callable[[], object]]) -> None:
        self._own = own
        self._loaders = loaders
        self._loaded: dict[str, object] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaders:
            return self._own[name]
        if name not in self._loaded:
            self._loaded[name] = self._loaders[name]()
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._loaders or name in self._own

    def __iter__(self) -> Any:
        yield from self._own
        yield from self._loaders

    def __len__(self) -> int:
        return len(self._own) + len(self._loaders)

    def let_go(self) -> None:
        """Forget what was loaded."""
        self._loaded.clear()
