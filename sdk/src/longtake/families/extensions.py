"""An extension: what a package adds to a family that another package owns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from longtake.families.presets import Preset
from longtake.schema import declared
from longtake.schema.frozen import Frozen

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.families.models import ModelSource
    from longtake.states.state import ContinuationCodec

__all__ = ["Extension", "JoinedExtension", "Refused"]


def _is_preset(item: object) -> bool:
    return isinstance(item, Preset)


class Extension(Frozen):
    """What a plugin adds to a family of another plugin, which stays as it is.

    ::

        lt.Extension("ltx2", presets=(lt.Preset("marked", base="ltx2_base", edits=(...)),))

    Takes that are made with it are takes of the family. Classes and callables may be given by
    their names, ``"package.module:attribute"``.

    - ``family``: the name of the family.
    - ``presets``: each a name that neither the family nor another extension of it has.
    - ``codecs``: of more kinds of states, over the family's typed state. They read, and write when
      a request asks for their kind.
    - ``options``: the attrs class of more keyword arguments of `longtake.load`. They may be said
      with a preset that comes from this extension, also over another preset's ``base``.
    - ``components``: more of what constructors of stages may ask for, by parameter name: what loads
      each, ``(ModelSource) -> object``, called when a stage first asks. The source's ``options``
      are an instance of this extension's.
    - ``example``: ``(folder) -> folder``; a small checkpoint of the family, written there or
      already elsewhere. On the command line, takes that name no checkpoint are made with it in
      place of the family's own example, and with the first of this extension's presets.
    - ``requires``: the versions of the family's distribution that it fits, e.g. ``">=0.2,<0.3"``
      (version specifiers of the PyPA); any when empty.
    - ``description``: one line for listings.
    """

    __slots__ = (
        *("family", "presets", "codecs", "options", "components"),
        *("example", "requires", "description"),
    )

    def __init__(
        self,
        family: str,
        *,
        presets: Iterable[Preset] = (),
        codecs: Iterable[ContinuationCodec[Any]] = (),
        options: str | type | None = None,
        components: Mapping[str, str | Callable[[ModelSource], Any]] = declared.EMPTY,
        example: str | Callable[[Path], Path] | None = None,
        requires: str = "",
        description: str = "",
    ) -> None:
        self.family: Final = family
        self.presets: Final[tuple[Preset, ...]] = declared.as_tuple(presets)
        self.codecs: Final[tuple[ContinuationCodec[Any], ...]] = declared.as_tuple(codecs)
        self.options: Final = options
        self.components: Final = declared.own(components)
        self.example: Final = example
        self.requires: Final = requires
        self.description: Final = description
        declared.name(self, "family")
        declared.tuple_of(self, "presets", _is_preset, "a longtake.Preset")
        declared.tuple_of(self, "codecs", declared.has_kind, "a codec with a kind")
        declared.target(self, "options", optional=True, classes=True)
        declared.mapping(self, "components")
        self._check_loaders()
        declared.target(self, "example", optional=True)
        declared.text(self, "requires", "description")

    def _check_loaders(self) -> None:
        for name, loader in self.components.items():
            fits = declared.is_target(loader) if isinstance(loader, str) else callable(loader)
            if not fits:
                what = "a callable, or its name 'package.module:attribute'"
                declared.refuse(self, f"components.{name}", loader, what)


class Refused(Frozen):
    """A name of an extension that cannot be had. ``is_clash``: because another has it, too."""

    __slots__ = ("name", "why", "is_clash")

    def __init__(self, name: str, why: str, is_clash: bool = False) -> None:
        self.name: Final = name
        self.why: Final = why
        self.is_clash: Final = is_clash


class JoinedExtension(Frozen):
    """An extension beside its family, as a registry has joined them.

    - ``extension``: as its plugin declares it.
    - ``distribution``, ``version``, ``provider``: of the plugin; the last one for messages.
    - ``presets``, ``codecs``: those of it that the family now has.
    - ``refused``: those that it has not, and why.
    """

    __slots__ = (
        *("extension", "distribution", "version", "provider"),
        *("presets", "codecs", "refused"),
    )

    def __init__(
        self,
        *,
        extension: Extension,
        distribution: str,
        version: str,
        provider: str,
        presets: tuple[Preset, ...] = (),
        codecs: tuple[ContinuationCodec[Any], ...] = (),
        refused: Iterable[Refused] = (),
    ) -> None:
        self.extension: Final = extension
        self.distribution: Final = distribution
        self.version: Final = version
        self.provider: Final = provider
        self.presets: Final = presets
        self.codecs: Final = codecs
        self.refused: Final = tuple(refused)

    def owns(self, preset: Preset) -> bool:
        """Whether ``preset``, as it was declared, is one of its own."""
        return any(each is preset for each in self.presets)
