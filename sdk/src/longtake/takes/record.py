"""What a take's file says of itself: which segments of which take it holds, and who made them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from attrs import field, frozen

from longtake.requests.request import GenerationRequest
from longtake.schema.bounds import between, positive_ratio

__all__ = ["SegmentRecord", "TakeRecord", "TakeRequest"]

_MOST = 10**12
"""Frames or samples of a take."""

_number = between(0, _MOST)


@frozen(kw_only=True)
class SegmentRecord:
    """One segment in a take's file, in numbers of the take.

    - ``index``: 0 for the first segment of the take.
    - ``prompt``, ``seed``: what it was made of; ``seed`` is its own, not the take's.
    - ``first_frame``, ``frames``: its new frames, and how many.
    - ``first_sample``, ``samples``: its new sound likewise; 0 samples in a take without sound.
    - ``state``: `ContinuationState.digest` of the state after it; None when that is not known.
    - ``used_prompt``: what the prompt was rewritten to; None where it was taken as it is.
    """

    index: int = field(validator=_number)
    prompt: str
    seed: int | None
    first_frame: int = field(validator=_number)
    frames: int = field(validator=_number)
    first_sample: int = field(validator=_number)
    samples: int = field(validator=_number)
    state: str | None = None
    used_prompt: str | None = None


@frozen(kw_only=True)
class TakeRequest:
    """What all segments of a take were asked for with, so that it can be asked for again.

    - ``request``: without inputs and state; the prompt is the first segment's, and the seed None
      where the preset's was taken.
    - ``preset_overrides``: ``{stage: {field: value}}``.
    - ``options``: those of loading that were given, by name; ``elsewhere``: names of more of them,
      whose values are paths on the machine that it was made on, and not kept.
    - ``dtype``: the floats that were asked for.
    - ``inputs``: how many images, clips and sounds conditioned the first segment; they are not
      kept.
    - ``predicts_length``: whether the model said how long each segment is.
    """

    request: GenerationRequest
    preset_overrides: dict[str, dict[str, Any]] = field(factory=dict)
    options: dict[str, Any] = field(factory=dict)
    elsewhere: tuple[str, ...] = ()
    dtype: str | None = None
    inputs: int = field(default=0, validator=_number)
    predicts_length: bool = False


@frozen(kw_only=True)
class TakeRecord:
    """What a file holds of a take: all of it, or a part.

    - ``family``, ``preset`` (with its version), ``model`` (a fingerprint), ``versions`` (of
      distributions), ``seed`` (the take's): what made it, as far as its writer was told.
    - ``fps``, ``height``, ``width``, ``channels``, ``sample_rate`` (Hz): 0 pixels without
      pictures, 0 channels and Hz without sound.
    - ``asked``: what it was asked for with; None where the writer was not told, or where not all of
      it was asked for alike.
    - ``planned``: the prompts of the whole command that wrote it.
    - ``begins_after``: `ContinuationState.digest` of the state that its first segment goes on from;
      None at the beginning of a take.
    - ``first_frame``, ``first_sample``: where in the take the file begins.
    - ``segments``: those it holds, in order.
    - ``ended``: whether the take is finished with it; ``end_samples``: how much sound the end added
      to that of the segments.
    """

    family: str | None = None
    preset: str | None = None
    model: str | None = None
    versions: dict[str, str] = field(factory=dict)
    seed: int | None = None
    fps: Fraction = field(validator=positive_ratio)
    height: int = field(validator=between(0, 65536))
    width: int = field(validator=between(0, 65536))
    channels: int = field(validator=between(0, 2))
    sample_rate: int = field(validator=between(0, 10**7))
    asked: TakeRequest | None = None
    planned: tuple[str, ...] = ()
    begins_after: str | None = None
    first_frame: int = field(default=0, validator=_number)
    first_sample: int = field(default=0, validator=_number)
    segments: tuple[SegmentRecord, ...] = ()
    ended: bool = False
    end_samples: int = field(default=0, validator=_number)

    @property
    def end_frame(self) -> int:
        """The take's frame after the last one in the file."""
        if not self.segments:
            return self.first_frame
        return self.segments[-1].first_frame + self.segments[-1].frames

    @property
    def end_sample(self) -> int:
        """The take's sample after the last one in the file."""
        end = self.first_sample
        if self.segments:
            end = self.segments[-1].first_sample + self.segments[-1].samples
        return end + self.end_samples
