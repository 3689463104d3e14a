"""What the segments of the parity table are conditioned on, by name."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal

import attrs
import numpy as np
import torch

import longtake as lt
from longtake_ltx2.continuation import LTX2ContinuationState
from tests.ltx2.support import moving_frames

Pixels = np.ndarray[Any, Any]
BOTH = ("official", "diffusers")


@attrs.frozen(kw_only=True)
class Placed:
    """Frames at a place of the segment. ``size``: of other pixels than the segment's."""

    kind: Literal["state", "image", "clip"]
    frame: int = 0
    count: int = 1
    strength: float = 1.0
    size: tuple[int, int] | None = None

    def pixels(self, height: int, width: int) -> Pixels:
        """uint8 ``[V, H, W, 3]``."""
        shown = moving_frames(self.count + abs(self.frame), *(self.size or (height, width)))
        return np.stack(shown[abs(self.frame) :])


@attrs.frozen(kw_only=True)
class Sound:
    """Audio latents that a state carries: 64, of which ``context`` count.

    ``take``: frames and audio latents of the take so far; None for a state of another
    implementation, whose picture starts ``offset`` seconds into the segment's sound.
    """

    context: int
    strength: float = 0.0
    take: tuple[int, int] | None = None
    offset: Fraction = Fraction(0)

    def latents(self, channels: int, mel_bins: int) -> torch.Tensor:
        """``[1, C, 64, mel]``."""
        generator = torch.Generator().manual_seed(3)
        return torch.randn(1, channels, 64, mel_bins, generator=generator)


@attrs.frozen(kw_only=True)
class Follows:
    """A video to follow, of ``count`` frames of a size of their own; ``masked``: with a mask."""

    count: int
    strength: float = 1.0
    seen: float = 1.0
    masked: bool = False
    size: tuple[int, int] = (90, 140)

    def pixels(self) -> Pixels:
        """uint8 ``[V, H, W, 3]``."""
        return np.stack(moving_frames(self.count, *self.size))[:, ::-1].copy()

    def mask(self) -> Pixels | None:
        """Grey, uint8 ``[V, H, W, 3]``, black in places."""
        if not self.masked:
            return None
        grey = np.random.default_rng(9).integers(0, 256, (self.count, 80, 60, 1), dtype=np.uint8)
        grey[:, :40, :30] = 0
        return np.repeat(grey, 3, axis=-1)

    def asked(self) -> lt.ReferenceInput:
        """As a request says it."""
        return lt.ReferenceInput.from_frames(
            self.pixels(), mask=self.mask(), strength=self.strength, attention=self.seen
        )


@attrs.frozen(kw_only=True)
class Spoken:
    """A sound of so many seconds that voices are like."""

    seconds: float
    place: Literal["before", "alongside"] = "before"

    def samples(self) -> Pixels:
        """Float32 ``[2, n]`` at 16 kHz."""
        times = np.arange(round(16_000 * self.seconds)) / 16_000
        tones = [np.sin(2 * np.pi * pitch * times) for pitch in (330, 740)]
        hiss = np.random.default_rng(8).normal(0, 0.1, (2, len(times)))
        return (0.3 * np.stack(tones) + hiss).astype(np.float32)


