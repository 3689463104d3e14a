"""``numerics="official"`` gives what the published formulas give, written down a second time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

from longtake_ltx2.conditioning.painting import PAINT
from longtake_ltx2.values import CleanLatents
from tests.ltx2 import official_loop
from tests.ltx2.official_loop import denoised, with_slots
from tests.ltx2.official_painting import painted
from tests.ltx2.official_reference import (
    DISTILLED,
    DISTILLED_3,
    REFINE,
    Asked,
    Carried,
    Followed,
    Frames,
    Region,
    Scales,
    Voice,
    networks,
    segment_seed,
    sigmas,
)
from tests.ltx2.parity import (
    CASES,
    GUIDANCE,
    MASK_GROWTH,
    NEGATIVE,
    PROMPT,
    SEED,
    STRENGTHS,
    TWICE,
    VIDEO_TOLERANCE,
    Case,
    check,
    latents,
    lora_of,
)
from tests.ltx2.support import Checkpoints, relative_error

LEVELS = {
    "distilled": DISTILLED_3,
    "eight steps": DISTILLED,
    "two stages": DISTILLED_3,
    "reference": DISTILLED_3,
    "dub": DISTILLED_3,
    "inpaint": DISTILLED_3,
}


def scales(guidance: dict[str, Any]) -> tuple[Scales, Scales]:
    """Of the picture and of the sound, which follows the picture where it has none of its own."""
    names = ("guidance_scale", "stg_scale", "modality_scale", "guidance_rescale")
    picture = [guidance[name] for name in names]
    sound = [guidance[f"audio_{name}"] for name in names]
    followed = [p if s is None else s for p, s in zip(picture, sound, strict=True)]
    return Scales(*picture), Scales(*followed)


def asked(path: Path, case: Case) -> Asked:
    """The case in the reference's words."""
    on, (height, width, count) = case.conditioned_on(), case.pixels
    video, audio = scales(GUIDANCE[case.guidance])
    frames = tuple(
        Frames(
            pixels=each.pixels(height, width),
            first=each.frame % count,
            strength=each.strength,
            crf=on.image_crf if each.kind == "image" else 0,
            replaces=each.kind == "state" or case.recipe != "keyframes",
        )
        for each in on.placed
    )
    carried, index = carried_by(path, case), on.segment_index + 1
    source = on.source
    region = (
        None
        if source is None
        else Region(
            pixels=source.pixels(height, width),
            first=source.frame % count,
            samples=None if source.silent else on.samples(),
            window=source.window,
            video=source.video,
            audio=source.audio,
            places=source.places(height, width),
            padding=source.padding(height, width),
            strength=source.strength,
            is_painted=case.recipe == "inpaint",
        )
    )
    over = () if region is None or not region.is_painted else (followed_over(region),)
    return Asked(
        prompt=PROMPT,
        negative=NEGATIVE,
        seed=segment_seed(SEED, 0 if carried is None else index),
        size=case.pixels,
        levels=LEVELS.get(case.recipe) or sigmas(case.steps, tokens_counted(case)),
        renoised=case.generation == "2.5"
        and case.recipe in LEVELS
        and not on.follows
        and on.spoken is None
        and source is None,
        refine=refined(case),
        second_order=case.recipe == "hq",
        first_sound=case.recipe in ("guided two stages", "hq"),
        video=video,
        audio=audio,
        frames=frames,
        region=region,
        sound=on.samples() if on.heard else None,
        carried=carried,
        followed=(
            *over,
            *(
                Followed(
                    pixels=each.pixels(),
                    strength=each.strength,
                    seen=each.seen,
                    mask=each.mask(),
                    space=on.scales[0],
                    time=on.scales[1],
                )
                for each in on.follows
            ),
        ),
        lora=lora_of(path, case),
        strengths=STRENGTHS.get(case.recipe, (0.0, 0.0)),
        voice=None
        if on.spoken is None
        else Voice(samples=on.spoken.samples(), alongside=on.spoken.place == "alongside"),
        dubs=case.recipe == "dub",
        slots=on.slots,
    )


