"""What the inputs of a request add to one pass: tokens, known ones, and what is encoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from attrs import field, frozen

from longtake_ltx2.clock import FRAMES_PER_LATENT
from longtake_ltx2.conditioning.keyframe_slots import slot_frames
from longtake_ltx2.conditioning.reference_checks import is_masked
from longtake_ltx2.conditioning.requested import RequestedInputs, requested_inputs
from longtake_ltx2.conditioning.source import RequestedSource
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.stage_overrides import LTX2PreparationOptions

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["AddedTokens", "added_by_inputs"]

_MEL_HOP = 160
_MEL_FRAMES_PER_LATENT = 4

Encoding = tuple[int, int, int]
"""Frames, height and width."""


@frozen
class AddedTokens:
    """By everything that the inputs bring, in one pass.

    - ``tokens``: of the picture, beyond the segment's grid; ``slots``: frames of those that are
      pictures to be made.
    - ``gives_video``, ``gives_audio``: whether a token of the stream's own is given, so that each
      has a noise level of its own; ``fills_video``, ``fills_audio``: whether all are, so that
      nothing of the stream is made.
    - ``voice_latents``: of a sound that voices are like, beside the segment's own.
    - ``keeps_sound``: whether the sound of the pass before is kept, so that none is made.
    - ``encoded``: pictures that the VAE encodes; ``mel_frames``: of each sound that is encoded.
    - ``is_masked``: whether a token sees another less well than others do.
    """

    tokens: int = 0
    slots: tuple[int, ...] = ()
    gives_video: bool = False
    gives_audio: bool = False
    fills_video: bool = False
    fills_audio: bool = False
    voice_latents: int = 0
    keeps_sound: bool = False
    encoded: tuple[Encoding, ...] = field(default=())
    mel_frames: tuple[int, ...] = ()
    is_masked: bool = False


def added_by_inputs(scene: Scene) -> AddedTokens:
    """In the pass at the size of ``scene``.

    The first pass alone has slots, and unless it dubs references and a voice.
    """
    job, clock = scene.job, scene.geometry.clock
    options = scene.stage_options.get("prepare") or LTX2PreparationOptions()
    asked = RequestedInputs()
    if job.inputs:
        asked = requested_inputs(job, scene.decoded, None, clock, paints=scene.paints)
    slots: tuple[int, ...] = ()
    if not scene.is_refined and job.output.video:
        slots = slot_frames(options, clock.num_frames, scene.repeated_frames)
    size = scene.geometry.height, scene.geometry.width
    grid = scene.geometry.latent_height * scene.geometry.latent_width
    tokens, encoded, strengths = len(slots) * grid, list[Encoding](), list[float]()
    fills = False
    for frames in asked.frames:
        encoded.append((frames.num_frames, *size))
        strengths.append(frames.strength)
        if frames.first_frame or options.append_first:
            tokens += _latents(frames.num_frames) * grid
        else:
            fills = frames.strength == 1 and frames.num_frames == clock.num_frames
    if asked.source is not None:
        encoded.append((asked.source.frames.num_frames, *size))
        added, some, fills = _of_source(asked.source, size, clock.num_frames)
        tokens += added
        strengths.append(asked.source.frames.strength if some else 0)
    again = scene.is_refined and not scene.is_dubbed
    references = () if again else asked.references
    space = scene.reference_scales.space
    for pixels, strength in [] if again else _followed(asked, scene):
        count = len(range(1, pixels, scene.reference_scales.time)) + 1
        encoded.append((count, size[0] // space, size[1] // space))
        tokens += (
            _latents(count)
            * (size[0] // space // SPATIAL_FACTOR)
            * (size[1] // space // SPATIAL_FACTOR)
        )
        strengths.append(strength)
    sound, (heard, voice_latents) = asked.sound, _heard(asked, scene)
    kept = [] if sound is None or not sound.strength else list(sound.runs())
    return AddedTokens(
        tokens=tokens,
        slots=slots,
        gives_video=any(strengths),
        gives_audio=bool(kept),
        fills_video=fills and not slots and all(each == 1 for each in strengths),
        fills_audio=sound is not None and sound.strength == 1 and kept == [(0, clock.num_latents)],
        voice_latents=voice_latents,
        keeps_sound=scene.is_refined and scene.is_dubbed,
        encoded=tuple(encoded),
        mel_frames=heard,
        is_masked=bool(references) and any(map(is_masked, job.inputs.references)),
    )


def _followed(asked: RequestedInputs, scene: Scene) -> Iterator[tuple[int, float]]:
    """Frames and strength of each video that is followed.

    A recipe that paints has a clip in every segment, also where a plan names none.
    """
    if asked.painted is not None:
        yield len(asked.painted.pixels), asked.painted.strength
    elif scene.paints:
        yield scene.geometry.clock.num_frames, 1.0
    for each in asked.references:
        yield len(each.pixels), each.strength


def _heard(asked: RequestedInputs, scene: Scene) -> tuple[tuple[int, ...], int]:
    """Mel frames of each sound that is encoded, and a voice's latents beside the segment's own."""
    given = [] if asked.sound is None else [_mel_frames(asked.sound.samples.shape[1])]
    if asked.voice is None or not scene.job.output.audio:
        return tuple(given), 0
    if scene.is_refined:  # has the sound of the pass before in its place, or none
        return tuple(given), scene.audio_latents if scene.is_dubbed else 0
    voice = _mel_frames(asked.voice.samples.shape[1])
    return (*given, voice), (voice - 1) // _MEL_FRAMES_PER_LATENT + 1


def _of_source(
    source: RequestedSource, size: tuple[int, int], num_frames: int
) -> tuple[int, bool, bool]:
    """Tokens that a clip adds, whether some are kept, and whether it fills the segment."""
    kept = source.kept_tokens(*size)
    added = int(kept[0].sum()) if source.leads else 0
    whole = source.frames.num_frames == num_frames and source.frames.strength == 1
    return added, bool(kept.any()), whole and bool(kept.all())


def _latents(frames: int) -> int:
    return (frames - 1) // FRAMES_PER_LATENT + 1


def _mel_frames(samples: int) -> int:
    """That the audio VAE is given: as `conditioning.encoding.encoded_sound` cuts them."""
    frames = samples // _MEL_HOP + 1
    return (frames - 1) // _MEL_FRAMES_PER_LATENT * _MEL_FRAMES_PER_LATENT + 1