@attrs.frozen(kw_only=True)
class Source:
    """A clip of ``count`` frames with a sound, at ``frame`` of the segment.

    ``window``: the seconds of it between which ``video`` and ``audio`` say what is remade.
    ``silent``: it has no sound. ``mask``: one that is still, or moves; ``white``: what it means.
    ``padded``: pixels that the clip lacks above, right, below and left. ``strength``: of what is
    kept.
    """

    count: int
    frame: int = 0
    window: tuple[float, float] | None = None
    video: bool = True
    audio: bool = True
    silent: bool = False
    mask: Literal["still", "moving"] | None = None
    white: Literal["remade", "kept"] = "remade"
    padded: tuple[int, int, int, int] = (0, 0, 0, 0)
    strength: float = 1.0

    def pixels(self, height: int, width: int) -> Pixels:
        """uint8 ``[V, H, W, 3]``, padded."""
        return np.pad(self._file(height, width), ((0, 0), *self._padding, (0, 0)), mode="edge")

    def places(self, height: int, width: int) -> Pixels | None:
        """True where the mask has it remade, ``[V, H, W]``; a few pixels, which move."""
        shape = self._file(height, width).shape[:3]
        remade = np.zeros(shape, np.bool_)
        for frame in range(self.count) if self.mask else ():
            left = 2 * frame if self.mask == "moving" else shape[2] // 3
            remade[frame, shape[1] - 6 :, left : left + 4] = True
        return np.pad(remade, ((0, 0), *self._padding)) if self.mask else None

    def padding(self, height: int, width: int) -> Pixels:
        """True where there is no clip, ``[H, W]``."""
        top, right, bottom, left = self.padded
        around = np.ones((height, width), np.bool_)
        around[top : height - bottom, left : width - right] = False
        return around

    def _file(self, height: int, width: int) -> Pixels:
        top, right, bottom, left = self.padded
        return np.stack(moving_frames(self.count, height - top - bottom, width - left - right))

    @property
    def _padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        top, right, bottom, left = self.padded
        return (top, bottom), (left, right)

    def _given_mask(self, height: int, width: int) -> lt.MaskInput | None:
        places = attrs.evolve(self, padded=(0, 0, 0, 0)).places(
            *self._file(height, width).shape[1:3]
        )
        if places is None:
            return None
        shown = places if self.white == "remade" else ~places
        mask = lt.MaskInput.from_places(shown[0] if self.mask == "still" else shown)
        return attrs.evolve(mask, white=self.white)

    def given(self, height: int, width: int, samples: Pixels) -> lt.SourceInput:
        """The clip as a request has it; ``samples``: float32 ``[2, n]`` at 16 kHz."""
        start, end = self.window or (None, None)
        top, right, bottom, left = self.padded
        return lt.SourceInput.from_frames(
            self._file(height, width),
            Fraction(24),
            *(() if self.silent else (samples, 16_000)),
            frame=self.frame,
            remake_from=start,
            remake_to=end,
            remake_video=self.video,
            remake_audio=self.audio,
            mask=self._given_mask(height, width),
            pad_top=top,
            pad_right=right,
            pad_bottom=bottom,
            pad_left=left,
            strength=self.strength,
        )


