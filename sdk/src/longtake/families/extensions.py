"""An extension: what a package adds to a family that another package owns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen

from longtake.families.presets import Preset
from longtake.schema import declared

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.families.models import ModelSource
    from longtake.states.state import ContinuationCodec

__all__ = ["Extension", "JoinedExtension", "Refused"]


def _are_loaders(instance: Any, attribute: Attribute[Any], value: Mapping[str, Any]) -> None:
    for name, loader in value.items():
        named = isinstance(loader, str) and declared.is_target(loader)
        if not named and not (callable(loader) and not isinstance(loader, str)):
            what = "a callable, or its name 'package.module:attribute'"
            declared.refuse(instance, f"{attribute.name}.{name}", loader, what)


def _is_preset(item: object) -> bool:
    return isinstance(item, Preset)


@frozen
class Extension:
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

    family: str = field(validator=declared.name)
    presets: tuple[Preset, ...] = field(
        default=(),
        converter=declared.as_tuple,
        kw_only=True,
        validator=declared.tuple_of(_is_preset, "a longtake.Preset"),
    )
    codecs: tuple[ContinuationCodec[Any], ...] = field(
        default=(),
        converter=declared.as_tuple,
        kw_only=True,
        validator=declared.tuple_of(declared.has_kind, "a codec with a kind"),
    )
    options: str | type | None = field(
        default=None, kw_only=True, validator=declared.target(optional=True, classes=True)
    )
    components: Mapping[str, str | Callable[[ModelSource], Any]] = field(
        factory=dict, kw_only=True, validator=[declared.mapping, _are_loaders]
    )
    example: str | Callable[[Path], Path] | None = field(
        default=None, kw_only=True, validator=declared.target(optional=True)
    )
    requires: str = field(default="", kw_only=True, validator=declared.text)
    description: str = field(default="", kw_only=True, validator=declared.text)


@frozen
class Refused:
    """A name of an extension that cannot be had. ``is_clash``: because another has it, too."""

    name: str
    why: str
    is_clash: bool = False


def _refused(given: Iterable[Refused]) -> tuple[Refused, ...]:
    return tuple(given)


@frozen(kw_only=True)
class JoinedExtension:
    """An extension beside its family, as a registry has joined them.

    - ``extension``: as its plugin declares it.
    - ``distribution``, ``version``, ``provider``: of the plugin; the last one for messages.
    - ``presets``, ``codecs``: those of it that the family now has.
    - ``refused``: those that it has not, and why.
    """

    extension: Extension
    distribution: str
    version: str
    provider: str
    presets: tuple[Preset, ...] = ()
    codecs: tuple[ContinuationCodec[Any], ...] = ()
    refused: tuple[Refused, ...] = field(default=(), converter=_refused)

    def owns(self, preset: Preset) -> bool:
        """Whether ``preset``, as it was declared, is one of its own."""
        return any(each is preset for each in self.presets)
