"""A voice that a segment's are like: where its tokens lie, and how a video is dubbed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve

import longtake as lt
from longtake_ltx2.clock import first_segment
from longtake_ltx2.conditioning.coordinates import audio_coordinates, voice_coordinates
from longtake_ltx2.tiny.lora import write_tiny_lora
from tests.ltx2.support import LatentProbe, moving_frames, probed_passes, relative_error
from tests.ltx2.test_references import strengths

SIZE = lt.Sampling(height=128, width=128, num_frames=17, num_inference_steps=2)
OWN = 18
"""Audio latents of a first segment of 17 frames."""


def spoken(seconds: float = 0.5, **said: Any) -> lt.VoiceInput:
    samples = np.random.default_rng(4).normal(0, 0.2, (2, round(seconds * 16_000)))
    return lt.VoiceInput.from_samples(samples.astype(np.float32), 16_000, **said)


VIDEO = lt.ReferenceInput.from_frames(np.stack(moving_frames(17, 64, 64))[:, ::-1].copy())
INPUTS = lt.Inputs(references=(VIDEO,), voice=spoken())


def asked(inputs: lt.Inputs = INPUTS, **fields: Any) -> lt.GenerationRequest:
    return lt.GenerationRequest("a bell", **{"sampling": SIZE, "inputs": inputs, **fields})


@pytest.fixture(scope="module")
def lora(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = {"reference_downscale_factor": "2"}
    file = tmp_path_factory.mktemp("lora") / "dub.safetensors"
    return write_tiny_lora(file, tiny, metadata=said)


@pytest.fixture(scope="module")
def dubbing(tiny: Path, lora: Path) -> Iterator[tuple[lt.Pipeline, LatentProbe]]:
    pipeline, probe = probed_passes(tiny, "ltx2_dub", lora_path=str(lora))
    yield pipeline, probe
    pipeline.close()


def test_golden_places_in_time() -> None:
    """What ltx-pipelines 1.2.0 gave for 51 latents."""
    clock = first_segment(121, Fraction(24))
    bounds = voice_coordinates(51, clock, "cpu", before=True)[0, 0]
    expected = [[-2.05, -2.04], [-2.04, -2.0], [-0.08, -0.04]]
    assert torch.allclose(bounds[[0, 1, -1]], torch.tensor(expected), atol=1e-6)
    beside = voice_coordinates(51, clock, "cpu", before=False)
    assert torch.equal(beside, audio_coordinates(clock, "cpu")[:, :, :51])


def test_it_is_appended_and_dropped(dubbing: tuple[lt.Pipeline, LatentProbe]) -> None:
    pipeline, probe = dubbing
    result = pipeline.generate(asked())
    first, second = probe.noisy[-2:]
    length = 13  # half a second
    mask = first.audio.denoise_mask[0, :, 0].tolist()
    assert mask == [1.0] * OWN + [0.0] * length
    assert not first.audio.is_frozen
    latents, clean = first.audio.latents, first.audio.clean
    assert torch.equal(latents[:, OWN:], clean[:, OWN:])
    assert probe.clean[-2].audio.shape[2] == OWN
    assert result.audio is not None
    assert second.audio.is_frozen
    assert second.audio.latents.shape[1] == 2 * OWN, "the first pass's sound, and once more before"
    assert torch.equal(second.audio.clean[:, :OWN], second.audio.clean[:, OWN:])
    assert float(second.audio.coordinates[0, 0, OWN:].max()) == pytest.approx(-0.04)


def test_the_sound_of_the_first_pass_is_kept_to_the_bit(
    dubbing: tuple[lt.Pipeline, LatentProbe],
) -> None:
    pipeline, probe = dubbing
    pipeline.generate(asked())
    assert torch.equal(probe.clean[-2].audio, probe.clean[-1].audio)
    assert not torch.equal(probe.clean[-2].video, probe.clean[-1].video)


def test_both_passes_follow_the_video_with_the_lora(
    dubbing: tuple[lt.Pipeline, LatentProbe],
) -> None:
    pipeline, probe = dubbing
    assert strengths(pipeline, asked()) == [[1.0]] * 5
    first, second = (noisy.video.latents.shape[1] for noisy in probe.noisy[-2:])
    assert (first, second) == (3 * 4 + 3 * 1, 3 * 16 + 3 * 4)


def test_the_voice_changes_the_sound_and_its_place_does(
    dubbing: tuple[lt.Pipeline, LatentProbe],
) -> None:
    pipeline, probe = dubbing
    made = []
    for voice in (None, spoken(), spoken(0.4), spoken(place="alongside")):
        pipeline.generate(asked(lt.Inputs(references=(VIDEO,), voice=voice)))
        made.append(probe.clean[-1].audio)
    errors = [relative_error(made[1], each) for each in (made[0], *made[2:])]
    assert min(errors) > 1e-3


def test_a_take_goes_on(dubbing: tuple[lt.Pipeline, LatentProbe]) -> None:
    """Its sound begins before 0, and the voice lies before that."""
    pipeline, probe = dubbing
    output = lt.Output(return_state=True)
    first = pipeline.generate(asked(output=output))
    second = pipeline.generate(asked(output=output, state=first.state))
    assert len(second.frames) == 17 - 9
    for noisy in probe.noisy[-2:]:
        bounds, own = noisy.audio.coordinates[0, 0], probe.clean[-2].audio.shape[2]
        assert float(bounds[:own].min()) == 0
        assert float(bounds[own:].max()) == pytest.approx(-0.04)
    third = pipeline.generate(asked(output=output, state=second.state, sampling=SIZE))
    assert third.state is not None
    later, own = probe.noisy[-2].audio.coordinates[0, 0], probe.clean[-2].audio.shape[2]
    earliest = float(later[:own].min())
    assert float(later[own:].max()) == pytest.approx(earliest - 0.04, abs=1e-6)


def test_in_other_presets_it_counts_in_the_first_pass(tiny: Path) -> None:
    pipeline, probe = probed_passes(tiny, "ltx2_two_stage")
    with pipeline:
        pipeline.generate(asked(lt.Inputs(voice=spoken())))
    first, second = probe.noisy
    assert (first.audio.latents.shape[1], second.audio.latents.shape[1]) == (OWN + 13, OWN)
    assert not second.audio.is_frozen


def test_without_a_second_pass(tiny: Path, lora: Path) -> None:
    single = {"refine": {"enabled": False}, "denoise": {"lora_strength": 0.5}}
    pipeline, probe = probed_passes(tiny, "ltx2_dub", lora_path=str(lora), preset_overrides=single)
    with pipeline:
        assert strengths(pipeline, asked()) == [[0.5]] * 2
    assert probe.noisy[-1].audio.latents.shape[1] == OWN + 13


@pytest.mark.parametrize(
    ("path", "voice", "fields"),
    [
        ("inputs.voice", spoken(), {"output": lt.Output(audio=False)}),
        ("inputs.voice.data", spoken(0.03), {}),
        ("inputs.voice.data", spoken(61), {}),
        ("inputs.voice.data", lt.VoiceInput(b"no sound"), {}),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(
    dubbing: tuple[lt.Pipeline, LatentProbe],
    path: str,
    voice: lt.VoiceInput,
    fields: dict[str, Any],
) -> None:
    pipeline, probe = dubbing
    before = len(probe.noisy)
    with pytest.raises(lt.ValidationError) as caught:
        pipeline.generate(asked(evolve(INPUTS, voice=voice), **fields))
    assert caught.value.path == path
    assert len(probe.noisy) == before