@attrs.frozen(kw_only=True)
class Conditions:
    """All that one segment is conditioned on.

    ``heard``: a sound of its own, as long as it. ``follows``: videos; ``scales``: by how much they
    are smaller and have fewer frames, as the LoRA says. ``slots``: frames with pictures that are
    made beside it. ``spoken``: what voices are like. ``numerics``: whose references can do it.
    """

    placed: tuple[Placed, ...] = ()
    source: Source | None = None
    sound: Sound | None = None
    heard: bool = False
    follows: tuple[Follows, ...] = ()
    spoken: Spoken | None = None
    scales: tuple[int, int] = (1, 1)
    slots: tuple[int, ...] = ()
    image_crf: int = 0
    segment_index: int = 4
    numerics: tuple[str, ...] = BOTH
    fits_17_frames: bool = True

    def source_fits(self, frames: int) -> bool:
        """Whether a segment of ``frames`` is as long as the clip, or the clip is to be extended."""
        source = self.source
        if source is None or source.count > frames:
            return False
        whole = source.window is not None or source.mask is not None or any(source.padded)
        return source.count == frames or source.frame != 0 or not whole

    def samples(self) -> Pixels:
        """Of a sound that is longer than any segment here: float32 ``[2, n]`` at 16 kHz."""
        times = np.arange(24_000) / 16_000
        tones = [np.sin(2 * np.pi * pitch * times * (1 + times)) for pitch in (220, 510)]
        hiss = np.random.default_rng(5).normal(0, 0.1, (2, len(times)))  # no band is silent
        return (0.3 * np.stack(tones) + hiss).astype(np.float32)

    def inputs(self, height: int, width: int) -> lt.Inputs:
        """The stills and clips of the request."""
        return lt.Inputs(
            images=tuple(
                lt.ImageInput.from_pixels(
                    each.pixels(height, width)[0], frame=each.frame, strength=each.strength
                )
                for each in self.placed
                if each.kind == "image"
            ),
            clips=tuple(
                lt.ClipInput.from_frames(
                    each.pixels(height, width), frame=each.frame, strength=each.strength
                )
                for each in self.placed
                if each.kind == "clip"
            ),
            audio=lt.AudioInput.from_samples(self.samples(), 16_000) if self.heard else None,
            references=tuple(each.asked() for each in self.follows),
            source=None
            if self.source is None
            else self.source.given(height, width, self.samples()),
            voice=None
            if self.spoken is None
            else lt.VoiceInput.from_samples(self.spoken.samples(), 16_000, place=self.spoken.place),
        )

    def state(
        self, networks: Mapping[str, Any], height: int, width: int
    ) -> lt.ContinuationState | None:
        """The state that the segment goes on from, if it does."""
        state = LTX2ContinuationState(segment_index=self.segment_index)
        carried = [each for each in self.placed if each.kind == "state"]
        for each in carried:
            state = attrs.evolve(
                state,
                video_frames=list(each.pixels(height, width)),
                video_conditioning_frame_idx=each.frame,
                video_conditioning_strength=each.strength,
            )
        if self.sound is not None:
            state = _with_sound(state, self.sound, networks)
        return state.to_continuation_state() if carried or self.sound else None


