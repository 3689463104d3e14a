"""A clip that a segment is made of: retake, extension, and how both go on."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.clock import first_segment
from longtake_ltx2.conditioning.places import touched_tokens
from longtake_ltx2.conditioning.source import requested_source
from longtake_ltx2.latents import normalized_video
from longtake_ltx2.sizes import fitted_to
from tests.ltx2.inputs import asked, image, prefix, tone
from tests.ltx2.support import Checkpoints, LatentProbe, moving_frames, networks, probed_pipeline

Probed = tuple[lt.Pipeline, LatentProbe]
RATE = 24_000
"""Of the tiny checkpoints' sound."""


def sound(seconds: float, rate: int = RATE) -> np.ndarray[Any, Any]:
    times = np.arange(round(rate * seconds)) / rate
    return np.stack([np.sin(500 * times), np.sin(1400 * times)]).astype(np.float32) / 2


def source(count: int = 25, *, silent: bool = False, **options: Any) -> lt.SourceInput:
    frames = np.stack(moving_frames(count))
    heard = () if silent else (sound(count / 24), RATE)
    return lt.SourceInput.from_frames(frames, Fraction(24), *heard, **options)


EMPTY = lt.MaskInput.from_places(np.zeros((64, 96), np.bool_))
LARGE = lt.MaskInput.from_places(np.ones((65, 96), np.bool_))
NO_PICTURE = lt.MaskInput(b"a poem")


def retake(**options: Any) -> lt.Inputs:
    return lt.Inputs(source=source(**{"remake_from": 0.4, "remake_to": 0.6, **options}))


@pytest.fixture(scope="module")
def probed(tiny: Path) -> Iterator[Probed]:
    pipeline, probe = probed_pipeline(tiny)
    yield pipeline, probe
    pipeline.close()


@pytest.fixture(scope="module")
def encoded(tiny: Path) -> torch.Tensor:
    """The clip of 25 frames as the VAE has it ``[1, C, 4, H, W]``."""
    vae = networks(tiny)["vae"]
    video = torch.tensor(np.stack(moving_frames(25))).permute(3, 0, 1, 2)[None].float()
    with torch.no_grad():
        return normalized_video(vae.encode(video / 127.5 - 1).latent_dist.mode(), vae)


def kept(probe: LatentProbe, stream: str) -> list[int]:
    """Latent frames of the picture, or latents of the sound, that are kept in the last run."""
    mask = getattr(probe.noisy[-1], stream).denoise_mask[0, :, 0]
    if stream == "video":
        own = probe.clean[-1].video.shape[2] * 6
        mask = mask[:own].reshape(-1, 6).amax(dim=1)
    return [int(index) for index in (mask == 0).nonzero()]


def test_what_is_kept_equals_the_clip(probed: Probed, encoded: torch.Tensor) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=retake()))
    made = probe.clean[-1]
    assert kept(probe, "video") == [0, 1, 3]
    assert torch.equal(made.video[:, :, [0, 1, 3]], encoded[:, :, [0, 1, 3]])
    assert (made.video[:, :, 2] - encoded[:, :, 2]).abs().max() > 0.1
    assert kept(probe, "audio") == [*range(10), *range(16, 26)]
    known = probe.noisy[-1].audio.clean.reshape(1, 26, *made.audio.shape[1::2]).transpose(1, 2)
    places = kept(probe, "audio")
    assert torch.equal(made.audio[:, :, places], known[:, :, places])


@pytest.mark.parametrize(
    ("window", "frames", "latents"),
    [
        ((0.5, 1.0), (2, 4), (13, 26)),
        ((0.0, 0.3), (0, 2), (0, 9)),
        ((1.0, 1.04), (3, 4), (25, 27)),
        ((1.95, 3.0), (6, 7), (49, 51)),
    ],
)
def test_the_time_that_is_remade_is_lightricks_own(
    window: tuple[float, float], frames: tuple[int, int], latents: tuple[int, int]
) -> None:
    given = source(49, remake_from=window[0], remake_to=window[1])
    job = attrs.evolve(lt.Job.example(num_frames=49), inputs=lt.Inputs(source=given))
    found = requested_source(job, lt.DecodedInputs(job.inputs), first_segment(49, Fraction(24)))
    assert found is not None
    assert found.sound is not None
    assert (found.remade, found.sound.remade) == (frames, latents)


