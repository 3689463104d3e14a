"""A take as a stream: each segment a CMAF fragment, made from it and a small document alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from typing import Literal

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from longtake.errors import ValidationError
from longtake.media.encoder import TakeEncoder, TakeFormat, TakePlace
from longtake.media.formats import STREAM_FORMATS
from longtake.media.muxing import Encoded, FragmentMuxer
from longtake.media.sound_runs import PendingSound
from longtake.runs.results import GenerationResult
from longtake.schema.bounds import between, positive_ratio
from longtake.schema.wire import structure, unstructure
from longtake.takes.notes import SoundTail

__all__ = ["StreamState", "StreamedSegment", "stream_end", "stream_segment"]

_number = between(0, 10**12)


@frozen(kw_only=True)
class StreamState:
    """All that the next segment of a stream needs of those before it, as a plain document.

    - ``audio_codec``: of the sound. ``fps``, ``height``, ``width``, ``channels``, ``sample_rate``
      (Hz): 0 pixels without pictures, 0 channels and Hz without sound.
    - ``first_frame``, ``first_sample``: where in the take the stream begins. ``frames``,
      ``samples``: how many it holds, with the sound that is still pending.
    - ``fragments``: how many there are.
    - ``tail``: the end of the sound, where it is AAC, whose encoder looks ahead.
    - ``initialization``: the initialization segment, which all fragments share.
    - ``version``: of this form.
    """

    version: int = 1
    audio_codec: Literal["aac", "flac"]
    fps: Fraction = field(validator=positive_ratio)
    height: int = field(validator=between(0, 65536))
    width: int = field(validator=between(0, 65536))
    channels: int = field(validator=between(0, 2))
    sample_rate: int = field(validator=between(0, 10**7))
    first_frame: int = field(validator=_number)
    first_sample: int = field(validator=_number)
    frames: int = field(default=0, validator=_number)
    samples: int = field(default=0, validator=_number)
    fragments: int = field(default=0, validator=_number)
    tail: SoundTail | None = field(default=None, repr=False)
    initialization: bytes = field(default=b"", repr=False)

    def to_json(self) -> str:
        """Its JSON text."""
        return json.dumps(unstructure(self), separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> StreamState:
        """The inverse of `to_json`. Raises `ValidationError` for what is none."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ValidationError("stream", f"is no JSON document: {error}") from None
        version = document.get("version") if isinstance(document, dict) else None
        if version != 1:
            raise ValidationError("version", f"is {version!r}; this Longtake reads 1")
        return structure(document, cls)

    @property
    def end_frame(self) -> int:
        """The take's frame after the last one."""
        return self.first_frame + self.frames

    @property
    def end_sample(self) -> int:
        """The take's sample after the last one."""
        return self.first_sample + self.samples


@frozen(kw_only=True, eq=False)
class StreamedSegment:
    """What a segment adds to a stream.

    - ``fragment``: to be played behind ``state.initialization`` and the fragments before it; empty
      when all of it is still pending.
    - ``frames``: how many it shows. ``has_sound``: whether any sound is in it.
    - ``state``: for the next one.
    """

    fragment: bytes = field(repr=False)
    frames: int
    has_sound: bool
    state: StreamState


def stream_segment(
    previous: StreamState | None,
    result: GenerationResult,
    *,
    audio_codec: Literal["aac", "flac"] = "aac",
) -> StreamedSegment:
    """The next segment of a stream, exactly on the take's clock.

    ``previous``: the state after the segment before, None for the first. Nothing else is handed
    on, so that any process makes the same bytes. ``audio_codec``, which the first segment decides:
    AAC, of which up to 3,072 samples come with the next fragment, or FLAC, which keeps each sample,
    rounded to 24 bits. Pictures are H.264.

    Raises `ValidationError` for a result that does not fit the stream or does not follow it.
    """
    take = TakeFormat.of(result.frames, result.audio, result.audio_sample_rate)
    if previous is None:
        state = _begun(result, take, audio_codec)
    else:
        state = previous
        _format_of(state).check_continued_by(take)
        _check_follows(state, result)
    with _encoder(state) as encoder:
        encoded = encoder.encode(result.frames, result.audio)
        return _streamed(state, encoder, encoded, len(result.frames))


