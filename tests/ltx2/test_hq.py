"""HQ: steps of second order in two passes, and what a request may say of any loop's levels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import longtake as lt
from longtake.cli import main
from longtake_ltx2.denoising.res_2s import StepGenerators, res_2s
from longtake_ltx2.denoising.samplers import Point, evaluated_steps, walked
from longtake_ltx2.denoising.schedule import REFINE_SIGMAS, official_sigmas
from longtake_ltx2.lora.adapters import Adapters
from longtake_ltx2.tiny.lora import write_tiny_lora
from longtake_ltx2.values import CleanLatents, NoisyLatents, Stream
from tests.ltx2 import official_second_order
from tests.ltx2.official_loop import denoised
from tests.ltx2.parity import Case, latents
from tests.ltx2.support import Checkpoints, FlopCounter, LatentProbe, probed_passes, relative_error
from tests.ltx2.test_official_numerics import as_tokens, asked

SIZE = lt.Sampling(height=64, width=64, num_frames=17, num_inference_steps=2)
STEPS, REFINED = 2, 3
EVALUATED = (2 * STEPS + 1, 2 * REFINED + 1)


def request(**fields: Any) -> lt.GenerationRequest:
    return lt.GenerationRequest("a bell", **{"sampling": SIZE, **fields})


@pytest.fixture(scope="module")
def lora(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_lora(tmp_path_factory.mktemp("lora") / "distilled.safetensors", tiny)


@pytest.fixture(scope="module")
def hq(tiny: Path, lora: Path) -> Iterator[tuple[lt.Pipeline, LatentProbe]]:
    pipeline, probe = probed_passes(tiny, "ltx2_hq", lora_path=str(lora))
    yield pipeline, probe
    pipeline.close()


def stream(latents: torch.Tensor, kept: int = 0) -> Stream:
    mask, clean = torch.ones_like(latents[..., :1]), torch.zeros_like(latents)
    mask[:, :kept], clean[:, :kept] = 0, 0.5
    bounds = torch.zeros(1, 1, latents.shape[1], 2)
    return Stream(latents * mask + clean * (1 - mask), clean, mask, bounds)


def test_golden_numbers_of_the_official_loop() -> None:
    """What ltx-pipelines 1.2.0 gave on a CPU, with tanh(0.7 x) in the place of the network."""
    generator = torch.Generator().manual_seed(0)
    video = stream(torch.randn(1, 6, 4, generator=generator), kept=2)
    audio = stream(torch.randn(1, 5, 8, generator=generator))
    levels: list[float] = []

    def evaluate(point: Point) -> tuple[torch.Tensor, torch.Tensor]:
        levels.append(point.sigma.item())
        return torch.tanh(0.7 * point.video), torch.tanh(0.7 * point.audio)

    sampling = res_2s(
        NoisyLatents(video, audio, mel_bins=8),
        torch.tensor(REFINE_SIGMAS),
        StepGenerators.of("fixed", seed=123),
    )
    made = walked(sampling, evaluate, range(7))
    expected = [0.909375, 0.811971, 0.725, 0.553046, 0.421875, 0.021542, 0.0011]
    assert levels == pytest.approx(expected, abs=1e-6)
    assert made[0][0, 2].tolist() == pytest.approx([-0.070679, -0.089735, 0.15931, 0.064998], 1e-4)
    first_four = made[1][0, 0, :4].tolist()
    assert first_four == pytest.approx([-0.01633, -0.133672, 0.12998, 0.080883], 1e-4)
    assert torch.equal(made[0][:, :2], video.clean[:, :2])


def test_the_schedule_counts_the_tokens_of_the_first_pass() -> None:
    published = [1, 0.993491, 0.986015, 0.97734, 0.967151, 0.955015, 0.940314, 0.92214]
    published += [0.899096, 0.868923, 0.827707, 0.768028, 0.673897, 0.503378, 0.1, 0]
    assert official_sigmas(15, 8160) == pytest.approx(published, abs=1e-6)
    assert official_sigmas(15, 4096)[1:3] == pytest.approx([0.98725, 0.972823], abs=1e-6)


def test_the_steps_that_are_evaluated() -> None:
    assert len(evaluated_steps("res_2s", 15)) == 31
    assert evaluated_steps("res_2s", 2) == (0, 0, 1, 0, 2)
    assert evaluated_steps("euler", 3) == (0, 1, 2)


@pytest.mark.parametrize("broken", ["anchors", "noise"])
def test_controls(checkpoints: Checkpoints, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the beginnings found anew, or with noise normalised per token, it is not the same."""
    case = Case("official", "2.3", "tiny", "hq", "nothing", "cfg")
    path = checkpoints.path(case.generation, case.size)
    if broken == "anchors":
        monkeypatch.setattr(official_second_order, "ANCHORINGS", 0)
    else:
        monkeypatch.setattr(official_second_order, "fresh", per_token)
    actual = as_tokens(latents(checkpoints, case)[0])
    expected = denoised(path, asked(path, case))
    assert relative_error(expected[0], actual.video) > 1e-3


