"""Guidance of its own for ranges of noise levels: which scales count where, and what runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from torch.nn.attention import SDPBackend, sdpa_kernel

import longtake as lt
from longtake.cli import main
from longtake_ltx2.denoising.guidance import Guidance, needs_negative
from longtake_ltx2.denoising.samplers import evaluated_levels
from longtake_ltx2.denoising.schedule import REFINE_SIGMAS
from longtake_ltx2.numerics import OFFICIAL
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions, LTX2GuidanceLevel
from tests.ltx2 import official_loop, parity
from tests.ltx2.official_loop import denoised
from tests.ltx2.official_reference import Scales
from tests.ltx2.parity import Case
from tests.ltx2.support import Checkpoints, FlopCounter, relative_error
from tests.ltx2.test_official_numerics import as_tokens, asked
from tests.ltx2.watching import Watched, quick

LEVELS = [
    {"up_to": 0.5, "guidance_scale": 1.0, "audio_guidance_scale": 1.0},
    {"up_to": 0.97, "guidance_scale": 2.0},
    {"up_to": 0.98, "stg_scale": 1.0, "modality_scale": 2.0},
]


def guidance(**options: Any) -> Guidance:
    levels = tuple(LTX2GuidanceLevel(**level) for level in options.pop("levels", LEVELS))
    return Guidance.from_options(LTX2DenoiseOptions(guidance_levels=levels, **options), OFFICIAL)


@pytest.mark.parametrize(
    ("sigma", "cfg", "audio_cfg", "stg"),
    [
        (1.0, 3.0, 7.0, 1.0),  # above the highest: the highest
        (0.98, 3.0, 7.0, 1.0),
        (0.975, 3.0, 7.0, 1.0),
        (0.97, 2.0, 7.0, 0.0),
        (0.51, 2.0, 7.0, 0.0),
        (0.5, 1.0, 1.0, 0.0),
        (0.0, 1.0, 1.0, 0.0),
    ],
)
def test_which_scales_count(sigma: float, cfg: float, audio_cfg: float, stg: float) -> None:
    found = guidance(guidance_scale=3.0, audio_guidance_scale=7.0).at(torch.tensor(sigma))
    assert (found.video.cfg, found.audio.cfg, found.video.stg) == (cfg, audio_cfg, stg)


def test_a_level_of_a_table_is_its_own_bound() -> None:
    """0.1 in fp32 is above 0.1 in fp64."""
    found = guidance(levels=[{"up_to": 0.1, "guidance_scale": 2.0}, {"up_to": 1.0}])
    assert found.at(torch.tensor(0.1, dtype=torch.float32)).video.cfg == 2.0
    plain = guidance(levels=[], guidance_scale=4.0)
    assert plain.at(torch.tensor(0.5)) is plain


def test_the_negative_prompt_is_asked_for_when_any_level_asks() -> None:
    def asks(*levels: dict[str, float]) -> bool:
        given = tuple(LTX2GuidanceLevel(**level) for level in levels)
        return needs_negative([LTX2DenoiseOptions(guidance_levels=given)], OFFICIAL)

    assert not asks()
    assert not asks({"up_to": 0.5, "guidance_scale": 1.0})
    assert asks({"up_to": 0.5, "guidance_scale": 2.0}, {"up_to": 1.0})


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_the_latents_are_those_of_the_formulas(
    checkpoints: Checkpoints, generation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("official", generation, "tiny", "base", "prefix", "off")
    path = checkpoints.path(case.generation, case.size)
    pipeline, probe = parity._pipeline(path, parity.PRESETS["base"], "official", None)
    request = parity.request(checkpoints, case)
    request.stage_overrides["denoise"]["guidance_levels"] = LEVELS
    pipeline.generate(request)
    actual = as_tokens(probe.latents)
    plain = denoised(path, asked(path, case))
    assert relative_error(plain[0], actual.video) > 1e-3, "the control"
    guided, sigmas = official_loop.guided, []

    def by_level(step: Any, texts: Any, scales: Any, number: int) -> Any:
        sigma = step[-1]
        sigmas.append(sigma)
        picture, sound = Scales(), Scales()
        if sigma > 0.97:
            picture, sound = Scales(stg=1.0, modality=2.0), Scales()
        elif sigma > 0.5:
            picture = Scales(cfg=2.0)
        return guided(step, texts, (picture, sound), number)

    monkeypatch.setattr(official_loop, "guided", by_level)
    expected = denoised(path, asked(path, case))
    assert min(sigmas) <= 0.5 < sorted(sigmas)[1] <= 0.97 < max(sigmas), "every range is met"
    assert relative_error(expected[0], actual.video) < parity.VIDEO_TOLERANCE
    assert relative_error(expected[1], actual.audio) < parity.AUDIO_TOLERANCE


def test_only_what_a_level_asks_for_runs(checkpoints: Checkpoints) -> None:
    watched = Watched(checkpoints.path("2.0"))
    table = [1.0, 0.9, 0.4, 0.0]
    levels = [{"up_to": 0.5}, {"up_to": 1.0, "guidance_scale": 2.0}]
    asks = quick(sigmas=table, guidance_levels=levels)
    with watched.pipeline, watched.counted() as ran:
        watched.pipeline.generate(lt.GenerationRequest("a bell", stage_overrides=asks))
    assert ran["transformer"] == 2 + 2 + 1


def test_the_levels_that_samplers_evaluate() -> None:
    found = evaluated_levels("res_2s", REFINE_SIGMAS)
    expected = [0.909375, 0.811971, 0.725, 0.553046, 0.421875, 0.021542, 0.0011]
    assert found == pytest.approx(expected, abs=1e-6)
    assert evaluated_levels("euler", REFINE_SIGMAS) == tuple(REFINE_SIGMAS[:-1])


@pytest.mark.parametrize(
    ("levels", "path"),
    [
        ([{"up_to": 0.5}, {"up_to": 0.5}], ""),
        ([{"up_to": 0.9}, {"up_to": 0.5}], ""),
        ([{"up_to": 1.5}], "[0].up_to"),
        ([{"up_to": float("nan")}], "[0].up_to"),
        ([{"up_to": 0.5}, {"guidance_scale": 2.0}], "[1].up_to"),
        ([{"up_to": 0.5, "guidance_rescale": 2.0}], "[0].guidance_rescale"),
        ([{"up_to": 0.5, "cfg": 2.0}], "[0].cfg"),
        ([{"up_to": n / 40} for n in range(33)], ""),
        (0.5, ""),
    ],
)
def test_nonsense_is_refused(tiny: Path, levels: Any, path: str) -> None:
    asks = {"denoise": {"guidance_levels": levels}}
    with (
        lt.load(tiny, preset="ltx2_tiny", prepare=False) as pipeline,
        pytest.raises(lt.ValidationError) as caught,
    ):
        pipeline.check(lt.GenerationRequest("a bell", stage_overrides=asks))
    assert caught.value.path == f"stage_overrides.denoise.guidance_levels{path}"


def test_blocks_are_asked_for_where_a_level_perturbs(tiny: Path) -> None:
    levels = [{"up_to": 0.5, "stg_scale": 1.0}, {"up_to": 1.0}]
    asks = quick(stg_blocks=[], guidance_levels=levels)
    with (
        lt.load(tiny, preset="ltx2_tiny") as pipeline,
        pytest.raises(lt.ValidationError, match="at least one block"),
    ):
        pipeline.generate(lt.GenerationRequest("a bell", stage_overrides=asks))


def test_plan_counts_what_runs(checkpoints: Checkpoints, capsys: Any) -> None:
    path, levels = checkpoints.path("2.0"), json.dumps(LEVELS)
    small = ("--height", "64", "--width", "64", "--num-frames", "17")
    chosen: tuple[str, ...] = (
        "--set",
        f"denoise.guidance_levels={levels}",
        "--set",
        "denoise.stg_scale=0",
    )
    neutral = ("modality_scale", "guidance_scale", "audio_guidance_scale", "audio_modality_scale")
    chosen += tuple(part for name in neutral for part in ("--set", f"denoise.{name}=1"))
    chosen += ("--set", "denoise.audio_stg_scale=0")
    asked_for = ("--model", str(path), "--device", "cpu", "--preset", "ltx2_tiny", *small, *chosen)
    assert main(["plan", "--json", *asked_for]) == 0
    found = json.loads(capsys.readouterr().out)["segments"][0]
    (loop,) = (each for each in found["stages"] if each["name"] == "denoise")
    assert "average" in loop["note"]
    scales = dict.fromkeys(neutral, 1) | {"stg_scale": 0, "audio_stg_scale": 0}
    overrides = {"denoise": {**scales, "guidance_levels": LEVELS}}
    size = lt.Sampling(height=64, width=64, num_frames=17)
    request = lt.GenerationRequest("a bell", sampling=size, stage_overrides=overrides)
    counter = FlopCounter()
    with lt.load(path, preset="ltx2_tiny") as pipeline, sdpa_kernel(SDPBackend.MATH), counter:
        pipeline.generate(evolve(request, negative_prompt="a horn"))
    assert found["flops"] == pytest.approx(counter.total, rel=0.02)