def _with_sound(
    state: LTX2ContinuationState, sound: Sound, networks: Mapping[str, Any]
) -> LTX2ContinuationState:
    config, vocoder = networks["audio_vae"].config, networks["vocoder"].config
    rate = vocoder.output_sampling_rate
    metadata: dict[str, Any] = {}
    if sound.take is not None:
        frames, latents = sound.take
        held_back = 18 if rate == 24000 else 52
        samples = (4 * latents - 3 - held_back) * rate // 100
        clock = {"frames": frames, "fps": [24, 1], "latents": latents, "samples": samples}
        metadata = {"longtake": {"clock": clock}}
    return attrs.evolve(
        state,
        audio_latents=sound.latents(config.latent_channels, config.mel_bins // 4),
        audio_sample_rate=rate,
        audio_conditioning_num_frames=sound.context,
        audio_conditioning_strength=sound.strength,
        video_position_offset_sec=float(sound.offset),
        metadata=metadata,
    )


_PREFIX = Placed(kind="state", count=9)
_OFFICIAL = ("official",)

CONDITIONS: dict[str, Conditions] = {
    "nothing": Conditions(),
    "prefix": Conditions(placed=(_PREFIX,)),
    "prefix, partly kept": Conditions(placed=(attrs.evolve(_PREFIX, strength=0.7),)),
    "one frame before": Conditions(placed=(attrs.evolve(_PREFIX, count=1),)),
    "frames of a state later": Conditions(
        placed=(attrs.evolve(_PREFIX, frame=8),), fits_17_frames=False
    ),
    "first image": Conditions(placed=(Placed(kind="image"),)),
    "last image": Conditions(placed=(Placed(kind="image", frame=-1),)),
    "image in between": Conditions(placed=(Placed(kind="image", frame=11, size=(80, 100)),)),
    "clip first": Conditions(placed=(Placed(kind="clip", count=9, strength=0.8),)),
    "clip in between": Conditions(placed=(Placed(kind="clip", frame=8, count=9),)),
    "two keyframes": Conditions(
        placed=(Placed(kind="image", frame=5), Placed(kind="image", frame=-1, strength=0.4))
    ),
    "three keyframes": Conditions(
        placed=(
            Placed(kind="image", strength=0.8),
            Placed(kind="image", frame=8, strength=0.5, size=(80, 100)),
            Placed(kind="image", frame=-1),
        ),
        numerics=_OFFICIAL,
    ),
    "images, partly kept": Conditions(
        placed=(
            Placed(kind="image", strength=0.6),
            Placed(kind="image", frame=12, strength=0.3, size=(50, 120)),
        )
    ),
    "images, compressed": Conditions(
        placed=(Placed(kind="image"), Placed(kind="image", frame=-1)), image_crf=33
    ),
    "prefix and images": Conditions(
        placed=(
            _PREFIX,
            Placed(kind="image", frame=10, strength=0.5),
            Placed(kind="image", frame=-1),
        )
    ),
    "sound of its own": Conditions(heard=True, numerics=_OFFICIAL),
    "sound and prefix": Conditions(placed=(_PREFIX,), heard=True, numerics=_OFFICIAL),
    "all pictures": Conditions(
        placed=(Placed(kind="clip", count=25),), numerics=_OFFICIAL, fits_17_frames=False
    ),
    "retake": Conditions(source=Source(count=25, window=(0.4, 0.6)), numerics=_OFFICIAL),
    "retake of the beginning": Conditions(
        source=Source(count=25, window=(0.0, 0.3)), numerics=_OFFICIAL
    ),
    "retake of the end": Conditions(source=Source(count=25, window=(0.7, 9.0)), numerics=_OFFICIAL),
    "retake of one latent": Conditions(
        source=Source(count=25, window=(1.0, 1.04)), numerics=_OFFICIAL
    ),
    "retake of the picture": Conditions(
        source=Source(count=25, window=(0.4, 0.6), audio=False), numerics=_OFFICIAL
    ),
    "retake of the sound": Conditions(
        source=Source(count=25, window=(0.4, 0.6), video=False), numerics=_OFFICIAL
    ),
    "retake without sound": Conditions(
        source=Source(count=25, window=(0.4, 0.6), silent=True), numerics=_OFFICIAL
    ),
    "retake of short ones": Conditions(
        source=Source(count=17, window=(0.2, 0.4)), numerics=_OFFICIAL
    ),
    "retake with an image": Conditions(
        source=Source(count=25, window=(0.3, 0.7)),
        placed=(Placed(kind="image", frame=11, strength=0.7),),
        numerics=_OFFICIAL,
    ),
    "extended": Conditions(source=Source(count=9), numerics=_OFFICIAL),
    "extended backwards": Conditions(source=Source(count=9, frame=-9), numerics=_OFFICIAL),
    "extended both ways": Conditions(source=Source(count=9, frame=8), numerics=_OFFICIAL),
    "inpainted": Conditions(source=Source(count=25, mask="still"), numerics=_OFFICIAL),
    "inpainted, partly kept": Conditions(
        source=Source(count=25, mask="moving", white="kept", strength=0.6), numerics=_OFFICIAL
    ),
    "inpainted for a time": Conditions(
        source=Source(count=25, mask="moving", window=(0.4, 0.6)), numerics=_OFFICIAL
    ),
    "inpainted further on": Conditions(
        source=Source(count=9, frame=8, mask="still"), numerics=_OFFICIAL
    ),
    "inpainted short one": Conditions(
        source=Source(count=17, mask="moving", strength=0.6), numerics=_OFFICIAL
    ),
    "inpainted short one for a time": Conditions(
        source=Source(count=17, mask="moving", window=(0.2, 0.4)), numerics=_OFFICIAL
    ),
    "take, inpainted": Conditions(
        placed=(_PREFIX,),
        sound=Sound(context=51, take=(113, 118)),
        source=Source(count=17, mask="still", white="kept"),
        numerics=_OFFICIAL,
    ),
    "outpainted": Conditions(
        source=Source(count=25, padded=(16, 0, 0, 32), silent=True), numerics=_OFFICIAL
    ),
    "outpainted short one": Conditions(
        source=Source(count=17, padded=(0, 40, 0, 0), mask="still"), numerics=_OFFICIAL
    ),
    "slots": Conditions(slots=(5, 11), numerics=_OFFICIAL),
    "slots and an image": Conditions(
        placed=(Placed(kind="image", frame=12, strength=0.6),), slots=(0, 8, 16), numerics=_OFFICIAL
    ),
    "slots of a take": Conditions(
        placed=(_PREFIX,),
        sound=Sound(context=51, take=(113, 118)),
        slots=(12,),
        numerics=_OFFICIAL,
    ),
    "take": Conditions(
        placed=(_PREFIX,), sound=Sound(context=51, take=(113, 118)), numerics=_OFFICIAL
    ),
    "take, partly kept": Conditions(
        placed=(attrs.evolve(_PREFIX, strength=0.6), Placed(kind="image", frame=-1)),
        sound=Sound(context=51, strength=0.3, take=(113, 118)),
        numerics=_OFFICIAL,
    ),
    "take of another kind": Conditions(
        placed=(attrs.evolve(_PREFIX, strength=0.8),),
        sound=Sound(context=26, offset=Fraction(5, 8)),
        numerics=_OFFICIAL,
    ),
    "video": Conditions(follows=(Follows(count=33),), numerics=_OFFICIAL, fits_17_frames=False),
    "video, half seen": Conditions(
        follows=(Follows(count=25, seen=0.5),), numerics=_OFFICIAL, fits_17_frames=False
    ),
    "small video, noisy": Conditions(
        follows=(Follows(count=33, strength=0.4, seen=0.5),),
        scales=(2, 2),
        numerics=_OFFICIAL,
        fits_17_frames=False,
    ),
    "slow video, masked": Conditions(
        placed=(Placed(kind="image"), Placed(kind="image", frame=12, strength=0.6)),
        follows=(Follows(count=33, seen=0.5, masked=True),),
        scales=(2, 4),
        numerics=_OFFICIAL,
        fits_17_frames=False,
    ),
    "two videos": Conditions(
        placed=(Placed(kind="image", frame=12),),
        follows=(Follows(count=33, seen=0.0), Follows(count=17)),
        numerics=_OFFICIAL,
        fits_17_frames=False,
    ),
    "take and video": Conditions(
        placed=(_PREFIX,),
        sound=Sound(context=51, take=(113, 118)),
        follows=(Follows(count=33, seen=0.7, masked=True),),
        scales=(1, 2),
        numerics=_OFFICIAL,
        fits_17_frames=False,
    ),
    "voice": Conditions(spoken=Spoken(seconds=0.5), numerics=_OFFICIAL),
    "voice alongside": Conditions(
        spoken=Spoken(seconds=1.3, place="alongside"), numerics=_OFFICIAL
    ),
    "take and voice": Conditions(
        placed=(_PREFIX,),
        sound=Sound(context=51, take=(113, 118)),
        spoken=Spoken(seconds=0.3, place="alongside"),
        numerics=_OFFICIAL,
    ),
    "video and voice": Conditions(
        placed=(Placed(kind="image", frame=12),),
        follows=(Follows(count=33),),
        spoken=Spoken(seconds=0.9),
        scales=(2, 1),
        numerics=_OFFICIAL,
        fits_17_frames=False,
    ),
    "take, video and voice": Conditions(
        placed=(_PREFIX,),
        sound=Sound(context=51, take=(113, 118)),
        follows=(Follows(count=33),),
        spoken=Spoken(seconds=0.3),
        numerics=_OFFICIAL,
        fits_17_frames=False,
    ),
}