def stream_end(
    previous: StreamState, audio: NDArray[np.float32] | None = None
) -> StreamedSegment | None:
    """What is still to come when the take is over; None when there is nothing.

    ``audio``: the end of the sound, float32 ``[channels, samples]``, as `Pipeline.finish` gives it.
    Without it, silence goes on to the end of the last picture, which players would not show
    otherwise.
    """
    with _encoder(previous) as encoder:
        encoded = Encoded()
        if previous.channels:
            sound = _silence(previous, encoder.zero_sample) if audio is None else audio
            none = np.zeros((0, 0, 0, 3), np.uint8)
            take = TakeFormat.of(none, sound, previous.sample_rate)
            _format_of(previous).check_continued_by(take)
            if sound.shape[1]:
                encoded = encoder.encode(none, sound)
            encoded = Encoded((), (*encoded.audio, *encoder.flush().audio))
        return _streamed(previous, encoder, encoded, 0) if encoded else None


def _format_of(state: StreamState) -> TakeFormat:
    return TakeFormat(state.height, state.width, state.channels, state.sample_rate)


def _begun(
    result: GenerationResult, take: TakeFormat, audio_codec: Literal["aac", "flac"]
) -> StreamState:
    if audio_codec not in STREAM_FORMATS:
        known = ", ".join(STREAM_FORMATS)
        raise ValidationError("audio_codec", f"is {audio_codec!r}; must be one of {known}")
    first_frame = result.first_frame or 0
    first_sample = result.first_sample
    if first_sample is None:
        first_sample = int(first_frame * take.sample_rate // result.fps)
    return StreamState(
        audio_codec=audio_codec,
        fps=result.fps,
        height=take.height,
        width=take.width,
        channels=take.channels,
        sample_rate=take.sample_rate,
        first_frame=first_frame,
        first_sample=first_sample,
    )


def _check_follows(state: StreamState, result: GenerationResult) -> None:
    if len(result.frames) and result.fps != state.fps:
        raise ValidationError("fps", f"is {result.fps}; the stream has {state.fps}")
    for path, got, expected in (
        ("first_frame", result.first_frame if len(result.frames) else None, state.end_frame),
        ("first_sample", result.first_sample, state.end_sample),
    ):
        if got is not None and got != expected:
            problem = f"is {got} of the take; the stream goes on at {expected}"
            raise ValidationError(path, problem)


@contextmanager
def _encoder(state: StreamState) -> Iterator[TakeEncoder]:
    pending = None
    if state.tail is not None:
        pending = state.tail.pending(state.channels)
    elif state.channels and state.fragments:
        nothing = np.zeros((state.channels, 0), np.float32)
        pending = PendingSound(nothing, state.end_sample, state.end_sample)
    encoder = TakeEncoder(
        STREAM_FORMATS[state.audio_codec],
        _format_of(state),
        state.fps,
        TakePlace(state.first_frame, state.first_sample),
        frames=state.frames,
        pending=pending,
        header=state.initialization,
    )
    with closing(encoder):
        yield encoder


def _streamed(
    state: StreamState, encoder: TakeEncoder, encoded: Encoded, frames: int
) -> StreamedSegment:
    container = STREAM_FORMATS[state.audio_codec]
    muxer = FragmentMuxer(
        container,
        encoder.video,
        encoder.audio,
        audio_start=encoder.audio_start,
        fragments=state.fragments,
        video_ticks=_video_ticks(state),
    )
    after = evolve(
        state,
        frames=state.frames + frames,
        samples=encoder.pending.end - state.first_sample if state.channels else 0,
        fragments=state.fragments + 1,
        tail=SoundTail.of(encoder.pending) if state.channels and container.audio_in_runs else None,
        initialization=state.initialization or muxer.header(),
    )
    return StreamedSegment(
        fragment=muxer.fragment(encoded) if encoded else b"",
        frames=frames,
        has_sound=bool(encoded.audio),
        state=after,
    )


def _video_ticks(state: StreamState) -> int | None:
    """The sound's clock for the pictures, where it has a tick for each of them.

    If the two differ, hls.js moves a fragment of sound alone, as the last one is, to where the
    pictures before it end.
    """
    has_ticks = state.channels and (state.sample_rate / state.fps).denominator == 1
    return state.sample_rate if has_ticks else None


def _silence(state: StreamState, zero_sample: int) -> NDArray[np.float32]:
    pictures_end = zero_sample + round(state.frames * state.sample_rate / state.fps)
    missing = max(0, pictures_end - state.end_sample) if state.frames else 0
    return np.zeros((state.channels, missing), np.float32)