def per_token(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    noise = torch.randn(like.shape, generator=generator, dtype=torch.float64)
    return (noise - noise.mean(dim=-1, keepdim=True)) / noise.std(dim=-1, keepdim=True)


def test_the_lora_is_on_in_both_passes_as_strongly_as_each_says(
    hq: tuple[lt.Pipeline, LatentProbe],
) -> None:
    pipeline, _ = hq
    strengths: list[list[float]] = []
    with pipeline.components() as components:
        adapters = Adapters(components["transformer"])

        def note(module: Any, args: Any) -> None:
            strengths.append(list(adapters.weights.values()))

        handle = components["transformer"].register_forward_pre_hook(note)
    try:
        pipeline.generate(request())
    finally:
        handle.remove()
    first, second = EVALUATED
    assert strengths == [[0.25]] * 3 * first + [[0.5]] * second
    assert adapters.active == ()


def test_strengths_are_chosen_when_it_is_built(tiny: Path, lora: Path) -> None:
    chosen = {"denoise": {"lora_strength": 0.0}, "refine": {"lora_strength": 0.0}}
    made = []
    for options in ({"lora_path": str(lora), "preset_overrides": chosen}, {}):
        pipeline, probe = probed_passes(tiny, "ltx2_hq", **options)
        with pipeline:
            pipeline.generate(request())
        made.append(probe.clean[-1])
    assert relative_error(made[0].video, made[1].video) < 1e-6


def test_progress_counts_evaluations_and_cancelling_stops_within_one(
    hq: tuple[lt.Pipeline, LatentProbe],
) -> None:
    pipeline, _ = hq
    events = [e for e in pipeline.stream(request()) if isinstance(e, lt.Progress)]
    for stage, total in zip(("denoise", "refine"), EVALUATED, strict=True):
        counted = [e.step for e in events if e.stage == stage and e.total == total]
        assert counted == list(range(1, total + 1))
    forwards = 0

    def count(module: Any, args: Any) -> None:
        nonlocal forwards
        forwards += 1

    with pipeline.components() as components:
        handle = components["transformer"].register_forward_pre_hook(count)
    try:
        for event in pipeline.stream(request()):
            if isinstance(event, lt.Progress) and event.stage == "denoise" and event.step == 2:
                break
    finally:
        handle.remove()
    assert forwards <= 3 * 3, "no more than the evaluation that had begun"


def test_a_take_goes_on_and_its_first_sound_is_heard(hq: tuple[lt.Pipeline, LatentProbe]) -> None:
    pipeline, probe = hq
    output = lt.Output(return_state=True)
    first = pipeline.generate(request(output=output))
    assert relative_error(probe.clean[-2].audio, probe.clean[-1].audio) > 1e-3
    second = pipeline.generate(request(output=output, state=first.state))
    assert len(second.frames) == 17 - 9
    tokens = 2 * 4
    known = probe.noisy[-1].video.clean[:, :tokens]
    assert torch.equal(probe.clean[-1].video.flatten(2).transpose(1, 2)[:, :tokens], known)
    assert second.live_state is not None
    heard = second.live_state.value().audio_latents
    assert torch.equal(heard, probe.clean[-2].audio[:, :, -heard.shape[2] :])


def test_the_noise_of_the_steps_is_the_same_for_every_seed_unless_asked(
    hq: tuple[lt.Pipeline, LatentProbe],
) -> None:
    """`fixed` as Lightricks have it: only the initial noise differs, which is the same here."""
    assert_same(StepGenerators.of("fixed", 1), StepGenerators.of("fixed", 2), True)
    assert_same(StepGenerators.of("seeded", 1), StepGenerators.of("seeded", 2), False)
    assert_same(StepGenerators.of("seeded", 2**40), StepGenerators.of("seeded", 2**40 + 1), False)
    pipeline, probe = hq
    made = []
    for noise in ("fixed", "seeded", "seeded"):
        pipeline.generate(request(stage_overrides={"denoise": {"step_noise": noise}}))
        made.append(probe.clean[-2])
    assert not torch.equal(made[0].video, made[1].video)
    assert same(made[1], made[2])


def assert_same(one: StepGenerators, other: StepGenerators, expected: bool) -> None:
    for left, right in ((one.ends, other.ends), (one.middles, other.middles)):
        assert torch.equal(left.get_state(), right.get_state()) is expected


def same(one: CleanLatents, other: CleanLatents) -> bool:
    return torch.equal(one.video, other.video) and torch.equal(one.audio, other.audio)


def test_a_take_costs_what_the_plan_says(
    checkpoints: Checkpoints, capsys: pytest.CaptureFixture[str]
) -> None:
    path = checkpoints.path("2.0")
    size = ("--height", "64", "--width", "64", "--num-frames", "17", "--steps", "2")
    skipped = {"denoise": {"skip_step": 1}}
    chosen = ("--set", "stage_overrides.denoise.skip_step=1")
    asked = ("--model", str(path), "--device", "cpu", "--preset", "ltx2_hq", *size, *chosen)
    assert main(["plan", "--json", *asked]) == 0
    found = json.loads(capsys.readouterr().out)["segments"][0]
    loops = [each for each in found["stages"] if each["kind"] == "LTX2DenoisingStage"]
    assert [loop["steps"] for loop in loops] == [4, 7], "one of five is skipped"
    counter = FlopCounter()
    with lt.load(path, preset="ltx2_hq") as pipeline, sdpa_kernel(SDPBackend.MATH), counter:
        pipeline.generate(request(stage_overrides=skipped))
    assert found["flops"] == pytest.approx(counter.total, rel=0.02)


@pytest.mark.parametrize("preset", ["ltx2_distilled", "ltx2_two_stage"])
def test_a_table_of_ones_own_is_the_same_table(tiny: Path, preset: str) -> None:
    pipeline, probe = probed_passes(tiny, preset)
    last = "refine" if preset == "ltx2_two_stage" else "denoise"
    table = [0.909375, 0.421875, 0.0] if last == "refine" else [1.0, 0.421875, 0.0]
    with pipeline:
        pipeline.generate(request())
        pipeline.generate(request(stage_overrides={last: {"sigmas": table}}))
        other = [0.6, 0.3, 0.2, 0.0]
        events = list(pipeline.stream(request(stage_overrides={last: {"sigmas": other}})))
    expected, actual, changed = probe.clean if last == "denoise" else probe.clean[1::2]
    assert same(expected, actual) and not same(expected, changed)
    if last == "refine":
        noise = probe.noisy[1].video.latents - probe.noisy[5].video.latents
        assert float(noise.abs().max()) > 1e-2, "it begins at the table's first level"
    assert max(e.step for e in events if isinstance(e, lt.Progress) and e.stage == last) == 3


def test_a_skipped_step_takes_over_what_was_predicted(tiny: Path) -> None:
    """One evaluation, taken twice: as one Euler step straight from the first level to the last."""
    pipeline, probe = probed_passes(tiny, "ltx2_distilled")
    with pipeline:
        for chosen in ({"sigmas": [1.0, 0.5, 0.0], "skip_step": 1}, {"sigmas": [1.0, 0.0]}):
            pipeline.generate(request(stage_overrides={"denoise": chosen}))
    assert relative_error(probe.clean[1].video, probe.clean[0].video) < 1e-6


@pytest.mark.parametrize("sampler", ["euler", "euler_ancestral", "res_2s"])
def test_any_loop_takes_any_sampler(checkpoints: Checkpoints, sampler: str) -> None:
    """2.5's distilled schedule has fresh noise at every step unless it is told not to."""
    pipeline, probe = probed_passes(checkpoints.path("2.5"), "ltx2_distilled")
    with pipeline:
        pipeline.generate(request())
        pipeline.generate(request(stage_overrides={"denoise": {"sampler": sampler}}))
    assert same(*probe.clean) is (sampler == "euler_ancestral")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("sigmas", [1.0]),
        ("sigmas", [1.0, 0.5]),
        ("sigmas", [0.5, 0.5, 0.0]),
        ("sigmas", [1.5, 0.5, 0.0]),
        ("skip_step", -1),
        ("sampler", "heun"),
        ("step_noise", "mine"),
    ],
)
def test_nonsense_is_refused(
    hq: tuple[lt.Pipeline, LatentProbe], option: str, value: object
) -> None:
    pipeline, probe = hq
    before = len(probe.clean)
    for stage in ("denoise", "refine"):
        with pytest.raises(lt.ValidationError) as caught:
            pipeline.generate(request(stage_overrides={stage: {option: value}}))
        assert caught.value.path.startswith(f"stage_overrides.{stage}.{option}")
    assert len(probe.clean) == before
