"""Which places of a clip are remade: a mask of its size, still or moving."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from attrs import Attribute, field, frozen

from longtake.errors import ValidationError, shown
from longtake.files import read_bounded
from longtake.requests.placed import MAX_MEDIA_BYTES, data_of, shown_data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HALF_WHITE", "MaskInput", "White"]

White = Literal["remade", "kept"]
HALF_WHITE = 128
"""The least mean of red, green and blue that counts as white."""
_AT_ONCE = 16
"""Pictures whose sums are in memory at once."""


def _one_of_both(instance: object, attribute: Attribute[Any], value: object) -> None:
    if value not in ("remade", "kept"):
        raise ValidationError("white", f"is {shown(value)}; must be 'remade' or 'kept'")


@frozen
class MaskInput:
    """Which places of a clip are remade.

    - ``data``: a PNG, JPEG or WebP file, which counts for all of the clip's pictures, or a video
      with one picture for each; of the clip's own size. It is white or black in each place: what is
      at least half grey is white, but where a model takes a mask by degrees (`shares`).
    - ``white``: whether what is white is ``"remade"``, as most editors have it, or ``"kept"``.

    Raises `ValidationError` with the field's name as its path.
    """

    PATH: ClassVar[str] = ""

    data: bytes = field(validator=data_of(MAX_MEDIA_BYTES), repr=shown_data)
    white: White = field(default="remade", kw_only=True, validator=_one_of_both)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], *, white: White = "remade") -> Self:
        """The mask in a file.

        Raises `ValidationError` when it cannot be read; whether it is a picture shows later.
        """
        return cls(read_bounded(path, MAX_MEDIA_BYTES), white=white)

    @classmethod
    def from_places(cls, remade: NDArray[np.bool_]) -> Self:
        """True where the clip is remade, ``[H, W]`` for all its pictures or ``[T, H, W]``."""
        import numpy as np

        from longtake.media.clips import encode_clip
        from longtake.media.stills import encode_still

        pixels = np.repeat(remade[..., None], 3, axis=-1).astype(np.uint8) * 255
        return cls(encode_still(pixels) if remade.ndim == 2 else encode_clip(pixels))

    def places(self) -> NDArray[np.bool_]:
        """True where the clip is remade: ``[1, H, W]`` of a still, else ``[T, H, W]``.

        Raises `ValidationError` with the path ``data`` when it is damaged, too large or no picture.
        """
        return self.shares() >= HALF_WHITE

    def shares(self) -> NDArray[np.uint8]:
        """How much each place is remade, from 0 to 255; shaped as `places`, and raises as it does.

        The mean of red, green and blue, or what it lacks to 255 where ``white`` is kept.
        """
        import numpy as np

        from longtake.media.clips import decode_clip
        from longtake.media.stills import decode_still, is_still

        with self._naming():
            still = is_still(self.data)
            pixels = decode_still(self.data)[None] if still else decode_clip(self.data)
        light = np.empty(pixels.shape[:3], np.uint8)
        for first in range(0, len(pixels), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            light[some] = pixels[some].sum(axis=-1, dtype=np.uint16) // 3
        return light if self.white == "remade" else 255 - light

    def shape(self) -> tuple[int, int, int]:
        """Pictures, height and width of `places`, found in little memory. Raises as it does."""
        from longtake.media.clips import measure_clip
        from longtake.media.stills import decode_still, is_still

        if is_still(self.data):
            return (1, *decode_still(self.data).shape[:2])
        with self._naming():
            return measure_clip(self.data)[:3]

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Say of a file that is refused as a video that it is no still either."""
        from longtake.media.stills import is_still

        try:
            yield
        except ValidationError as error:
            if is_still(self.data):
                raise
            problem = f"is no PNG, JPEG or WebP file, and as a video it {error.problem}"
            raise ValidationError("data", problem) from None
