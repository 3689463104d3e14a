"""Normalised attention guidance: its formula, where it stands, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch.nn.attention import SDPBackend, sdpa_kernel

import longtake as lt
from longtake.cli import main
from longtake_ltx2.forward.negating import turned_away
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions, LTX2Nag
from longtake_ltx2.stages import LTX2DenoisingStage
from tests.ltx2 import parity
from tests.ltx2.official_loop import denoised, text_of
from tests.ltx2.official_reference import networks
from tests.ltx2.parity import NEGATIVE, Case
from tests.ltx2.support import Checkpoints, FlopCounter, probed_passes, relative_error
from tests.ltx2.test_official_numerics import as_tokens, asked
from tests.ltx2.watching import Watched, quick

NAG = {"scale": 11.0, "alpha": 0.25, "tau": 2.5}


def spelled(positive: Any, negative: Any, s: float, alpha: float, tau: float) -> Any:
    """The formula once more, token by token, in float64."""
    out = np.empty_like(positive)
    for index, (own, other) in enumerate(zip(positive, negative, strict=True)):
        guided = s * own - (s - 1) * other
        small, large = np.abs(own).sum(), np.abs(guided).sum()
        if (10.0 if small == large == 0 else large / small if small else np.inf) > tau:
            guided = guided * tau * small / (large + 1e-7)
        out[index] = alpha * guided + (1 - alpha) * own
    return out


@pytest.mark.parametrize(
    ("scale", "alpha", "tau"), [(11.0, 0.25, 2.5), (1.5, 0.25, 2.5), (4.0, 1.0, 1.0), (1, 0.5, 1)]
)
def test_the_formula(scale: float, alpha: float, tau: float) -> None:
    generator = np.random.default_rng(2)
    positive, negative = generator.normal(size=(2, 7, 12))
    negative[:3] = positive[:3] + 0.01 * negative[:3]  # near: not held back
    positive[3] = 0
    positive[4] = negative[4] = 0
    nag = LTX2Nag(scale=scale, alpha=alpha, tau=tau)
    found = turned_away(torch.tensor(positive)[None], torch.tensor(negative)[None], nag)[0]
    expected = spelled(positive, negative, scale, alpha, tau)
    assert np.allclose(found.numpy(), expected, rtol=1e-5, atol=1e-7)
    if scale == 1:
        assert np.allclose(expected[:3], positive[:3])


@contextmanager
def replaced(path: Path, *, after_output: bool = False) -> Iterator[None]:
    """Every attention to the text of the reference's network, spelled out with plain softmax.

    ``after_output``: guided behind the gates and the projection, where it does not belong.
    """
    transformer = networks(path).transformer
    texts = list(text_of(path, NEGATIVE))
    if transformer.config.use_prompt_embeddings:
        projections = (transformer.caption_projection, transformer.audio_caption_projection)
        texts = [project(text) for project, text in zip(projections, texts, strict=True)]

    def heads(module: Any, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(*x.shape[:2], module.heads, -1).transpose(1, 2)

    def gathered(module: Any, x: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        query = heads(module, module.norm_q(module.to_q(x)))
        key = heads(module, module.norm_k(module.to_k(text)))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        found: torch.Tensor = scores.softmax(-1) @ heads(module, module.to_v(text))
        return found.transpose(1, 2)

    def projected(module: Any, x: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        if module.to_gate_logits is not None:
            out = out * 2 * torch.sigmoid(module.to_gate_logits(x))[..., None]
        found: torch.Tensor = module.to_out[0](out.flatten(2))
        return found

    def guided(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
        values = (positive[0].double().numpy(), negative[0].double().numpy())
        return torch.tensor(spelled(*values, 11.0, 0.25, 2.5)).float()[None]

    def hook(text: torch.Tensor) -> Any:
        def replace(module: Any, args: Any, kwargs: Any, output: Any) -> Any:
            x = args[0]
            both = [gathered(module, x, t) for t in (kwargs["encoder_hidden_states"], text)]
            if after_output:
                return guided(*(projected(module, x, each) for each in both))
            out = guided(*(each.flatten(2) for each in both))
            return projected(module, x, out.reshape(both[0].shape))

        return replace

    with torch.no_grad(), ExitStack() as stack:
        for block in transformer.transformer_blocks:
            for module, text in zip((block.attn2, block.audio_attn2), texts, strict=True):
                handle = module.register_forward_hook(hook(text), with_kwargs=True)
                stack.callback(handle.remove)
        yield


@pytest.mark.parametrize("generation", ["2.0", "2.3", "2.5"])
def test_the_latents_are_those_of_the_formula(checkpoints: Checkpoints, generation: Any) -> None:
    case = Case("official", generation, "tiny", "base", "prefix", "off")
    path = checkpoints.path(case.generation, case.size)
    pipeline, probe = parity._pipeline(path, parity.PRESETS["base"], "official", None)
    request = parity.request(checkpoints, case)
    request.stage_overrides["denoise"]["nag"] = NAG
    pipeline.generate(request)
    actual = as_tokens(probe.latents)
    plain = denoised(path, asked(path, case))
    assert relative_error(plain[0], actual.video) > 1e-3, "it does something"
    with replaced(path):
        expected = denoised(path, asked(path, case))
    assert relative_error(expected[0], actual.video) < parity.VIDEO_TOLERANCE
    assert relative_error(expected[1], actual.audio) < parity.AUDIO_TOLERANCE
    with replaced(path, after_output=True):
        elsewhere = denoised(path, asked(path, case))
    assert relative_error(elsewhere[0], actual.video) > 1e-3, "the control"


def test_at_scale_1_nothing_is_computed(checkpoints: Checkpoints) -> None:
    watched = Watched(checkpoints.path("2.3"))
    made: list[lt.GenerationResult] = []
    ran: list[tuple[int, int]] = []
    with watched.pipeline:
        for nag in (None, {"scale": 1.0}, NAG):
            asks = quick(nag=nag)
            negative = f"blurry, {len(made)}"  # so that nothing is remembered
            request = lt.GenerationRequest("a bell", negative_prompt=negative, stage_overrides=asks)
            with watched.counted() as counts:
                made.append(watched.pipeline.generate(request))
                ran.append((counts["text_encoder"], counts["transformer"]))
    assert np.array_equal(made[0].frames, made[1].frames)
    assert not np.array_equal(made[0].frames, made[2].frames)
    assert ran == [(1, 2), (0, 2), (1, 2)], "the negative prompt is encoded, and no pass runs"


def test_the_exact_forward_does_what_the_plain_one_does(tiny: Path) -> None:
    """With all guidance terms, and in the second pass."""
    size = lt.Sampling(height=64, width=64, num_frames=9, num_inference_steps=2)
    made = []
    for forward in ("plain", "exact"):
        pipeline, probe = probed_passes(tiny, "ltx2_two_stage_guided", forward=forward)
        asks: dict[str, Any] = {
            "denoise": {"nag": NAG, "stg_blocks": [1]},
            "refine": {"nag": {"scale": 3.0}},
        }
        request = lt.GenerationRequest("a bell", sampling=size, stage_overrides=asks)
        with pipeline:
            pipeline.generate(request)
            refined = evolve(request, stage_overrides={"denoise": asks["denoise"]})
            pipeline.generate(refined)
        made.append(probe.clean)
    assert relative_error(made[0][1].video, made[1][1].video) < 1e-4
    assert torch.equal(made[1][0].video, made[1][2].video)
    assert relative_error(made[1][1].video, made[1][3].video) > 1e-3, "the second pass's counts"


@pytest.mark.parametrize(
    ("nag", "path"),
    [
        ({"scale": 0.5}, ".scale"),
        ({"scale": None}, ".scale"),
        ({"alpha": 1.5}, ".alpha"),
        ({"tau": 0.0}, ".tau"),
        ({"phi": 1.0}, ".phi"),
        (11.0, ""),
    ],
)
def test_nonsense_is_refused(tiny: Path, nag: Any, path: str) -> None:
    with lt.load(tiny, preset="ltx2_two_stage", prepare=False) as pipeline:
        for stage in ("denoise", "refine"):
            asks = {stage: {"nag": nag}}
            with pytest.raises(lt.ValidationError) as caught:
                pipeline.check(lt.GenerationRequest("a bell", stage_overrides=asks))
            assert caught.value.path == f"stage_overrides.{stage}.nag{path}"


def test_several_devices_refuse_it() -> None:
    stage = LTX2DenoisingStage(object(), leader=object())  # type: ignore[arg-type]
    options = LTX2DenoiseOptions(nag=LTX2Nag())
    with pytest.raises(lt.ValidationError) as caught:
        stage.check(lt.Job.example(), options)
    assert caught.value.path == "options.nag"


def test_plan_counts_it(checkpoints: Checkpoints, capsys: Any) -> None:
    path = checkpoints.path("2.3")
    small = ("--height", "64", "--width", "64", "--num-frames", "17", "--steps", "2")
    chosen = ("--set", "denoise.nag.scale=5", "--preset", "ltx2_distilled")
    assert main(["plan", "--json", "--model", str(path), "--device", "cpu", *small, *chosen]) == 0
    found = json.loads(capsys.readouterr().out)["segments"][0]
    size = lt.Sampling(height=64, width=64, num_frames=17, num_inference_steps=2)
    asks = {"denoise": {"nag": {"scale": 5.0}}}
    request = lt.GenerationRequest(
        "a bell", negative_prompt="a horn", sampling=size, stage_overrides=asks
    )
    counter = FlopCounter()
    with lt.load(path, preset="ltx2_distilled") as pipeline, sdpa_kernel(SDPBackend.MATH), counter:
        pipeline.generate(request)
    assert found["flops"] == pytest.approx(counter.total, rel=0.02)
