"""Which passes guidance asks for, and what it makes of their predictions."""

from __future__ import annotations

import pytest
import torch

from longtake_ltx2.denoising.guidance import Guidance, Predictions, Scales
from longtake_ltx2.numerics import DIFFUSERS, OFFICIAL, Numerics
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions

NEUTRAL = Scales(cfg=1.0, stg=0.0, modality=1.0, rescale=0.0)


def guidance(numerics: Numerics = OFFICIAL, /, **options: float | None) -> Guidance:
    return Guidance.from_options(LTX2DenoiseOptions(**options), numerics)  # type: ignore[arg-type]


def passes(asked: Guidance) -> set[str]:
    needed = {
        "negative": asked.needs_negative,
        "perturbed": asked.needs_perturbed,
        "isolated": asked.needs_isolated,
    }
    return {name for name, is_needed in needed.items() if is_needed}


def predictions(*, seed: int = 0) -> Predictions:
    generator = torch.Generator().manual_seed(seed)
    return Predictions(*(torch.randn(1, 5, 3, generator=generator) for _ in range(4)))


@pytest.mark.parametrize(
    ("options", "official", "diffusers"),
    [
        ({}, set(), set()),
        ({"guidance_scale": 3.0}, {"negative"}, {"negative"}),
        ({"guidance_scale": 0.5}, {"negative"}, set()),
        ({"audio_guidance_scale": 2.0}, {"negative"}, {"negative"}),
        ({"guidance_scale": 3.0, "audio_guidance_scale": 0.0}, {"negative"}, {"negative"}),
        ({"stg_scale": 1.0}, {"perturbed"}, {"perturbed"}),
        ({"stg_scale": -1.0}, {"perturbed"}, set()),
        ({"audio_stg_scale": 0.5}, {"perturbed"}, {"perturbed"}),
        ({"modality_scale": 3.0}, {"isolated"}, {"isolated"}),
        ({"modality_scale": 0.0}, {"isolated"}, set()),
        ({"audio_modality_scale": 2.0}, {"isolated"}, {"isolated"}),
        ({"guidance_rescale": 0.7}, set(), set()),
    ],
)
def test_passes_run_only_for_a_scale_that_asks(
    options: dict[str, float], official: set[str], diffusers: set[str]
) -> None:
    assert passes(guidance(OFFICIAL, **options)) == official
    assert passes(guidance(DIFFUSERS, **options)) == diffusers


@pytest.mark.parametrize(
    ("video", "audio"), [(1.0, 0.0), (0.0, 1.0), (1.0, None), (0.0, None), (-1.0, 0.0)]
)
def test_official_stg_perturbs_the_stream_that_asks(video: float, audio: float | None) -> None:
    asked = guidance(stg_scale=video, audio_stg_scale=audio)
    assert asked.perturbs_video == (video != 0)
    assert asked.perturbs_audio == ((video if audio is None else audio) != 0)


def test_stg_of_diffusers_perturbs_both() -> None:
    asked = guidance(DIFFUSERS, stg_scale=0.0, audio_stg_scale=1.0)
    assert (asked.perturbs_video, asked.perturbs_audio) == (True, True)


def test_an_audio_scale_follows_the_video_or_says_zero() -> None:
    video = {"guidance_scale": 3.0, "stg_scale": 1.0, "modality_scale": 2.0}
    follows = guidance(**video, guidance_rescale=0.7)
    assert follows.audio == follows.video == Scales(3.0, 1.0, 2.0, 0.7)
    zero = guidance(
        **video,
        guidance_rescale=0.7,
        audio_guidance_scale=0.0,
        audio_stg_scale=0.0,
        audio_modality_scale=0.0,
        audio_guidance_rescale=0.0,
    )
    assert zero.audio == Scales(0.0, 0.0, 0.0, 0.0)
    assert zero.video == follows.video


@pytest.mark.parametrize("numerics", [OFFICIAL, DIFFUSERS])
def test_neutral_scales_change_nothing(numerics: Numerics) -> None:
    made = predictions()
    assert torch.equal(guidance(numerics).combine(made, NEUTRAL), made.positive)


@pytest.mark.parametrize("numerics", [OFFICIAL, DIFFUSERS])
def test_the_terms_add_up(numerics: Numerics) -> None:
    made = predictions()
    assert made.negative is not None
    assert made.perturbed is not None
    assert made.isolated is not None
    expected = 3.0 * made.positive - 2.0 * made.negative
    expected += 0.5 * made.positive - 0.5 * made.perturbed
    expected += 2.0 * made.positive - 2.0 * made.isolated
    actual = guidance(numerics).combine(made, Scales(3.0, 0.5, 3.0, 0.0))
    torch.testing.assert_close(actual, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("numerics", [OFFICIAL, DIFFUSERS])
def test_full_rescale_gives_the_deviation_of_the_positive_prediction(numerics: Numerics) -> None:
    made = predictions()
    guided = guidance(numerics).combine(made, Scales(5.0, 0.0, 1.0, 1.0))
    assert float(guided.std()) == pytest.approx(float(made.positive.std()), rel=1e-5)
    half = guidance(numerics).combine(made, Scales(5.0, 0.0, 1.0, 0.5))
    plain = guidance(numerics).combine(made, Scales(5.0, 0.0, 1.0, 0.0))
    torch.testing.assert_close(half, (plain + guided) / 2)


def test_rescale_takes_one_deviation_over_all_or_one_a_sample() -> None:
    generator = torch.Generator().manual_seed(1)
    loud = torch.tensor([1.0, 10.0]).reshape(2, 1, 1)
    positive = torch.randn(2, 5, 3, generator=generator) * loud
    made = Predictions(positive, torch.randn(2, 5, 3, generator=generator))
    scales = Scales(5.0, 0.0, 1.0, 1.0)
    over_all = guidance(OFFICIAL).combine(made, scales)
    assert float(over_all.std()) == pytest.approx(float(positive.std()), rel=1e-5)
    assert float(over_all[0].std()) != pytest.approx(float(positive[0].std()), rel=1e-2)
    each = guidance(DIFFUSERS).combine(made, scales)
    for index in range(2):
        assert float(each[index].std()) == pytest.approx(float(positive[index].std()), rel=1e-5)
