"""Edits of a recipe by the names of its stages: how a preset differs from the one below it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from longtake.errors import PluginError, WiringError, shown
from longtake.families.stages import Recipe, Stage, StageSpec, as_recipe
from longtake.schema import declared
from longtake.schema.frozen import Frozen

__all__ = ["RecipeEdit", "edited"]

Kind: TypeAlias = Literal["after", "before", "replace", "remove"]

_KINDS = ("after", "before", "replace", "remove")


class RecipeEdit(Frozen):
    """One change of a recipe, at the stage that users call ``anchor``.

    ::

        lt.RecipeEdit.after("decode_video", "longtake_demo:Watermark")

    An anchor stands for all stages of its name. Stages that several edits put after, or before,
    one anchor stand in the order in which the edits were said.

    - ``kind``: ``"after"`` puts ``stages`` behind the last stage of that name, ``"before"`` in
      front of the first, ``"replace"`` in the place of the first, and the others of the name go;
      ``"remove"`` takes them all away.
    - ``stages``: as in a recipe; none to remove.
    """

    __slots__ = ("kind", "anchor", "stages")

    def __init__(self, kind: Kind, anchor: str, stages: Iterable[Stage] = ()) -> None:
        self.kind: Final = kind
        self.anchor: Final = anchor
        self.stages: Final = as_recipe(stages)
        if kind not in _KINDS:
            declared.refuse(self, "kind", kind, f"one of {', '.join(_KINDS)}")
        declared.name(self, "anchor")
        removes = kind == "remove"
        if bool(self.stages) is removes:
            needs = "no stages; it only takes away" if removes else "at least one stage"
            raise PluginError(f"edit {kind!r} of {shown(anchor)}: needs {needs}")

    @classmethod
    def after(cls, anchor: str, *stages: Stage) -> RecipeEdit:
        """Put ``stages`` behind the last stage called ``anchor``."""
        return cls("after", anchor, as_recipe(stages))

    @classmethod
    def before(cls, anchor: str, *stages: Stage) -> RecipeEdit:
        """Put ``stages`` in front of the first stage called ``anchor``."""
        return cls("before", anchor, as_recipe(stages))

    @classmethod
    def replace(cls, anchor: str, *stages: Stage) -> RecipeEdit:
        """Put ``stages`` in the place of every stage called ``anchor``."""
        return cls("replace", anchor, as_recipe(stages))

    @classmethod
    def remove(cls, anchor: str) -> RecipeEdit:
        """Take every stage called ``anchor`` away."""
        return cls("remove", anchor)


def edited(recipe: Recipe, edits: Iterable[tuple[RecipeEdit, str]]) -> Recipe:
    """``recipe`` after each of ``edits``, which see what those before them left.

    Beside each edit stands whose it is, for the `WiringError` about an anchor that is not there.
    """
    stages, put = list(recipe), list[tuple[RecipeEdit, StageSpec]]()
    for edit, whose in edits:
        places = [index for index, spec in enumerate(stages) if spec.name == edit.anchor]
        if not places:
            there = ", ".join(dict.fromkeys(spec.name for spec in stages)) or "none"
            raise WiringError(
                f"{whose}: no stage {edit.anchor!r} to {_DOING[edit.kind]}; the recipe's stages: "
                f"{there}"
            )
        if edit.kind == "after":
            at = _behind(stages, places[-1] + 1, edit, put)
            stages[at:at] = edit.stages
        elif edit.kind == "before":
            stages[places[0] : places[0]] = edit.stages
        else:
            kept = [spec for spec in stages[places[0] :] if spec.name != edit.anchor]
            stages[places[0] :] = [*edit.stages, *kept]
        put += [(edit, spec) for spec in edit.stages]
    return tuple(stages)


_DOING = {
    "after": "put a stage after",
    "before": "put a stage before",
    "replace": "replace",
    "remove": "remove",
}


def _behind(
    stages: list[StageSpec], at: int, edit: RecipeEdit, put: list[tuple[RecipeEdit, StageSpec]]
) -> int:
    """Behind what earlier edits put after the same anchor, too."""
    earlier = [spec for each, spec in put if (each.kind, each.anchor) == ("after", edit.anchor)]
    while at < len(stages) and any(stages[at] is spec for spec in earlier):
        at += 1
    return at
