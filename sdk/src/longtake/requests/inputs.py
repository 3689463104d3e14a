"""What a segment is conditioned on besides its prompt: stills, clips and sound, as files' bytes.

The bytes come from outside. Nothing is decoded before it is asked for, and what would be too big
is refused before it is; every refusal is a `ValidationError`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Self

from attrs import field, frozen

from longtake.errors import ValidationError
from longtake.files import read_bounded
from longtake.requests.placed import MAX_MEDIA_BYTES, Placed, data_of, shown_data
from longtake.requests.references import ReferenceInput
from longtake.requests.sources import SourceInput
from longtake.requests.voices import VoiceInput
from longtake.schema.bounds import between, is_a, tuple_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AudioInput", "ClipInput", "ImageInput", "Inputs", "located"]

MAX_INPUTS = 64
"""Stills, and clips, of one segment."""

MAX_REFERENCES = 8

MAX_START_SECONDS = 1e6

_MAX_IMAGE_BYTES = 2**26


@frozen
class _Kept(Placed):
    """What stands at a frame of the segment and is kept as it is, or in part."""

    strength: float = field(default=1.0, kw_only=True, validator=between(0, 1))


@frozen
class ImageInput(_Kept):
    """A picture that a frame of the segment is to be.

    ``data``: a PNG, JPEG or WebP file. ``frame``: which frame of the segment, counting those it
    repeats; a negative one counts from the end, -1 is the last. ``strength``: from 0 to 1, where 1
    keeps the picture as it is.

    Raises `ValidationError` with the field's name as its path.
    """

    data: bytes = field(validator=data_of(_MAX_IMAGE_BYTES), repr=shown_data)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **place: Any) -> Self:
        """The picture in a file; ``place`` is ``frame`` and ``strength``.

        Raises `ValidationError` when it cannot be read; whether it is a picture shows later.
        """
        return cls(read_bounded(path, _MAX_IMAGE_BYTES), **place)

    @classmethod
    def from_pixels(cls, pixels: NDArray[np.uint8], **place: Any) -> Self:
        """A picture of uint8 RGB ``[H, W, 3]``, kept without loss; ``place`` as in `from_file`."""
        from longtake.media.stills import encode_still

        return cls(encode_still(pixels), **place)

    def pixels(self) -> NDArray[np.uint8]:
        """The picture, uint8 RGB ``[H, W, 3]``, upright; transparency is ignored.

        Raises `ValidationError` with the path ``data`` when it is damaged, too large or no picture.
        """
        from longtake.media.stills import decode_still

        return decode_still(self.data)


@frozen
class ClipInput(_Kept):
    """Pictures that successive frames of the segment are to be, from ``frame`` on.

    ``data``: a video file, of which each picture is one frame of the segment, whatever its own
    frame rate; its sound is ignored. It is taken as a player shows it: turned and mirrored as the
    file says, its pixels made square, HDR and wide gamuts converted to SDR of BT.709. ``frame``
    and ``strength`` are those of `ImageInput`.

    Raises `ValidationError` with the field's name as its path.
    """

    data: bytes = field(validator=data_of(MAX_MEDIA_BYTES), repr=shown_data)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **place: Any) -> Self:
        """The clip in a file; ``place`` is ``frame`` and ``strength``.

        Raises `ValidationError` when it cannot be read; whether it is a video shows later.
        """
        return cls(read_bounded(path, MAX_MEDIA_BYTES), **place)

    @classmethod
    def from_frames(cls, frames: NDArray[np.uint8], **place: Any) -> Self:
        """A clip of uint8 RGB ``[T, H, W, 3]``, kept without loss; ``place`` as in `from_file`."""
        from longtake.media.clips import encode_clip

        return cls(encode_clip(frames), **place)

    def frames(self) -> NDArray[np.uint8]:
        """All its pictures, uint8 RGB ``[T, H, W, 3]``, upright.

        Raises `ValidationError` with the path ``data`` when it is damaged, too large or no video.
        """
        from longtake.media.clips import decode_clip

        return decode_clip(self.data)

    def check(self) -> None:
        """Raise what `frames` would, in little memory."""
        from longtake.media.clips import check_clip

        check_clip(self.data)


@frozen
class AudioInput:
    """A sound that is heard in the segment.

    ``data``: an audio file, or a video file with sound, which is then what is heard from its first
    picture on. ``start``: seconds into the segment at which it begins. ``strength``: from 0 to 1,
    where 1 keeps the sound as it is.

    Raises `ValidationError` with the field's name as its path.
    """

    PATH: ClassVar[str] = ""

    data: bytes = field(validator=data_of(MAX_MEDIA_BYTES), repr=shown_data)
    start: float = field(
        default=0.0, kw_only=True, validator=between(0, MAX_START_SECONDS, unit="seconds")
    )
    strength: float = field(default=1.0, kw_only=True, validator=between(0, 1))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **place: Any) -> Self:
        """The sound in a file; ``place`` is ``start`` and ``strength``.

        Raises `ValidationError` when it cannot be read; whether it has sound shows later.
        """
        return cls(read_bounded(path, MAX_MEDIA_BYTES), **place)

    @classmethod
    def from_samples(cls, samples: NDArray[np.float32], sample_rate: int, **place: Any) -> Self:
        """A sound of float32 ``[1 or 2, n]`` at ``sample_rate`` Hz, kept without loss."""
        from longtake.media.sounds import encode_sound

        return cls(encode_sound(samples, sample_rate), **place)

    def samples(self, sample_rate: int) -> NDArray[np.float32]:
        """The sound, float32 ``[2, n]`` at ``sample_rate`` Hz.

        One channel is doubled; more than two are mixed down, at most to full scale.

        Raises `ValidationError` with the path ``data`` when it is damaged, too long, shorter than
        1 ms or silent for want of a sound track.
        """
        from longtake.media.sounds import decode_sound

        return decode_sound(self.data, sample_rate)

    def check(self) -> None:
        """Raise what `samples` would, in little memory."""
        from longtake.media.sounds import check_sound

        check_sound(self.data)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _images(value: Sequence[ImageInput]) -> tuple[ImageInput, ...]:
    images: tuple[ImageInput, ...] = _as_tuple(value)
    return images


def _references(value: Sequence[ReferenceInput]) -> tuple[ReferenceInput, ...]:
    references: tuple[ReferenceInput, ...] = _as_tuple(value)
    return references


def _clips(value: Sequence[ClipInput]) -> tuple[ClipInput, ...]:
    clips: tuple[ClipInput, ...] = _as_tuple(value)
    return clips


@contextmanager
def located(place: str) -> Iterator[None]:
    """Say which of the inputs is refused."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError(f"inputs.{place}.{error.path}", error.problem) from None


