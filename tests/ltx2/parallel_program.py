"""What the tests run on one process and on several: takes whose latents are kept.

``python -m tests.ltx2.parallel_program TAKE CHECKPOINT STATE TARGET`` rolls a segment, and the one
that goes on from STATE; it writes their latents, and how often the text encoder ran, to the .npz
file TARGET. Every other rank writes how often it ran there to TARGET.rank1 and so on.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.nn.modules.module import register_module_forward_pre_hook
from transformers import PreTrainedModel

import longtake as lt
from tests.ltx2.support import ALL_GUIDANCE, NO_GUIDANCE, LatentProbe, family, moving_frames

SIZE: dict[str, Any] = {"height": 64, "width": 320, "num_frames": 17}
"""60 tokens; 15 in the first of two passes."""

AFTERWARDS = ("decode_video", "remember")

Arrays = dict[str, Any]
Override = dict[str, dict[str, Any]]


class Take:
    """A pipeline that is looked into: the latents of every pass, the runs of the text encoder."""

    def __init__(self, pipeline: lt.Pipeline, probe: LatentProbe) -> None:
        self.pipeline = pipeline
        self._probe = probe
        self._encoded = 0
        with pipeline.components() as components:
            components["text_encoders"][0].register_forward_pre_hook(self._count)

    def _count(self, module: Any, args: Any) -> None:
        self._encoded += 1

    def roll(self, prompt: str, overrides: Override | None = None, **fields: Any) -> None:
        self.pipeline.generate(
            lt.GenerationRequest(prompt, stage_overrides=overrides or {}, **fields)
        )

    def arrays(self) -> Arrays:
        found: Arrays = {"encoded": np.array(self._encoded)}
        for index, clean in enumerate(self._probe.clean):
            found[f"video of pass {index}"] = clean.video.cpu().numpy()
            found[f"audio of pass {index}"] = clean.audio.cpu().numpy()
        return found


@contextmanager
def opened(checkpoint: Path, preset: str, **options: Any) -> Iterator[Take]:
    """``preset`` up to the sound, with a probe after each pass; nobody looks at the picture."""
    probe, declared = LatentProbe(), family()
    recipe: list[Any] = []
    for spec in declared.recipe(declared.preset(preset)):
        if spec.name in AFTERWARDS:
            continue
        recipe.append(spec)
        if str(spec.stage).endswith("LTX2DenoisingStage"):
            recipe.append(lt.StageSpec("probe", probe))
    changed = declared.preset(preset).evolve(stages=tuple(recipe), overrides={})
    probed = declared.evolve(presets=(changed,))
    with lt.load(checkpoint, family=probed, preset=preset, **options) as pipeline:
        yield Take(pipeline, probe)


def steps(count: int, **guidance: Any) -> Override:
    return {"denoise": {**NO_GUIDANCE, "num_inference_steps": count, **guidance}}


def plain(checkpoint: Path, state: lt.ContinuationState) -> Arrays:
    """A segment, a run that is cancelled, and the segment after ``state``."""
    with opened(checkpoint, "ltx2_tiny") as take:
        take.roll("a bell", steps(3), sampling=lt.Sampling(**SIZE, seed=3))
        cancel_in_the_loop(take.pipeline)
        take.roll("a bell", steps(3), state=state)
        return take.arrays()


def cancel_in_the_loop(pipeline: lt.Pipeline) -> None:
    """Stop a run between two steps of its denoising loop, of which previews are shown."""
    cancel, previews = threading.Event(), 0
    overrides = steps(4, preview_every=1)
    request = lt.GenerationRequest(
        "a bell", sampling=lt.Sampling(**SIZE), stage_overrides=overrides
    )
    try:
        for event in pipeline.stream(request, cancel=cancel.is_set):
            previews += isinstance(event, lt.Preview)
            if isinstance(event, lt.Progress) and (event.stage, event.step) == ("denoise", 1):
                cancel.set()
    except lt.Cancelled:
        assert previews == 1
        return
    raise AssertionError("the run was not cancelled")


def guided(checkpoint: Path, state: lt.ContinuationState) -> Arrays:
    """Every guidance term, a picture in the middle of the segment; then the one after ``state``."""
    with opened(checkpoint, "ltx2_tiny") as take:
        everything = steps(2, **ALL_GUIDANCE)
        (picture,) = moving_frames(1, SIZE["height"], SIZE["width"])
        png = io.BytesIO()
        Image.fromarray(picture).save(png, "PNG")
        take.roll(
            "a bell",
            everything,
            sampling=lt.Sampling(**SIZE, seed=3),
            inputs=lt.Inputs(images=(lt.ImageInput(png.getvalue(), frame=8, strength=0.8),)),
        )
        take.roll("a bell", everything, state=state)
        return take.arrays()


def two_stage(checkpoint: Path, state: lt.ContinuationState) -> Arrays:
    """A refined segment, and the refined one after ``state``; a LoRA is on in second passes."""
    lora = str(checkpoint / "refine.safetensors")
    with opened(checkpoint, "ltx2_two_stage", lora_path=lora) as take:
        few = {"denoise": {"num_inference_steps": 2}}
        take.roll("a bell", few, sampling=lt.Sampling(**SIZE, seed=3))
        take.roll("a bell", few, state=state, sampling=lt.Sampling(num_frames=17))
        return take.arrays()


TAKES: dict[str, Callable[[Path, lt.ContinuationState], Arrays]] = {
    "plain": plain,
    "guided": guided,
    "two_stage": two_stage,
}


def main(name: str, checkpoint: str, state: str, target: str) -> None:
    given = lt.ContinuationState.from_json(Path(state).read_bytes())
    runs = [0]
    handle = register_module_forward_pre_hook(partial(_count_text_encoder, runs))
    try:
        np.savez(target, **TAKES[name](Path(checkpoint), given))
    except SystemExit:  # what every rank but 0 ends with
        Path(f"{target}.rank{os.environ['RANK']}").write_text(str(runs[0]))
        raise
    finally:
        handle.remove()


def _count_text_encoder(runs: list[int], module: Any, args: Any) -> None:
    runs[0] += isinstance(module, PreTrainedModel)


if __name__ == "__main__":
    main(*sys.argv[1:])
