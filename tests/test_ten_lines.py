"""A stage, a family and a blob store, each tested alone in ten lines and without weights."""

from __future__ import annotations

import numpy as np
import pytest

import longtake as lt


def test_a_stage_alone() -> None:
    class Hiss:
        def __call__(self, job: lt.Job, run: lt.Run) -> lt.Waveform:
            noise = run.random("hiss")
            samples = [noise.random() for _ in run.steps(job.sampling.num_frames)]
            return lt.Waveform(np.array([samples], np.float32), sample_rate=24)

    events: list[lt.Event] = []
    sound = Hiss()(lt.Job.example(num_frames=3), lt.Run(stage="hiss", listener=events.append))
    assert sound.samples.shape == (1, 3)
    assert events == [lt.Progress("hiss", step, 3) for step in (1, 2, 3)]


def test_a_family_alone() -> None:
    def grey(job: lt.Job) -> lt.Frames:
        return lt.Frames(np.full((job.sampling.num_frames, 8, 12, 3), 128, np.uint8))

    size = {"seed": 0, "height": 8, "width": 12, "num_frames": 3, "fps": 24}
    with lt.load(family=lt.ModelFamily("grey", (grey,), defaults=size)) as pipeline:
        result = pipeline.generate(lt.GenerationRequest("fog", sampling=lt.Sampling(num_frames=5)))
    assert result.frames.shape == (5, 8, 12, 3)
    assert result.job is not None and result.job.sampling.seed == 0


def test_a_blob_store_alone() -> None:
    store = lt.open_blob_store("memory:")
    blob_id = store.put(b"fog", mime="text/plain")
    assert blob_id in store
    assert store.get(blob_id) == b"fog"
    store.drop(blob_id)
    with pytest.raises(lt.BlobNotFound):
        store.get(blob_id)