@frozen
class Inputs:
    """Conditioning of one segment besides its prompt and the state that it goes on from.

    ``source``: a clip that the segment is made of, for families that can keep a part of one.
    ``voice``: a sound that its voices are like.

    Raises `ValidationError` with a path such as ``inputs.images[0]``.
    """

    PATH: ClassVar[str] = "inputs"

    images: tuple[ImageInput, ...] = field(
        default=(), converter=_images, validator=tuple_of(ImageInput, at_most=MAX_INPUTS)
    )
    clips: tuple[ClipInput, ...] = field(
        default=(), converter=_clips, validator=tuple_of(ClipInput, at_most=MAX_INPUTS)
    )
    audio: AudioInput | None = field(
        default=None, validator=is_a(AudioInput, what="longtake.AudioInput")
    )
    references: tuple[ReferenceInput, ...] = field(
        default=(),
        converter=_references,
        validator=tuple_of(ReferenceInput, at_most=MAX_REFERENCES),
    )
    source: SourceInput | None = field(
        default=None, validator=is_a(SourceInput, what="longtake.SourceInput")
    )
    voice: VoiceInput | None = field(
        default=None, validator=is_a(VoiceInput, what="longtake.VoiceInput")
    )

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def count(self) -> int:
        """How many there are."""
        single = (self.audio, self.source, self.voice)
        several = (self.images, self.clips, self.references)
        return sum(map(len, several)) + sum(each is not None for each in single)

    def check(self, *, num_frames: int | None = None, fps: Fraction | None = None) -> None:
        """Decode everything once, keeping nothing; of a run, `DecodedInputs` keeps it.

        With ``num_frames``, also what `check_places` does. Raises `ValidationError` with the whole
        path, such as ``inputs.images[0].data`` or ``inputs.clips[1].frame``.
        """
        if num_frames is not None:
            self.check_places(num_frames, fps)
        for index, image in enumerate(self.images):
            with located(f"images[{index}]"):
                image.pixels()
        for index, clip in enumerate(self.clips):
            with located(f"clips[{index}]"):
                clip.check()
        if self.audio is not None:
            with located("audio"):
                self.audio.check()
        for index, reference in enumerate(self.references):
            with located(f"references[{index}]"):
                reference.check()
        if self.source is not None:
            with located("source"):
                self.source.check()
        if self.voice is not None:
            with located("voice"):
                self.voice.check()

    def check_places(self, num_frames: int, fps: Fraction | None = None) -> None:
        """Refuse frames that a segment of ``num_frames`` has not; nothing is decoded.

        With ``fps``, also a sound that begins after the segment's end. Raises `ValidationError`
        with the whole path.
        """
        for kind, placed in (("images", self.images), ("clips", self.clips)):
            for index, each in enumerate(placed):
                with located(f"{kind}[{index}]"):
                    each.frame_in(num_frames)
        if self.source is not None:
            with located("source"):
                self.source.frame_in(num_frames)
        if self.audio is not None and fps is not None and self.audio.start >= num_frames / fps:
            seconds = float(num_frames / fps)
            raise ValidationError(
                "inputs.audio.start",
                f"is {self.audio.start:g}; this segment is over after {seconds:g} s",
            )
