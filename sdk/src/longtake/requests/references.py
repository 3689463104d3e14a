"""A video that a segment follows without showing it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Self

from attrs import Attribute, field, frozen

from longtake.errors import ValidationError
from longtake.files import read_bounded
from longtake.requests.placed import MAX_MEDIA_BYTES, data_of, shown_data
from longtake.schema.bounds import Described, between

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ReferenceInput"]

_FILE = data_of(MAX_MEDIA_BYTES)


def _mask(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        return
    try:
        _FILE(instance, attribute, value)
    except ValidationError as error:
        raise ValidationError("mask", error.problem) from None


def _shown(mask: bytes | None) -> str:
    return "None" if mask is None else shown_data(mask)


@frozen
class ReferenceInput:
    """A video that the segment follows without showing it: its depths, its poses, its edges.

    Which videos are understood is up to the model, mostly to a LoRA that was trained for one kind.

    - ``data``: a video file, of which each picture belongs to one frame of the segment, from its
      first on, counting those it repeats; its sound is ignored, and so is what is longer than the
      segment. It is taken as `ClipInput` takes it.
    - ``strength``: from 0 to 1; 1 gives the video as it is, below that there is noise over it.
    - ``attention``: from 0 to 1, how strongly the segment and the video see each other.
    - ``mask``: a video file, grey, that says it in each place: ``attention`` where it is white, 0
      where it is black.

    Raises `ValidationError` with the field's name as its path.
    """

    PATH: ClassVar[str] = ""

    data: bytes = field(validator=_FILE, repr=shown_data)
    strength: float = field(default=1.0, kw_only=True, validator=between(0, 1))
    attention: float = field(default=1.0, kw_only=True, validator=between(0, 1))
    mask: bytes | None = field(
        default=None, kw_only=True, validator=Described(_mask, {"minLength": 4}), repr=_shown
    )

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        mask: str | os.PathLike[str] | None = None,
        **said: Any,
    ) -> Self:
        """The videos in files; ``said`` is ``strength`` and ``attention``.

        Raises `ValidationError` when they cannot be read; whether they are videos shows later.
        """
        masked = None if mask is None else read_bounded(mask, MAX_MEDIA_BYTES)
        return cls(read_bounded(path, MAX_MEDIA_BYTES), mask=masked, **said)

    @classmethod
    def from_frames(
        cls, frames: NDArray[np.uint8], *, mask: NDArray[np.uint8] | None = None, **said: Any
    ) -> Self:
        """Videos of uint8 RGB ``[T, H, W, 3]``, kept without loss; ``said`` as in `from_file`."""
        from longtake.media.clips import encode_clip

        masked = None if mask is None else encode_clip(mask)
        return cls(encode_clip(frames), mask=masked, **said)

    def frames(self) -> NDArray[np.uint8]:
        """All pictures, uint8 RGB ``[T, H, W, 3]``, upright.

        Raises `ValidationError` with the path ``data`` when it is damaged, too large or no video.
        """
        from longtake.media.clips import decode_clip

        return decode_clip(self.data)

    def mask_frames(self) -> NDArray[np.uint8] | None:
        """All pictures of the mask, as `frames`; None without one. Its path is ``mask``."""
        from longtake.media.clips import decode_clip

        if self.mask is None:
            return None
        try:
            return decode_clip(self.mask)
        except ValidationError as error:
            raise ValidationError("mask", error.problem) from None

    def check(self) -> None:
        """Raise what `frames` and `mask_frames` would, in little memory."""
        from longtake.media.clips import check_clip

        check_clip(self.data)
        if self.mask is not None:
            try:
                check_clip(self.mask)
            except ValidationError as error:
                raise ValidationError("mask", error.problem) from None
