"""A sound that a segment's voices are to be like, without being heard in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from attrs import field, frozen

from longtake.errors import ValidationError, shown
from longtake.files import read_bounded
from longtake.requests.placed import MAX_MEDIA_BYTES, data_of, shown_data
from longtake.schema.bounds import Described

if TYPE_CHECKING:
    import numpy as np
    from attrs import Attribute
    from numpy.typing import NDArray

__all__ = ["VoiceInput", "VoicePlace"]

VoicePlace = Literal["before", "alongside"]
_PLACES = ("before", "alongside")


def _place(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if value not in _PLACES:
        raise ValidationError("place", f"is {shown(value)}; must be 'before' or 'alongside'")


@frozen
class VoiceInput:
    """A sound whose voices the segment's are to be like; it is not heard itself.

    Which sounds are understood is up to the model, mostly to a LoRA that was trained for one kind.

    - ``data``: an audio file, or a video file with sound, all of which counts.
    - ``place``: where the model takes the sound to be: ``"before"`` the segment, or
      ``"alongside"`` it, from its first frame on. It is the LoRA that was trained for one of them.

    Raises `ValidationError` with the field's name as its path.
    """

    PATH: ClassVar[str] = ""

    data: bytes = field(validator=data_of(MAX_MEDIA_BYTES), repr=shown_data)
    place: VoicePlace = field(
        default="before", kw_only=True, validator=Described(_place, {"enum": list(_PLACES)})
    )

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **said: Any) -> Self:
        """The sound in a file; ``said`` is ``place``.

        Raises `ValidationError` when it cannot be read; whether it has sound shows later.
        """
        return cls(read_bounded(path, MAX_MEDIA_BYTES), **said)

    @classmethod
    def from_samples(cls, samples: NDArray[np.float32], sample_rate: int, **said: Any) -> Self:
        """A sound of float32 ``[1 or 2, n]`` at ``sample_rate`` Hz, kept without loss."""
        from longtake.media.sounds import encode_sound

        return cls(encode_sound(samples, sample_rate), **said)

    def samples(self, sample_rate: int) -> NDArray[np.float32]:
        """The sound, float32 ``[2, n]`` at ``sample_rate`` Hz, as `AudioInput.samples` has it.

        Raises `ValidationError` with the path ``data`` when it is damaged, too long, shorter than
        1 ms or silent for want of a sound track.
        """
        from longtake.media.sounds import decode_sound

        return decode_sound(self.data, sample_rate)

    def check(self) -> None:
        """Raise what `samples` would, in little memory."""
        from longtake.media.sounds import check_sound

        check_sound(self.data)
