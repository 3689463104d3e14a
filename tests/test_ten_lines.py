"""A stage, a family and a blob store, each tested alone in ten lines and without weights."""

from __future__ import annotations

import longtake as lt
import numpy as np
import pytest


def test_a_stage_alone() -> None:
    class Shades:
        def __call__(self, job: lt.Job, run: lt.Run) -> list[float]:
            noise = run.random("shades")
            return [noise.random() for _ in run.steps(job.sampling.num_frames)]

    events: list[lt.Event] = []
    run = lt.Run(seed=7, stage="shades", listener=events.append)
    assert Shades()(lt.Job.example(num_frames=3), run) == Shades()(
        lt.Job.example(num_frames=3), run
    )
    assert events[:3] == [lt.Progress("shades", step, 3) for step in (1, 2, 3)]


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
