"""What a family says of a checkpoint, is given to load it, and makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from attrs.validators import optional

from longtake.schema import declared

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.families.stages import Recipe

__all__ = ["LoadProgress", "LoadedModel", "ModelSource", "Recognition"]


@frozen
class Recognition:
    """A family's word that a checkpoint is its own. ``preset``: the one it gets by default."""

    preset: str | None = field(default=None, validator=optional(declared.text))
    description: str = field(default="", validator=declared.text)


@frozen
class LoadProgress:
    """How far a family is with loading one component.

    - ``component``: its name, as people know it, e.g. ``"transformer"``.
    - ``bytes_read``: of its files, from 0 on.
    - ``bytes_total``: of its files; None where that is not known.
    - ``ready``: whether the component can be used now; true in its last event alone.
    """

    component: str
    bytes_read: int = 0
    bytes_total: int | None = None
    ready: bool = False


def _unwatched(event: LoadProgress) -> None:
    """Who is told when nobody watches."""


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
    - ``progress``: is told of every component that is loaded, also of one that is loaded later,
      when a stage first asks for it: once before its first byte is read, as often as the family
      likes, and once when it is ready. What it raises ends the loading.
    """

    path: Path | None
    device: str | None = None
    dtype: str | None = None
    options: Any = None
    recipe: Recipe | None = None
    rank: int = 0
    world_size: int = 1
    progress: Callable[[LoadProgress], None] = field(default=_unwatched, repr=False)

    @property
    def is_watched(self) -> bool:
        """Whether anybody is told of the progress; if not, it need not even be measured."""
        return self.progress is not _unwatched


def _nothing() -> None:
    """What most models have to do when a run is over, or when they are let go."""


def _as_it_is() -> AbstractContextManager[object]:
    """What most models compute within."""
    return nullcontext()


@frozen
class LoadedModel:
    """What a family's ``load`` returns.

    - ``components``: what stage constructors may ask for, by parameter name; looked up when a
      recipe is built, so a mapping may load each on demand.
    - ``device``: where the networks are.
    - ``computing``: gives a context manager; each run's thread is in one while networks are loaded
      and compute.
    - ``release``: called when nobody uses the networks for now, also after a failure.
    - ``close``: called when the pipeline is closed.
    - ``fingerprint``: what tells its weights from others', e.g. ``"sha256:..."``, at most 128
      printable characters; or what gives that, called when it is first needed. None when nothing
      does. `Run` hands it to stages, so that a state can say which model it is of.
    """

    components: Mapping[str, Any] = field(factory=dict, validator=declared.mapping)
    device: str = field(default="cpu", validator=declared.text)
    release: Callable[[], None] = field(default=_nothing, validator=declared.target())
    close: Callable[[], None] = field(default=_nothing, validator=declared.target())
    computing: Callable[[], AbstractContextManager[object]] = field(
        default=_as_it_is, kw_only=True, validator=declared.target()
    )
    fingerprint: str | Callable[[], str | None] | None = field(
        default=None, kw_only=True, validator=declared.text_or_callable
    )