def followed_over(region: Region) -> Followed:
    """The clip as the first pass follows it, which is at half its size."""
    return Followed(pixels=painted(region, MASK_GROWTH // 2), strength=region.strength)


def refined(case: Case) -> list[float] | None:
    """The levels of the second pass, where there is one."""
    if case.recipe not in TWICE:
        return None
    return [0.725, 0.4219, 0.0] if case.recipe == "inpaint" else REFINE[case.refine_steps]


def tokens_counted(case: Case) -> int:
    """By which the schedule is shifted: HQ alone has those of its first pass."""
    if case.recipe != "hq":
        return 4096
    height, width, frames = case.pixels
    return height // 64 * (width // 64) * ((frames - 1) // 8 + 1)


def carried_by(path: Path, case: Case) -> Carried | None:
    """What the state brings, if there is one."""
    on = case.conditioned_on()
    repeated = [each.count for each in on.placed if each.kind == "state"]
    if not repeated:
        return None
    if on.sound is None:
        return Carried(repeated=repeated[0])
    config = networks(path).audio_vae.config
    return Carried(
        repeated=repeated[0],
        audio=on.sound.latents(config.latent_channels, config.mel_bins // 4),
        context=on.sound.context,
        strength=on.sound.strength,
        take=on.sound.take,
        offset=on.sound.offset,
    )


def as_tokens(clean: CleanLatents) -> CleanLatents:
    """``[1, T, C]``, frame by frame, row by row; channel major for the sound."""
    sound = [clean.audio[0, :, index].flatten() for index in range(clean.audio.shape[2])]
    return CleanLatents(clean.video.flatten(2).transpose(1, 2), torch.stack(sound)[None])


@pytest.mark.parametrize("case", [case for case in CASES if case.numerics == "official"], ids=str)
def test_latents_match(checkpoints: Checkpoints, case: Case, record_property: Any) -> None:
    path = checkpoints.path(case.generation, case.size)
    actual, _ = latents(checkpoints, case)
    expected = denoised(path, asked(path, case), case.network_dtype)
    check(record_property, case, expected, as_tokens(actual))


@pytest.mark.parametrize("conditions", ["sound of its own", "all pictures"])
def test_a_stream_that_is_given_whole_is_told_as_such(
    checkpoints: Checkpoints, conditions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: at the step's noise level, as a stream that is made, it changes the other."""
    case = Case("official", "2.3", "tiny", "base", conditions, "off")
    path = checkpoints.path(case.generation, case.size)
    actual = as_tokens(latents(checkpoints, case)[0])
    monkeypatch.setattr(official_loop, "frozen", lambda tokens: [False, False])
    video, audio = denoised(path, asked(path, case))
    made = (audio, actual.audio) if conditions == "all pictures" else (video, actual.video)
    assert relative_error(*made) > 1e-2


def test_how_well_a_video_is_seen_is_a_share(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: as diffusers takes a mask, linearly, half seen is not seen at all."""
    case = Case("official", "2.3", "tiny", "reference", "small video, noisy", "off")
    path = checkpoints.path(case.generation, case.size)
    actual = as_tokens(latents(checkpoints, case)[0])
    monkeypatch.setattr(official_loop, "bias", lambda seen: (1 - seen) * -10000.0)
    assert relative_error(denoised(path, asked(path, case))[0], actual.video) > 1e-3


def test_a_token_is_remade_when_any_of_it_lies_within_the_time(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: remade only when all of it does."""
    case = Case("official", "2.3", "tiny", "base", "retake", "off")
    path = checkpoints.path(case.generation, case.size)
    actual = as_tokens(latents(checkpoints, case)[0])

    def whole(region: Region, start: float, end: float, *, asked: bool) -> bool:
        return asked and region.window is not None and start >= 0.4 and end <= 0.6

    monkeypatch.setattr(Region, "remade", whole)
    video, audio = denoised(path, asked(path, case))
    assert relative_error(video, actual.video) > 1e-2
    assert relative_error(audio, actual.audio) > 1e-2


def slots_of(clean: CleanLatents) -> torch.Tensor:
    """Tokens ``[1, T, C]``, picture by picture."""
    assert clean.keyframes is not None
    return clean.keyframes.latents.flatten(2).transpose(1, 2)


@pytest.mark.parametrize("recipe", ["base", "two stages", "hq"])
def test_pictures_beside_a_segment_are_made_in_its_first_pass(
    checkpoints: Checkpoints, recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: as tokens without the mark that the network learned for them."""
    case = Case("official", "2.5", "tiny", recipe, "slots and an image", "off")
    path = checkpoints.path(case.generation, case.size)
    actual, _ = latents(checkpoints, case)
    video, _, slots = with_slots(path, asked(path, case))
    assert relative_error(slots, slots_of(actual)) < VIDEO_TOLERANCE
    assert actual.keyframes is not None
    assert actual.keyframes.frames == (0, 8, 16)
    monkeypatch.setattr(official_loop, "marks_of_slots", lambda: 0)
    other, _, unmarked = with_slots(path, asked(path, case))
    assert relative_error(unmarked, slots_of(actual)) > 1e-3
    assert relative_error(other, video) > 1e-3


def test_a_mask_counts_in_each_place(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: by groups of eight frames from the first on, of which all would have to ask."""
    case = Case("official", "2.3", "tiny", "base", "inpainted, partly kept", "off")
    path = checkpoints.path(case.generation, case.size)
    actual, kept = as_tokens(latents(checkpoints, case)[0]), Region.kept

    def grouped(region: Region, latent: int, row: int, column: int, size: Any) -> bool:
        frames = region.places[8 * latent : 8 * latent + 8].all(0, keepdims=True)
        places = np.repeat(frames, len(region.places), 0)
        return kept(attrs.evolve(region, places=places), latent, row, column, size)

    monkeypatch.setattr(Region, "kept", grouped)
    assert relative_error(denoised(path, asked(path, case))[0], actual.video) > 1e-3


def test_how_strongly_a_clip_is_kept_is_noise_over_it(checkpoints: Checkpoints) -> None:
    """The control: kept as it is."""
    case = Case("official", "2.3", "tiny", "base", "inpainted, partly kept", "off")
    path = checkpoints.path(case.generation, case.size)
    actual, given = as_tokens(latents(checkpoints, case)[0]), asked(path, case)
    assert given.region is not None
    whole = attrs.evolve(given, region=attrs.evolve(given.region, strength=1.0))
    assert relative_error(denoised(path, whole)[0], actual.video) > 1e-3


@pytest.mark.parametrize("broken", ["the other colour", "the mask the other way round"])
def test_what_is_remade_is_painted(checkpoints: Checkpoints, broken: str) -> None:
    """The controls: black in the place of green, and all but the mask's places painted."""
    case = Case("official", "2.3", "tiny", "inpaint", "inpainted short one", "off")
    path = checkpoints.path(case.generation, case.size)
    actual, given = as_tokens(latents(checkpoints, case)[0]), asked(path, case)
    region = given.region
    assert region is not None
    if broken == "the other colour":
        pixels = given.followed[0].pixels.copy()
        pixels[(pixels == PAINT).all(-1)] = 0
        other = attrs.evolve(given.followed[0], pixels=pixels)
    else:
        other = followed_over(attrs.evolve(region, places=~region.places))
    assert relative_error(denoised(path, given)[0], actual.video) < VIDEO_TOLERANCE
    changed = attrs.evolve(given, followed=(other,))
    assert relative_error(denoised(path, changed)[0], actual.video) > 1e-3


def test_a_clip_is_remade_without_fresh_noise(checkpoints: Checkpoints) -> None:
    """The control: with it, as 2.5's distilled transformer otherwise goes down its schedule."""
    case = Case("official", "2.5", "tiny", "eight steps", "retake", "off")
    path = checkpoints.path(case.generation, case.size)
    actual = as_tokens(latents(checkpoints, case)[0])
    video, _ = denoised(path, attrs.evolve(asked(path, case), renoised=True))
    assert relative_error(video, actual.video) > 1e-2


def test_a_keyframe_at_the_first_frame_is_appended(checkpoints: Checkpoints) -> None:
    """The control: in the place of the segment's own tokens, as without keyframes."""
    case = Case("official", "2.3", "tiny", "keyframes", "three keyframes", "off")
    path = checkpoints.path(case.generation, case.size)
    actual, given = as_tokens(latents(checkpoints, case)[0]), asked(path, case)
    first = attrs.evolve(given.frames[0], replaces=True)
    replaced = attrs.evolve(given, frames=(first, *given.frames[1:]))
    video, audio = denoised(path, replaced)
    assert relative_error(video, actual.video) > 1e-2
    assert relative_error(audio, actual.audio) > 1e-3


@pytest.mark.parametrize("alongside", [False, True])
def test_where_a_voice_lies(checkpoints: Checkpoints, alongside: bool) -> None:
    """The control: before the segment in the place of alongside, and the other way round."""
    name = "voice alongside" if alongside else "voice"
    case = Case("official", "2.3", "tiny", "base", name, "off")
    path = checkpoints.path(case.generation, case.size)
    actual, given = as_tokens(latents(checkpoints, case)[0]), asked(path, case)
    assert given.voice is not None
    moved = attrs.evolve(given, voice=attrs.evolve(given.voice, alongside=not alongside))
    assert relative_error(denoised(path, moved)[1], actual.audio) > 1e-3


def test_a_dub_keeps_the_sound_of_the_first_pass(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: told at the step's noise level, it changes the second pass's picture."""
    case = Case("official", "2.3", "tiny", "dub", "video and voice", "off")
    path = checkpoints.path(case.generation, case.size)
    actual = as_tokens(latents(checkpoints, case)[0])
    monkeypatch.setattr(official_loop, "frozen", lambda tokens: [False, False])
    assert relative_error(denoised(path, asked(path, case))[0], actual.video) > 1e-3


@pytest.mark.parametrize("recipe", ["guided two stages", "hq", "keyframes"])
def test_a_lora_is_as_strong_as_each_pass_has_it(checkpoints: Checkpoints, recipe: Any) -> None:
    """The control: the passes' strengths the other way round."""
    case = Case("official", "2.3", "tiny", recipe, "nothing", "cfg")
    path = checkpoints.path(case.generation, case.size)
    actual, given = as_tokens(latents(checkpoints, case)[0]), asked(path, case)
    swapped = attrs.evolve(given, strengths=given.strengths[::-1])
    assert relative_error(denoised(path, swapped)[0], actual.video) > 1e-3