@pytest.mark.parametrize(
    ("frame", "frames", "latents"),
    [(0, [0, 1], range(10)), (16, [3], range(18, 26)), (8, [2], range(10, 18))],
)
def test_a_longer_segment_extends_the_clip(
    probed: Probed, frame: int, frames: list[int], latents: range
) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=lt.Inputs(source=source(9, frame=frame))))
    assert (kept(probe, "video"), kept(probe, "audio")) == (frames, list(latents))
    appended = probe.noisy[-1].video.latents.shape[1] - 4 * 6
    assert appended == (6 if frame else 0)  # the first frame of one that begins later


def places(count: int = 1, rows: int = 64, columns: int = 96) -> np.ndarray[Any, Any]:
    """A few pixels in the middle of the lower row of tokens, in the last frame or a still."""
    remade = np.zeros((count, rows, columns), np.bool_)
    remade[-1, -10:-7, 40:44] = True
    return remade[0] if count == 1 else remade


def mask(count: int = 1) -> lt.MaskInput:
    return lt.MaskInput.from_places(places(count))


@pytest.mark.parametrize(("count", "latents"), [(1, [0, 1, 2, 3]), (25, [3])])
def test_what_a_mask_keeps_equals_the_clip(
    probed: Probed, encoded: torch.Tensor, count: int, latents: list[int]
) -> None:
    pipeline, probe = probed
    result = pipeline.generate(asked(inputs=lt.Inputs(source=source(mask=mask(count)))))
    remade = torch.zeros(4, 2, 3, dtype=torch.bool)
    remade[latents, 1, 1] = True
    assert torch.equal(probe.noisy[-1].video.denoise_mask[0, :, 0].reshape(4, 2, 3) == 1, remade)
    made = probe.clean[-1].video[0]
    assert torch.equal(made[:, ~remade], encoded[0][:, ~remade])
    assert (made[:, remade] - encoded[0][:, remade]).abs().max() > 0.1
    given = sound(25 / 24)  # kept, as no time is said
    assert result.audio is not None
    assert np.array_equal(result.audio[:, : given.shape[1]], given)


def test_what_is_around_the_clip_is_made(probed: Probed) -> None:
    pipeline, probe = probed
    frames = np.stack(moving_frames(25))[:, :32, :64]
    given = lt.SourceInput.from_frames(frames, Fraction(24), pad_bottom=32, pad_right=32)
    pipeline.generate(asked(inputs=lt.Inputs(source=given)))
    made = probe.noisy[-1].video.denoise_mask[0, :, 0].reshape(4, 2, 3)
    assert (made[:, 0, :2] == 0).all()
    assert made.sum() == 4 * 4


def test_a_mask_counts_between_two_times_where_they_are_said(probed: Probed) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=retake(mask=mask())))
    made = probe.noisy[-1].video.denoise_mask[0, :, 0].reshape(4, 6)
    assert made.nonzero().tolist() == [[2, 4]]
    assert kept(probe, "audio") == [*range(10), *range(16, 26)]


def test_a_clip_of_another_size_is_masked_where_it_is_seen() -> None:
    """Twice as large, and its sides cut off: the mask's pixels go where the picture's go."""
    remade = np.zeros((128, 256), np.bool_)
    remade[70, 95], remade[0, 5] = True, True  # the latter is cut off
    touched = touched_tokens(remade[None], 9, 64, 96)
    assert np.argwhere(touched).tolist() == [[0, 1, 0], [1, 1, 0]]


def test_a_picture_alone_is_remade_to_the_sound_that_is_there(probed: Probed) -> None:
    pipeline, probe = probed
    result = pipeline.generate(asked(inputs=retake(remake_audio=False)))
    assert probe.noisy[-1].audio.is_frozen
    assert not probe.noisy[-1].video.is_frozen
    given = sound(25 / 24)
    assert result.audio is not None
    assert np.array_equal(result.audio[:, : given.shape[1]], given)


def test_a_sound_alone_is_remade_to_the_picture_that_is_there(probed: Probed) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=retake(remake_video=False)))
    assert probe.noisy[-1].video.is_frozen
    assert not probe.noisy[-1].audio.is_frozen


def test_a_clip_without_sound_gets_one(probed: Probed) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=retake(silent=True)))
    assert probe.noisy[-1].audio.is_unconditioned


def test_a_sound_that_is_over_early_is_silent_to_the_end(probed: Probed) -> None:
    pipeline, probe = probed
    short = lt.SourceInput.from_frames(
        np.stack(moving_frames(25)), Fraction(24), sound(0.9), RATE, remake_to=0.3
    )
    pipeline.generate(asked(inputs=lt.Inputs(source=attrs.evolve(short, remake_audio=False))))
    assert probe.noisy[-1].audio.is_frozen


