"""Where the new frames of a segment lie in their take: whole numbers, never rounded twice."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen
from attrs.validators import and_

from longtake.errors import ValidationError
from longtake.schema.bounds import between

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from longtake.requests.request import Job

__all__ = ["TakeSpan", "TakeState"]

_MOST = 10**9
"""Segments, or frames, of a take."""

_LARGEST = 16384
"""Pixels of a side of the picture."""


def _after_first(span: Any, attribute: Attribute[Any], end_frame: Any) -> None:
    if end_frame <= span.first_frame:
        raise ValidationError(
            attribute.name, f"is {end_frame}; must be more than first_frame, {span.first_frame}"
        )


def _within_take(span: Any, attribute: Attribute[Any], overlap_frames: Any) -> None:
    if overlap_frames > span.end_frame:
        raise ValidationError(
            attribute.name, f"is {overlap_frames}; the take has only {span.end_frame} frames"
        )


@frozen(kw_only=True)
class TakeSpan:
    """The new frames of a segment, and what of its take the next segment must know.

    Frame k of a take is at k / fps. Its sound of ``rate`` Hz has ``k * rate // fps`` samples before
    frame k, so that sounds of spans that follow each other join without a sample too many.

    - ``segment_index``: 0 for the first segment.
    - ``first_frame``: of the new ones, counted from the beginning of the take; ``end_frame``: the
      one after the last.
    - ``overlap_frames``: how many of the last frames the next segment repeats.
    - ``seed``, ``height``, ``width``, ``fps``: the take's.
    - ``repeated_frames``: how many frames of the segment before it repeats; it is said by `of`
      alone and is in no state, where it would say nothing.

    Raises `ValidationError` naming the field that is out of range.
    """

    segment_index: int = field(validator=between(0, _MOST))
    first_frame: int = field(validator=between(0, _MOST))
    end_frame: int = field(validator=and_(between(1, _MOST), _after_first))
    overlap_frames: int = field(validator=and_(between(0, _MOST), _within_take))
    seed: int = field(validator=between(0, 2**64 - 1))
    height: int = field(validator=between(1, _LARGEST))
    width: int = field(validator=between(1, _LARGEST))
    fps: Fraction = field(validator=between(1, 1000))
    repeated_frames: int = field(default=0, init=False, eq=False, repr=False)

    @classmethod
    def of(cls, job: Job, before: TakeState | None = None) -> TakeSpan:
        """The span that ``job`` asks for, where ``before`` is the state that it goes on from.

        A segment repeats as many frames as the one before said, or as the take has, and adds the
        others. Raises `ValidationError` with a path such as ``sampling.num_frames`` when it would
        add none, or would change the size or the frame rate of the take.
        """
        sampling, first, repeated = job.sampling, 0, 0
        if before is not None:
            _check_same_take(job, before.span)
            first, repeated = before.span.end_frame, before.span.overlap_frames
        if sampling.num_frames <= repeated:
            problem = f"is {sampling.num_frames}; the first {repeated} repeat the segment before"
            raise ValidationError("sampling.num_frames", f"{problem}, so it must be more")
        end = first + sampling.num_frames - repeated
        try:
            span = cls(
                segment_index=job.segment_index,
                first_frame=first,
                end_frame=end,
                overlap_frames=min(job.output.overlap_frames, end),
                seed=sampling.seed,
                height=sampling.height,
                width=sampling.width,
                fps=sampling.fps,
            )
        except ValidationError as error:
            name = "num_frames" if error.path == "end_frame" else error.path
            raise ValidationError(f"sampling.{name}", error.problem) from None
        object.__setattr__(span, "repeated_frames", repeated)  # frozen, and no part of its value
        return span

    @property
    def first_new_frame(self) -> int:
        """``first_frame``, by the name that `SegmentPlace` has for it."""
        return self.first_frame

    def num_frames_for(self, new_frames: int) -> int:
        """How many frames a segment in the place of this one has that adds ``new_frames``."""
        return self.repeated_frames + max(1, new_frames)

    @property
    def num_frames(self) -> int:
        """How many frames are new."""
        return self.end_frame - self.first_frame

    @property
    def seconds(self) -> float:
        """From the first new frame to the first one of the next segment."""
        return float(self.num_frames / self.fps)

    def frame_times(self) -> NDArray[np.float64]:
        """When the new frames are, in seconds after the first of them: ``[num_frames]``."""
        import numpy as np

        return np.arange(self.num_frames) / float(self.fps)

    def num_samples(self, rate: int) -> int:
        """How many samples of sound are new, at ``rate`` Hz."""
        return self._samples_before(self.end_frame, rate) - self._first_sample(rate)

    def sample_times(self, rate: int) -> NDArray[np.float64]:
        """When the new samples are, in seconds after the first new frame: ``[num_samples]``.

        The first one may be up to one sample before that frame.
        """
        import numpy as np

        early = self.first_frame * rate / self.fps - self._first_sample(rate)
        return (np.arange(self.num_samples(rate)) - float(early)) / rate

    def _first_sample(self, rate: int) -> int:
        return self._samples_before(self.first_frame, rate)

    def _samples_before(self, frame: int, rate: int) -> int:
        return int(frame * rate // self.fps)


@frozen(kw_only=True)
class TakeState:
    """What typed states may inherit: the span of the segment just completed.

    A subclass is an attrs class that adds what the family needs to go on; `AttrsCodec` reads and
    writes it.
    """

    span: TakeSpan

    @property
    def segment_index(self) -> int:
        """Of the segment just completed."""
        return self.span.segment_index

    @property
    def end_frame(self) -> int:
        """How many frames the take has."""
        return self.span.end_frame

    @property
    def take_defaults(self) -> dict[str, Any]:
        """The sampling fields that the take fixes."""
        span = self.span
        return {"seed": span.seed, "height": span.height, "width": span.width, "fps": span.fps}


def _check_same_take(job: Job, span: TakeSpan) -> None:
    given = {"height": job.sampling.height, "width": job.sampling.width, "fps": job.sampling.fps}
    taken = {"height": span.height, "width": span.width, "fps": span.fps}
    for name, value in given.items():
        if value != taken[name]:
            raise ValidationError(f"sampling.{name}", f"is {value}; the take has {taken[name]}")
