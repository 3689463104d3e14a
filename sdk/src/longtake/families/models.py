"""What a family says of a checkpoint, is given to load it, and makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.families.stages import Recipe

__all__ = ["LoadedModel", "ModelSource", "Recognition"]


@frozen
class Recognition:
    """A family's word that a checkpoint is its own. ``preset``: the one it gets by default."""

    preset: str | None = None
    description: str = ""


@frozen(kw_only=True)
class ModelSource:
    """What a family's ``load`` is given.

    - ``path``: the checkpoint; None for a family without weights.
    - ``device``, ``dtype``: as the caller said, e.g. ``"cuda:0"``, ``"bfloat16"``; None means the
      family's choice.
    - ``options``: an instance of the family's options class, None when it has none.
    - ``recipe``: of a segment, with which the model is to be used; None when that is not known.
    - ``rank``, ``world_size``: this is process number ``rank`` of ``world_size`` that were started
      together; a family that shares its work among them returns on rank 0 alone.
    """

    path: Path | None
    device: str | None = None
    dtype: str | None = None
    options: Any = None
    recipe: Recipe | None = None
    rank: int = 0
    world_size: int = 1


def _nothing() -> None:
    """What most models have to do when a run is over, or when they are let go."""


@frozen
class LoadedModel:
    """What a family's ``load`` returns.

    - ``components``: what stage constructors may ask for, by parameter name; looked up when a
      recipe is built, so a mapping may load each on demand.
    - ``device``: where the networks are.
    - ``release``: called when nobody uses the networks for now, also after a failure.
    - ``close``: called when the pipeline is closed.
    """

    components: Mapping[str, Any] = field(factory=dict)
    device: str = "cpu"
    release: Callable[[], None] = _nothing
    close: Callable[[], None] = _nothing
