"""Joining extensions to their families: what is refused costs only the extension it is of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from longtake.errors import PluginError
from longtake.families.extensions import Extension, JoinedExtension, Refused
from longtake.families.family import ModelFamily
from longtake.families.presets import Preset
from longtake.plugins.loading import UNINSTALLED, Plugin
from longtake.schema.frozen import Frozen

__all__ = ["Joining", "joined_families"]


ClashText: TypeAlias = Callable[[str, str, Sequence[Plugin]], str]
"""From what it is, its name and who has it, to the sentence."""


class Joining(Frozen):
    """What became of all extensions.

    ``families``: by name, those that are extended now. ``errors``: what to say about each plugin,
    by its place among them.
    """

    __slots__ = ("families", "errors")

    def __init__(
        self, families: Mapping[str, ModelFamily], errors: Mapping[int, tuple[str, ...]]
    ) -> None:
        self.families: Final = families
        self.errors: Final = errors


class _Offer(Frozen):
    __slots__ = ("place", "plugin", "extension")

    def __init__(self, place: int, plugin: Plugin, extension: Extension) -> None:
        self.place: Final = place
        self.plugin: Final = plugin
        self.extension: Final = extension

    @property
    def preset_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(preset.name for preset in self.extension.presets))


def joined_families(
    plugins: Sequence[Plugin],
    owners: Mapping[str, tuple[ModelFamily, Plugin]],
    kinds: Iterable[str],
    *,
    clash_text: ClashText,
    absent: str = "",
) -> Joining:
    """Join the extensions of ``plugins`` to the families, each with the plugin that it is of.

    ``kinds``: of states that families read, which no extension can have. ``clash_text``: what to
    say of a name that several plugins have. ``absent``: how an error about a family that is not
    there ends.
    """
    errors: dict[int, list[str]] = {}
    offers: dict[str, list[_Offer]] = {}
    for place, plugin in enumerate(plugins):
        for extension in plugin.extensions:
            offer = _Offer(place, plugin, extension)
            if extension.family in owners:
                offers.setdefault(extension.family, []).append(offer)
            else:
                why = f"it extends the family {extension.family!r}, which is not there{absent}"
                errors.setdefault(place, []).append(why)
    taken = set(kinds)
    twice = _twice(
        codec.kind for each in offers.values() for o in each for codec in o.extension.codecs
    )
    families = {}
    for name, offered in offers.items():
        family, owner = owners[name]
        found = [
            _joined(family, owner, offer, offered, taken, twice, clash_text) for offer in offered
        ]
        families[name] = _with_bases(_extended(family, found))
        for offer, joined in zip(offered, families[name].extensions, strict=True):
            told = list(dict.fromkeys(refused.why for refused in joined.refused))
            if told:
                errors.setdefault(offer.place, []).extend(told)
    return Joining(families, {place: tuple(texts) for place, texts in errors.items()})


def _twice(names: Iterable[str]) -> set[str]:
    counted = Counter(names)
    return {name for name, count in counted.items() if count > 1}


def _joined(
    family: ModelFamily,
    owner: Plugin,
    offer: _Offer,
    offered: Sequence[_Offer],
    taken: set[str],
    twice: set[str],
    clash_text: ClashText,
) -> JoinedExtension:
    """The extension with what the family can have of it, its bases aside."""
    extension, plugin = offer.extension, offer.plugin
    joined = JoinedExtension(
        extension=extension,
        distribution=plugin.distribution,
        version=plugin.version,
        provider=plugin.provider,
    )
    if why := _misfit(extension, owner):
        names = offer.preset_names or (f"the extension of {family.name!r}",)
        return joined.evolve(refused=[Refused(name, f"{plugin.provider}: {why}") for name in names])
    refused, own = list[Refused](), {preset.name for preset in family.presets}
    for name in offer.preset_names:
        others = [each.plugin for each in offered if name in each.preset_names]
        if name in own:
            refused.append(
                Refused(
                    name,
                    f"the preset {name!r} of {plugin.provider} is one of family {family.name!r} "
                    "itself",
                )
            )
        elif len(others) > 1:
            what = f"preset of family {family.name!r}"
            refused.append(Refused(name, clash_text(what, name, others), is_clash=True))
    for codec in extension.codecs:
        if codec.kind in taken or codec.kind in twice:
            whose = "a family's own" if codec.kind in taken else "another extension's, too"
            why = f"the continuation kind {codec.kind!r} of {plugin.provider} is {whose}"
            refused.append(Refused(codec.kind, why))
    gone = {each.name for each in refused}
    return joined.evolve(
        presets=tuple(each for each in extension.presets if each.name not in gone),
        codecs=tuple(each for each in extension.codecs if each.kind not in gone),
        refused=refused,
    )


def _extended(family: ModelFamily, found: Sequence[JoinedExtension]) -> ModelFamily:
    """``family`` with the presets and codecs of its extensions behind its own."""
    return family.evolve(
        presets=(*family.presets, *(preset for each in found for preset in each.presets)),
        codecs=(*family.codecs, *(codec for each in found for codec in each.codecs)),
        extensions=tuple(found),
    )


def _misfit(extension: Extension, owner: Plugin) -> str | None:
    """Why the family of ``owner`` is not one that the extension fits, if so."""
    if not extension.requires or owner.distribution == UNINSTALLED:
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # late: few say it
    from packaging.version import InvalidVersion

    try:
        fits = SpecifierSet(extension.requires).contains(owner.version, prereleases=True)
    except InvalidSpecifier:
        return f"requires is {extension.requires!r}; must be like '>=0.2,<0.3'"
    except InvalidVersion:
        return f"{owner.distribution} {owner.version} has no version that could be compared"
    if fits:
        return None
    return (
        f"its extension of {extension.family!r} needs {owner.distribution} {extension.requires}, "
        f"and {owner.version} is there; install versions of the two that fit together"
    )


def _with_bases(family: ModelFamily) -> ModelFamily:
    """Without the presets of extensions whose bases are not there."""
    while True:
        lost = {}
        for joined in family.extensions:
            for preset in joined.presets:
                if why := _lacks_base(family, preset):
                    lost[preset.name] = f"{joined.provider}: {why}"
        if not lost:
            return family
        family = _without(family, lost)


def _lacks_base(family: ModelFamily, preset: Preset) -> str | None:
    try:
        family.extensions_of(preset)
    except (PluginError, LookupError) as error:
        return str(error)
    return None


def _without(family: ModelFamily, lost: Mapping[str, str]) -> ModelFamily:
    left = [
        joined.evolve(
            presets=tuple(each for each in joined.presets if each.name not in lost),
            refused=[
                *joined.refused,
                *(
                    Refused(each.name, lost[each.name])
                    for each in joined.presets
                    if each.name in lost
                ),
            ],
        )
        for joined in family.extensions
    ]
    added = {id(preset) for joined in family.extensions for preset in joined.presets}
    kinds = {codec.kind for joined in family.extensions for codec in joined.codecs}
    bare = family.evolve(
        presets=tuple(each for each in family.presets if id(each) not in added),
        codecs=tuple(each for each in family.codecs if each.kind not in kinds),
    )
    return _extended(bare, left)