@pytest.mark.parametrize(
    "inputs",
    [
        retake(),
        lt.Inputs(source=source(9, frame=-9)),
        lt.Inputs(source=source(mask=mask(), strength=0.6)),
    ],
)
def test_a_take_goes_on_from_it(probed: Probed, inputs: lt.Inputs) -> None:
    pipeline, _ = probed
    onwards = lt.Output(last=False, return_state=True)
    first = pipeline.generate(asked(inputs=inputs, output=onwards))
    assert first.state is not None
    second = pipeline.generate(asked(state=first.state))
    assert len(second.frames) == 25 - 9
    assert first.audio is not None
    assert second.audio is not None
    end = len(first.audio[0]) + len(second.audio[0])
    assert abs(end / RATE - 41 / 24) < 0.05


def test_a_take_leads_to_a_clip(probed: Probed) -> None:
    pipeline, probe = probed
    pipeline.generate(asked(inputs=lt.Inputs(source=source(9, frame=16)), state=prefix()))
    assert kept(probe, "video") == [0, 1, 3]


def test_an_image_stands_where_the_clip_is_remade(probed: Probed) -> None:
    pipeline, _ = probed
    inputs = attrs.evolve(retake(), images=(image(11),))
    pipeline.generate(asked(inputs=inputs))
    with pytest.raises(lt.ValidationError, match=r"images\[0\]\.frame: .*another input's"):
        pipeline.check(asked(inputs=attrs.evolve(retake(), images=(image(20),))))


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"inputs": lt.Inputs(source=source(24))}, "inputs.source.data"),
        ({"inputs": lt.Inputs(source=source(9, frame=4))}, "inputs.source.frame"),
        ({"inputs": lt.Inputs(source=source(9, frame=24))}, "inputs.source.frame"),
        ({"inputs": lt.Inputs(source=source(9, frame=30))}, "inputs.source.frame"),
        ({"inputs": lt.Inputs(source=source(25))}, "inputs.source"),
        ({"inputs": retake(remake_from=1.5, remake_to=None)}, "inputs.source.remake_from"),
        ({"inputs": attrs.evolve(retake(), audio=tone())}, "inputs.audio"),
        ({"inputs": lt.Inputs(source=source(9)), "state": prefix()}, "inputs.source.frame"),
        ({"inputs": retake(), "output": lt.Output(video=False)}, "inputs.source"),
        ({"inputs": retake(mask=EMPTY)}, "inputs.source.mask.data"),
        ({"inputs": lt.Inputs(source=source(mask=EMPTY))}, "inputs.source.mask.data"),
        ({"inputs": lt.Inputs(source=source(mask=LARGE))}, "inputs.source.mask.data"),
        ({"inputs": lt.Inputs(source=source(mask=mask(17)))}, "inputs.source.mask.data"),
        ({"inputs": lt.Inputs(source=source(mask=NO_PICTURE))}, "inputs.source.mask.data"),
        ({"inputs": lt.Inputs((image(12),), source=source(mask=mask()))}, "inputs.images[0].frame"),
    ],
)
def test_what_does_not_fit_is_refused(probed: Probed, fields: dict[str, Any], path: str) -> None:
    pipeline, _ = probed
    with pytest.raises(lt.ValidationError) as caught:
        pipeline.check(asked(**fields))
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("clip", "fitted"),
    [((50, 720, 1280), (49, 704, 1280)), ((121, 1080, 1920), (121, 1088, 1920))],
)
def test_a_segment_is_nearly_as_large_as_the_clip(
    clip: tuple[int, int, int], fitted: tuple[int, int, int]
) -> None:
    fps = Fraction(24000, 1001)
    found = fitted_to(lt.ClipFacts(num_frames=clip[0], height=clip[1], width=clip[2], fps=fps))
    assert (found.num_frames, found.height, found.width, found.fps) == (*fitted, fps)


def test_two_stages_keep_the_clip_at_full_size(checkpoints: Checkpoints) -> None:
    path = checkpoints.path("2.0", "tiny")
    frames = np.stack(moving_frames(17, 128, 192))
    given = lt.SourceInput.from_frames(frames, Fraction(24), remake_from=0.5)
    request = lt.GenerationRequest(
        "a lighthouse",
        inputs=lt.Inputs(source=given),
        sampling=lt.Sampling(height=128, width=192, num_frames=17),
    )
    with lt.load(path, preset="ltx2_two_stage") as pipeline:
        result = pipeline.generate(request)
    assert result.frames.shape == (17, 128, 192, 3)
