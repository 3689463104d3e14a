"""Every part of the tiny LTX-2 learns, goes on after a stop, and fits into one checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training.learned_tiny import networks, segments
from training.learned_tiny.assembling import assemble, averaged, vaes
from training.learned_tiny.audio import Sound
from training.learned_tiny.denoising import Denoising
from training.learned_tiny.learning import Part, learn
from training.learned_tiny.pictures import FPS, draw
from training.learned_tiny.scenes import COLOURS, SIZE
from training.learned_tiny.sounds import MEL_RATE, log_mel, render
from training.learned_tiny.stories import grammar, is_held_out, tell
from training.learned_tiny.team import Team, run
from training.learned_tiny.video import Standard, VideoVae, clips

SEED = 3
STEPS = 12


def curve(folder: Path, part: str, figure: str) -> list[float]:
    lines = (folder / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    told: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [each[figure] for each in told if figure in each]


def learn_all(folder: Path, steps: int) -> Path:
    """All parts after so many steps."""
    for part in (Sound(SEED), VideoVae(SEED)):
        learn(part, folder, steps, report_every=max(1, steps // 3))
    segments.save(folder, *segments.encode_examples(*vaes(folder), 1, SEED))
    examples, _ = segments.load(folder)
    learn(Denoising(SEED, examples), folder, steps, report_every=max(1, steps // 3))
    return folder


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learn_all(tmp_path_factory.mktemp("learned"), STEPS)


@pytest.mark.parametrize(
    ("part", "figure"),  # the picture's loss gets more terms on the way
    [("audio", "loss"), ("video", "error"), ("denoising", "loss")],
)
def test_each_loss_falls(learned: Path, part: str, figure: str) -> None:
    first, *_, last = curve(learned, part, figure)
    assert last < first


def test_the_video_vae_shows_alone_what_it_learned_to_show(learned: Path) -> None:
    kept, standard = averaged(learned, "video"), Standard(networks.LATENT_CHANNELS)
    vae = networks.video_vae()
    vae.load_state_dict(kept["vae"])
    standard.load_state_dict(kept["standard"])
    standard.settles = False
    clip, _ = clips(np.random.default_rng(SEED), 1, 9)
    alone, _ = vaes(learned)
    with torch.no_grad():
        as_learned = vae.decode(standard(vae.encode(clip).latent_dist.mode())).sample
        shown = alone.decode(alone.encode(clip).latent_dist.mode()).sample
        without = vae.decode(vae.encode(clip).latent_dist.mode()).sample
    assert torch.allclose(shown, as_learned, atol=1e-3)
    assert not torch.allclose(without, as_learned, atol=1e-2)


def test_the_parts_are_one_checkpoint(learned: Path, tmp_path: Path) -> None:
    import longtake as lt

    assemble(learned, tmp_path / "model", SEED)
    sampling = lt.Sampling(height=SIZE, width=SIZE, num_frames=segments.FRAMES, seed=1)
    with lt.load(tmp_path / "model", preset="ltx2_distilled", device="cpu") as pipeline:
        result = pipeline.generate(lt.GenerationRequest("a red circle", sampling=sampling))
    assert result.frames.shape == (segments.FRAMES, SIZE, SIZE, 3)
    assert result.audio_sample_rate == 24_000


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("one", "other"):
        folder = learn_all(tmp_path / name, 2)
        assemble(folder, folder / "model", SEED)
        files = sorted(path for path in (folder / "model").rglob("*") if path.is_file())
        made.append({str(path.relative_to(folder)): path.read_bytes() for path in files})
    assert len(made[0]) > 12
    assert made[0] == made[1]


class Line(Part):
    """A line through points, which stops once when told to."""

    name = "line"

    def __init__(self, stops_at: int | None = None) -> None:
        super().__init__(SEED)
        torch.manual_seed(SEED)
        self.line = torch.nn.Linear(1, 1)
        self._stops_at = stops_at

    def networks(self) -> Mapping[str, torch.nn.Module]:
        return {"line": self.line}

    def loss(self, step: int, share: float) -> tuple[torch.Tensor, dict[str, float]]:
        if step == self._stops_at:
            raise KeyboardInterrupt
        _, generator = self.drawn(step)
        x = torch.randn(8, 1, generator=generator)
        return ((self.line(x) - 2 * x) ** 2).mean(), {}


def test_what_was_stopped_gives_the_same_weights(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    learn(Line(), whole, 20, save_every=5)
    with pytest.raises(KeyboardInterrupt):
        learn(Line(stops_at=13), stopped, 20, save_every=5)
    learn(Line(), stopped, 20, save_every=5)
    for name, weight in averaged(whole, "line")["line"].items():
        assert torch.equal(weight, averaged(stopped, "line")["line"][name])


def draw_a_line(team: Team, folder: Path) -> None:
    learn(Line(), folder, 20, team=team)


def test_two_processes_learn_as_one(tmp_path: Path) -> None:
    run(draw_a_line, (tmp_path / "two",), 2)
    run(draw_a_line, (tmp_path / "one",), 1)
    two, one = (averaged(tmp_path / each, "line")["line"]["bias"] for each in ("two", "one"))
    assert not torch.equal(two, one)
    assert float(abs(two - one)) < 0.5
    assert {each.name for each in (tmp_path / "two").iterdir()} == {"line.pt"}


def test_things_are_where_the_scene_says() -> None:
    for seed in range(20):
        scene = tell(np.random.default_rng(seed), [0.0], 2.0).scene
        _, covered = draw(scene, 0, 48)
        if len(scene.things) == 1:
            rows, columns = np.mgrid[0:SIZE, 0:SIZE] + 0.5
            mass = covered.sum(axis=(1, 2))
            middle = np.stack([(covered * at).sum(axis=(1, 2)) / mass for at in (columns, rows)])
            error = np.abs(middle.T - scene.things[0].position(np.arange(48) / FPS))
            assert error.max() < 0.1 or scene.shape == "triangle"


def test_a_change_is_there_from_its_segment_on() -> None:
    begins = [0.0, 2.0, 4.0]
    for seed in range(60):
        story = tell(np.random.default_rng(seed), begins, 6.0)
        for begin, prompt in zip(begins[1:], story.prompts[1:], strict=True):
            colour = story.scene.colour([begin - 0.01, begin + 1])
            if "turn" in prompt:
                assert np.allclose(colour[1], COLOURS[prompt.split()[-1]])
            if "stop" in prompt:
                ways = [each.way([begin + 0.1, begin + 1.9]) for each in story.scene.things]
                assert all(way[0] == way[1] for way in ways)
            if prompt == "a second one comes":
                assert story.scene.count(begin - 0.01) == 1 and story.scene.count(begin) == 2


def test_a_pitch_has_whole_periods_in_a_frame() -> None:
    scene = tell(np.random.default_rng(0), [0.0], 4.0).scene
    sound = render(scene, 0.0, 3.0, MEL_RATE)
    parts = render(scene, 1.5, 1.5, MEL_RATE)
    assert np.allclose(sound[24_000:], parts, atol=1e-5)
    assert log_mel(scene, 0.0, 101).shape == (2, 101, 16)


def test_a_sound_is_the_same_in_every_window() -> None:
    for seed in range(5):
        scene = tell(np.random.default_rng(seed), [0.0, 1.5], 4.0).scene
        whole, part = log_mel(scene, 0.0, 300), log_mel(scene, 1.23, 60)
        assert torch.allclose(whole[:, 123:183].exp(), part.exp(), rtol=1e-3, atol=1e-5)
        for thing in scene.things:
            window = [each for each in thing.bounces(1.0113, 3.0) if 1.02 < each < 2.98]
            assert window == [each for each in thing.bounces(0.0, 4.0) if 1.02 < each < 2.98]


def test_some_prompts_are_kept_for_judging() -> None:
    held_out = [prompt for prompt in grammar() if is_held_out(prompt)]
    assert 60 <= len(held_out) <= 120
    told = {tell(np.random.default_rng(seed), [0.0], 1.0).prompts[0] for seed in range(400)}
    assert not told & set(held_out)


def test_the_tokenizer_has_a_token_for_every_word() -> None:
    tokens = networks.tokenizer()
    assert max(len(tokens(prompt).input_ids) for prompt in grammar()) <= networks.TEXT_LENGTH
    assert tokens.decode(tokens("two red circles").input_ids[1:]) == "two red circles"
