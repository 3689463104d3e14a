"""What a caller sees of a run: cancelling, events, precisions, the values used, a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake.media.reader import read_take
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import Watched, quick

STAGES = [
    "validate",
    "enhance",
    "encode_text",
    "prepare",
    "denoise",
    "decode_audio",
    "decode_video",
    "remember",
]


@pytest.fixture(scope="module")
def watched(checkpoints: Checkpoints) -> Iterator[Watched]:
    watched = Watched(checkpoints.path("2.0"))
    yield watched
    watched.pipeline.close()


def request(**overrides: Any) -> lt.GenerationRequest:
    return lt.GenerationRequest("a lighthouse", stage_overrides=quick(**overrides))


def is_step(event: lt.Event, step: int) -> bool:
    return isinstance(event, lt.Progress) and (event.stage, event.step) == ("denoise", step)


def test_a_cancelled_run_stops_within_one_step_and_decodes_nothing(watched: Watched) -> None:
    cancel = threading.Event()
    with watched.counted() as ran:
        events = watched.pipeline.stream(request(num_inference_steps=50), cancel=cancel.is_set)
        with pytest.raises(lt.Cancelled, match="denoise"):
            for event in events:
                if is_step(event, 2):
                    cancel.set()
    assert ran["transformer"] == 2
    assert ran["vae.decoder"] == ran["audio_vae.decoder"] == ran["vocoder"] == 0
    assert len(watched.pipeline.generate(request()).frames) == 25


def test_closing_the_stream_stops_the_run(watched: Watched) -> None:
    with watched.counted() as ran:
        events = watched.pipeline.stream(request(num_inference_steps=50))
        for event in events:
            if is_step(event, 1):
                break
        events.close()
        frames = watched.pipeline.generate(request()).frames
    assert ran["transformer"] <= 2 + 2
    assert ran["vae.decoder"] == 1
    assert len(frames) == 25


@pytest.mark.parametrize("steps", [1, 2])
def test_cancelling_from_another_thread(watched: Watched, steps: int) -> None:
    """In the middle of a step: the run ends with that step."""
    cancel = threading.Event()
    forwards = iter(range(1000))

    def watch(module: Any, args: Any) -> None:
        if next(forwards) == steps - 1:
            stopper = threading.Thread(target=cancel.set)
            stopper.start()
            stopper.join()

    handle = watched.components["transformer"].register_forward_pre_hook(watch)
    with watched.counted() as ran, pytest.raises(lt.Cancelled):
        watched.pipeline.generate(request(num_inference_steps=50), cancel=cancel.is_set)
    handle.remove()
    assert ran["transformer"] == steps
    assert ran["vae.decoder"] == 0


def test_events(watched: Watched) -> None:
    events = list(watched.pipeline.stream(request(num_inference_steps=3)))
    progress = [event for event in events if isinstance(event, lt.Progress)]
    assert list(dict.fromkeys(event.stage for event in progress)) == STAGES
    steps = [e.step for e in progress if e.stage == "denoise" and e.total == 3]
    assert steps[-3:] == [1, 2, 3]
    partial = {type(event.value): event for event in events if isinstance(event, lt.Partial)}
    assert set(partial) == {lt.Frames, lt.Waveform}
    assert isinstance(events[-1], lt.Final)
    result = events[-1].result
    frames, sound = partial[lt.Frames].value, partial[lt.Waveform].value
    assert isinstance(frames, lt.Frames)
    assert isinstance(sound, lt.Waveform)
    assert np.array_equal(frames.pixels, result.frames)
    assert result.audio is not None
    assert np.array_equal(sound.samples, result.audio)
    assert sum(isinstance(event, lt.Final) for event in events) == 1


def test_the_stream_gives_what_generate_gives(watched: Watched) -> None:
    *_, last = watched.pipeline.stream(request())
    assert isinstance(last, lt.Final)
    expected = watched.pipeline.generate(request())
    assert np.array_equal(last.result.frames, expected.frames)


def test_the_values_used(watched: Watched) -> None:
    result = watched.pipeline.generate(
        lt.GenerationRequest(
            "a lighthouse",
            sampling=lt.Sampling(
                seed=5, guidance_scale=2.0, num_inference_steps=3, fps="24000/1001"
            ),
            stage_overrides={"denoise": {"num_inference_steps": 2, "audio_guidance_scale": 0.0}},
        )
    )
    options = result.options["denoise"]
    assert isinstance(options, LTX2DenoiseOptions)
    assert (options.num_inference_steps, options.guidance_scale) == (2, 2.0)
    assert options.audio_guidance_scale == 0.0
    assert (options.stg_scale, options.stg_blocks) == (1.0, (1,))
    job = result.job
    assert job is not None
    assert (job.prompt, job.negative_prompt) == ("a lighthouse", "")
    assert (job.sampling.seed, job.segment_seed, job.segment_index) == (5, 5, 0)
    assert (job.sampling.height, job.sampling.width, job.sampling.num_frames) == (64, 96, 25)
    assert result.fps == job.sampling.fps
    assert str(result.fps) == "24000/1001"


def test_seconds_of_every_stage(watched: Watched) -> None:
    timings = watched.pipeline.generate(request()).timings
    assert list(timings) == STAGES
    assert all(seconds >= 0 for seconds in timings.values())
    assert timings["denoise"] > 0


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16, "torch.bfloat16"])
def test_half_precision(checkpoints: Checkpoints, generation: Any, dtype: object) -> None:
    watched = Watched(checkpoints.path(generation), dtype=dtype, prepare=dtype == "bfloat16")
    if dtype != "bfloat16":
        assert watched.components["vae"].dtype == torch.bfloat16
        return
    assert all(n.dtype == torch.bfloat16 for n in (watched.components["transformer"],))
    session = lt.Session(watched.pipeline, stage_overrides=quick(stg_scale=1.0))
    first, second = session.extend("one"), session.extend("two")
    assert first.frames.dtype == np.uint8
    assert first.audio is not None
    assert first.audio.dtype == np.float32
    assert first.audio.std() > 1e-3
    assert first.frames.std() > 5
    assert second.frames.shape == (16, 64, 96, 3)
    assert session.finish().audio is not None


@pytest.mark.parametrize("dtype", [None, "float32", torch.float32, torch.float64])
def test_full_precision(tiny: Path, dtype: object) -> None:
    components = Watched(tiny, dtype=dtype, prepare=False).components
    expected = torch.float64 if dtype is torch.float64 else torch.float32
    assert components["vocoder"].dtype == expected
    assert str(components["vocoder"].device) == "cpu"


def test_a_file_of_the_result(watched: Watched, tmp_path: Path) -> None:
    result = watched.pipeline.generate(request())
    result.save(tmp_path / "segment.mp4")
    take = read_take(tmp_path / "segment.mp4")
    assert take.frames.shape == result.frames.shape
    assert take.fps == result.fps
    assert take.audio is not None
    assert result.audio is not None
    assert take.sample_rate == result.audio_sample_rate
    assert abs(take.audio.shape[1] / 24_000 - 25 / 24) < 1 / 24
    with pytest.raises(lt.OutputError):
        result.save(tmp_path / "gone" / "segment.mp4")


def test_a_closed_pipeline(tiny: Path) -> None:
    with lt.load(tiny, prepare=False) as pipeline:
        pass
    with pytest.raises(lt.PipelineClosedError):
        pipeline.generate(request())
