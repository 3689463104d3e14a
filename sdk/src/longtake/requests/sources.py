"""A clip that a segment is made of: what is kept of it, what is remade, and what is added."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self

from attrs import Attribute, field, frozen

from longtake.errors import ValidationError
from longtake.files import read_bounded
from longtake.requests.masks import MaskInput
from longtake.requests.placed import MAX_MEDIA_BYTES, Placed, data_of, shown_data
from longtake.schema.bounds import between, integer_from, is_a

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ClipFacts", "SourceInput"]

_MAX_SECONDS = 1e6
_MAX_PADDING = 8192
"""Pixels on one side."""
_FLAG = "true or false"


@frozen(kw_only=True)
class ClipFacts:
    """How large and long a clip is: pictures, pixels, and pictures per second."""

    num_frames: int
    height: int
    width: int
    fps: Fraction


def _behind_from(instance: SourceInput, attribute: Attribute[Any], value: float | None) -> None:
    start = instance.remake_from
    if value is not None and start is not None and value <= start:
        raise ValidationError(
            "remake_to", f"is {value:g}; must be later than where it begins, {start:g}"
        )


def _has_effect(instance: SourceInput, attribute: Attribute[Any], value: bool) -> None:
    if not (instance.remake_video or instance.remake_audio):
        raise ValidationError(
            "remake_video", "and remake_audio are both false, so nothing is remade; leave one on"
        )
    both = instance.remake_video and instance.remake_audio
    if not (both or instance.remakes or instance.mask is not None):
        name = "remake_audio" if instance.remake_video else "remake_video"
        raise ValidationError(name, "has no effect without remake_from or remake_to")


def _of_the_picture(instance: SourceInput, attribute: Attribute[Any], value: object) -> None:
    if value is not None and not instance.remake_video:
        raise ValidationError("mask", "has no effect where remake_video is false; leave one out")


def _padding() -> Any:
    return field(default=0, kw_only=True, validator=integer_from(0, _MAX_PADDING))


@frozen
class SourceInput(Placed):
    """A clip that the segment is made of, picture and sound: what is not remade of it is kept.

    - ``data``: a video file, read as `ClipInput` reads it; its sound, if it has any, counts too.
    - ``frame``: of the segment, at which the clip begins; a negative one counts from the end. What
      the segment has before the clip and behind it is new, so a longer segment extends the clip.
    - ``skip_frames``, ``num_frames``: which of the file's pictures are the clip, all by default.
    - ``remake_from``, ``remake_to``: seconds of the clip between which it is remade; one alone
      reaches to the clip's other end, without either nothing of it is remade.
    - ``remake_video``, ``remake_audio``: whether that is so of the picture, and of the sound.
    - ``mask``: where the picture is remade, between those times, or all the time without any; the
      sound is then kept. It has the size of the file's pictures, and is still or has as many.
    - ``pad_top``, ``pad_right``, ``pad_bottom``, ``pad_left``: pixels that the clip gets on its
      sides, in pixels of the file, and that are made; whatever is asked for otherwise.
    - ``strength``: from 0 to 1, how strongly what is kept of the picture is kept; 1 keeps it as it
      is, below that there is noise over it.

    Raises `ValidationError` with the field's name as its path.
    """

    data: bytes = field(validator=data_of(MAX_MEDIA_BYTES), repr=shown_data)
    skip_frames: int = field(default=0, kw_only=True, validator=integer_from(0, 2**31))
    num_frames: int | None = field(default=None, kw_only=True, validator=integer_from(1, 2**31))
    remake_from: float | None = field(
        default=None, kw_only=True, validator=between(0, _MAX_SECONDS, unit="seconds")
    )
    remake_to: float | None = field(
        default=None,
        kw_only=True,
        validator=[between(0, _MAX_SECONDS, unit="seconds"), _behind_from],
    )
    remake_video: bool = field(default=True, kw_only=True, validator=is_a(bool, what=_FLAG))
    remake_audio: bool = field(
        default=True, kw_only=True, validator=[is_a(bool, what=_FLAG), _has_effect]
    )
    mask: MaskInput | None = field(
        default=None,
        kw_only=True,
        validator=[is_a(MaskInput, what="longtake.MaskInput"), _of_the_picture],
    )
    pad_top: int = _padding()
    pad_right: int = _padding()
    pad_bottom: int = _padding()
    pad_left: int = _padding()
    strength: float = field(default=1.0, kw_only=True, validator=between(0, 1))

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """The clip in a file; ``options`` are the other fields.

        Raises `ValidationError` when it cannot be read; whether it is a video shows later.
        """
        return cls(read_bounded(path, MAX_MEDIA_BYTES), **options)

    @classmethod
    def from_frames(
        cls,
        frames: NDArray[np.uint8],
        fps: Fraction,
        samples: NDArray[np.float32] | None = None,
        sample_rate: int | None = None,
        **options: Any,
    ) -> Self:
        """A clip of uint8 RGB ``[T, H, W, 3]``, kept without loss, at ``fps`` pictures a second.

        ``samples``: its sound, float32 ``[1 or 2, n]`` at ``sample_rate`` Hz. ``options``: as in
        `from_file`.
        """
        from longtake.media.clips import encode_clip

        return cls(encode_clip(frames, fps, samples, sample_rate), **options)

    @property
    def remakes(self) -> bool:
        """Whether a time is said that is remade."""
        return self.remake_from is not None or self.remake_to is not None

    @property
    def padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Pixels above and below, then left and right."""
        return (self.pad_top, self.pad_bottom), (self.pad_left, self.pad_right)

    def frames(self) -> NDArray[np.uint8]:
        """The clip's pictures, uint8 RGB ``[T, H, W, 3]``, upright, padded with their own edges.

        Raises `ValidationError` with the path ``data`` when the file is damaged, too large or no
        video, and that of the field that asks for what it has not.
        """
        from longtake.media.clips import decode_clip

        pictures = decode_clip(self.data)
        span = self._span(len(pictures))
        return self._padded(pictures[span])

    def remade_shares(self, frames: int, height: int, width: int) -> NDArray[np.uint8] | None:
        """How much the mask remakes pictures of this number and size, which are those of `frames`.

        From 0 to 255, ``[1, height, width]`` of a still, else ``[frames, height, width]``; 0 in the
        padding. None without a mask. Raises `ValidationError` with the path ``mask.data`` when it
        is damaged, no picture, or of another size or length than the file.
        """
        import numpy as np

        if self.mask is None:
            return None
        with _within("mask"):
            shares = self.mask.shares()
        (top, bottom), (left, right) = self.padding
        self._check_mask(shares.shape, frames, height - top - bottom, width - left - right)
        if len(shares) > 1:
            shares = shares[self.skip_frames : self.skip_frames + frames]
        return np.pad(shares, ((0, 0), *self.padding))

    def samples(self, sample_rate: int) -> NDArray[np.float32] | None:
        """The sound from the clip's first picture on, ``[2, n]`` as `AudioInput.samples` has it.

        None for a silent file, or where it is over before. Raises `ValidationError` with the path
        ``data``.
        """
        from longtake.media.sounds import decode_sound, has_sound

        if not has_sound(self.data):
            return None
        sound = decode_sound(self.data, sample_rate)
        if self.skip_frames:
            sound = sound[:, round(self.skip_frames * sample_rate / self._file().fps) :]
        return sound if sound.shape[1] else None

    def facts(self) -> ClipFacts:
        """The clip's size, padded, and length; the files are decoded in little memory.

        Raises as `frames` and `remade_shares`.
        """
        whole = self._file()
        span = self._span(whole.num_frames)
        taken = span.stop - span.start
        if self.mask is not None:
            with _within("mask"):
                shape = self.mask.shape()
            self._check_mask(shape, taken, whole.height, whole.width)
        (top, bottom), (left, right) = self.padding
        height, width = whole.height + top + bottom, whole.width + left + right
        self._check_padded(taken, height, width)
        return ClipFacts(num_frames=taken, height=height, width=width, fps=whole.fps)

    def check(self) -> None:
        """Raise what `frames`, `remade_shares` and `samples` would, in little memory."""
        from longtake.media.sounds import check_sound, has_sound

        self.facts()
        if has_sound(self.data):
            check_sound(self.data)

    def _file(self) -> ClipFacts:
        from longtake.media.clips import measure_clip

        frames, height, width, fps = measure_clip(self.data)
        return ClipFacts(num_frames=frames, height=height, width=width, fps=fps)

    def _span(self, pictures: int) -> slice:
        if self.skip_frames >= pictures:
            problem = f"is {self.skip_frames}; the file has {pictures} pictures"
            raise ValidationError("skip_frames", problem)
        left = pictures - self.skip_frames
        if self.num_frames is not None and self.num_frames > left:
            raise ValidationError(
                "num_frames", f"is {self.num_frames}; the file has {left} pictures from there on"
            )
        return slice(self.skip_frames, self.skip_frames + (self.num_frames or left))

    def _padded(self, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not any(map(sum, self.padding)):
            return pictures
        import numpy as np

        (top, bottom), (left, right) = self.padding
        frames, height, width = pictures.shape[:3]
        self._check_padded(frames, height + top + bottom, width + left + right)
        return np.pad(pictures, ((0, 0), *self.padding, (0, 0)), mode="edge")

    def _check_padded(self, frames: int, height: int, width: int) -> None:
        from longtake.media.clips import MAX_CLIP_PIXELS

        if any(map(sum, self.padding)) and frames * height * width > MAX_CLIP_PIXELS:
            sides = ("pad_top", "pad_bottom", "pad_left", "pad_right")
            pixels = [pixels for both in self.padding for pixels in both]
            raise ValidationError(
                sides[pixels.index(max(pixels))],
                f"is {max(pixels)}; {frames} pictures of {height}x{width} are too much: at most "
                f"{MAX_CLIP_PIXELS} pixels in all are taken",
            )

    def _check_mask(self, shape: tuple[int, ...], frames: int, height: int, width: int) -> None:
        count, *size = shape
        if size != [height, width]:
            raise ValidationError(
                "mask.data",
                f"is {size[0]}x{size[1]} pixels (height x width); must be {height}x{width}, as the "
                "clip's pictures are",
            )
        last = self.skip_frames + frames
        if count != 1 and (count < last or (self.num_frames is None and count > last)):
            raise ValidationError(
                "mask.data",
                f"has {count} pictures; must be a still, or have one for each of the file's",
            )


@contextmanager
def _within(part: str) -> Iterator[None]:
    """Say which part is refused."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError(f"{part}.{error.path}", error.problem) from None
