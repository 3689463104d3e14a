"""What a family says of a checkpoint, is given to load it, and makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from longtake.schema import declared
from longtake.schema.frozen import Frozen

if TYPE_CHECKING:
    from pathlib import Path

    from longtake.families.stages import Recipe

__all__ = ["LoadProgress", "LoadedModel", "ModelSource", "Recognition"]


class Recognition(Frozen):
    """A family's word that a checkpoint is its own. ``preset``: the one it gets by default."""

    __slots__ = ("preset", "description")

    def __init__(self, preset: str | None = None, description: str = "") -> None:
        self.preset: Final = preset
        self.description: Final = description
        if preset is not None:
            declared.text(self, "preset")
        declared.text(self, "description")


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


class LoadedModel(Frozen):
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

    __slots__ = ("components", "device", "release", "close", "computing", "fingerprint")

    def __init__(
        self,
        components: Mapping[str, Any] = declared.EMPTY,
        device: str = "cpu",
        release: Callable[[], None] = _nothing,
        close: Callable[[], None] = _nothing,
        *,
        computing: Callable[[], AbstractContextManager[object]] = _as_it_is,
        fingerprint: str | Callable[[], str | None] | None = None,
    ) -> None:
        self.components: Final = declared.own(components)
        self.device: Final = device
        self.release: Final = release
        self.close: Final = close
        self.computing: Final = computing
        self.fingerprint: Final = fingerprint
        declared.mapping(self, "components")
        declared.text(self, "device")
        declared.target(self, "release", "close", "computing")
        declared.text_or_callable(self, "fingerprint")
