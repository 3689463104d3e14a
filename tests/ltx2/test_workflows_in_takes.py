"""Each workflow begins a take and goes on from one, or is refused there before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest

import longtake as lt
from longtake_ltx2.tiny.lora import write_tiny_lora
from tests.ltx2.inputs import tone
from tests.ltx2.support import Checkpoints, moving_frames
from tests.ltx2.watching import Watched

SIZE, REPEATED, COUNT = (128, 128), 9, 17
FRAMES = np.stack(moving_frames(COUNT, *SIZE))
ONWARDS = lt.Output(last=False, return_state=True)
SHORT = {"enhance": {"max_new_tokens": 4}}


def still(frame: int) -> lt.ImageInput:
    return lt.ImageInput.from_pixels(FRAMES[3], frame=frame)


def source(count: int, **said: Any) -> lt.SourceInput:
    rate = 16_000
    samples = np.zeros((2, rate * count // 24), np.float32)
    return lt.SourceInput.from_frames(FRAMES[:count], Fraction(24), samples, rate, **said)


def mask() -> lt.MaskInput:
    places = np.zeros((1, *SIZE), np.bool_)
    places[:, 100:, 20:60] = True
    return lt.MaskInput.from_places(places[0])


def voice() -> lt.VoiceInput:
    sound = tone(0.5)
    return lt.VoiceInput(sound.data)


REFERENCE = lt.ReferenceInput.from_frames(FRAMES[:, ::2, ::2].copy())


@attrs.frozen(kw_only=True)
class Workflow:
    """What a segment is made of: the first of a take, and one that goes on from it.

    ``first``, ``further``: inputs; ``refused``: the path and a part of what is said where it cannot
    go on from a state.
    """

    preset: str = "ltx2_tiny"
    first: lt.Inputs = attrs.field(factory=lt.Inputs)
    further: lt.Inputs | None = None
    refused: tuple[str, str] | None = None
    overrides: dict[str, Any] = attrs.field(factory=dict)
    enhance: bool = False

    def asked(
        self, inputs: lt.Inputs, state: lt.ContinuationState | None, output: lt.Output
    ) -> lt.GenerationRequest:
        height, width = SIZE
        denoise = {"denoise": {"stg_blocks": [1]}}
        return lt.GenerationRequest(
            "a lighthouse",
            inputs=inputs,
            sampling=lt.Sampling(
                height=height,
                width=width,
                num_frames=COUNT,
                num_inference_steps=2,
                enhance_prompt=self.enhance,
            ),
            stage_overrides={**denoise, **self.overrides},
            output=output,
            state=state,
        )


IMAGES = lt.Inputs((still(0), still(-1)))
BEHIND = lt.Inputs((still(-1),))
WHOLE = lt.Inputs(audio=tone(2.0))
FURTHER = lt.Inputs(audio=tone(2.0, start=0.34))
FOLLOWED = lt.Inputs(references=(REFERENCE,))
DUBBED = lt.Inputs(references=(REFERENCE,), voice=voice())
CLIP = lt.Inputs(clips=(lt.ClipInput.from_frames(FRAMES),))
LEADS_TO = lt.Inputs(source=source(1, frame=16))
RETAKE = source(COUNT, remake_from=0.2, remake_to=0.4)
BEFORE = "frames 0 to 8 are those of the segment before"
IN_THE_WAY = ("inputs.source.frame", BEFORE)

WORKFLOWS: dict[str, Workflow] = {
    "a prompt alone": Workflow(),
    "images": Workflow(first=IMAGES, further=BEHIND),
    "two stages": Workflow(preset="ltx2_two_stage", first=IMAGES, further=BEHIND),
    "guided two stages": Workflow(preset="ltx2_3_two_stage_guided"),
    "hq": Workflow(preset="ltx2_hq"),
    "keyframes": Workflow(preset="ltx2_3_keyframes", first=IMAGES, further=BEHIND),
    "a picture to a sound": Workflow(preset="ltx2_3_audio_to_video", first=WHOLE, further=FURTHER),
    "a sound to a picture": Workflow(
        preset="ltx2_3_video_to_audio", first=CLIP, refused=("inputs.clips[0].frame", BEFORE)
    ),
    "a video to follow": Workflow(preset="ltx2_reference", first=FOLLOWED),
    "a voice": Workflow(first=lt.Inputs(voice=voice())),
    "dubbing": Workflow(preset="ltx2_dub", first=DUBBED),
    "a retake": Workflow(first=lt.Inputs(source=RETAKE), refused=IN_THE_WAY),
    "a retake, inpainted": Workflow(
        first=lt.Inputs(source=source(COUNT, mask=mask())), refused=IN_THE_WAY
    ),
    "a retake, outpainted": Workflow(
        first=lt.Inputs(source=attrs.evolve(source(COUNT), pad_left=32)), refused=IN_THE_WAY
    ),
    "a retake, painted": Workflow(
        preset="ltx2_inpaint", first=lt.Inputs(source=source(COUNT, mask=mask()))
    ),
    "an extension": Workflow(first=lt.Inputs(source=source(9)), refused=IN_THE_WAY),
    "an extension backwards": Workflow(
        first=lt.Inputs(source=source(9, frame=-9)), further=LEADS_TO
    ),
    "slots": Workflow(overrides={"prepare": {"keyframe_slots": 1}}),
    "a longer prompt": Workflow(enhance=True, overrides=SHORT),
}
"""Of the documentation's table. ``further`` is as ``first`` where nothing else is said."""

Watching = Callable[[str], Watched]


@pytest.fixture(scope="module")
def watching(
    checkpoints: Checkpoints, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watching]:
    """Pipelines of 2.5 by preset, each loaded once."""
    path, loaded = checkpoints.path("2.5"), {}
    said = {"reference_downscale_factor": "2"}
    lora = tmp_path_factory.mktemp("lora") / "lora.safetensors"
    write_tiny_lora(lora, path, metadata=said)

    def of(preset: str) -> Watched:
        if preset not in loaded:
            follows = {"lora_path": str(lora)} if preset in ("ltx2_reference", "ltx2_dub") else {}
            writes = {"prompt_enhancer_path": str(path / "text_encoder")}
            loaded[preset] = Watched(path, preset=preset, **follows, **writes)
        return loaded[preset]

    yield of
    for watched in loaded.values():
        watched.pipeline.close()


@pytest.fixture(scope="module")
def before(watching: Watching) -> lt.ContinuationState:
    """Of a plain first segment."""
    state = generated(watching, Workflow(), lt.Inputs(), None).state
    assert state is not None
    return state


def generated(
    watching: Watching,
    workflow: Workflow,
    inputs: lt.Inputs,
    state: lt.ContinuationState | None,
    output: lt.Output = ONWARDS,
) -> lt.GenerationResult:
    return watching(workflow.preset).pipeline.generate(workflow.asked(inputs, state, output))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_plain_segment_goes_on_from_it(watching: Watching, name: str) -> None:
    workflow = WORKFLOWS[name]
    first = generated(watching, workflow, workflow.first, None)
    assert len(first.frames) == COUNT
    assert first.state is not None
    then = generated(watching, Workflow(), lt.Inputs(), first.state, lt.Output(last=True))
    assert len(then.frames) == COUNT - REPEATED
    assert then.audio is not None
    assert then.audio.any()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_it_goes_on_from_a_plain_segment_or_is_refused(
    watching: Watching, before: lt.ContinuationState, name: str
) -> None:
    workflow = WORKFLOWS[name]
    if workflow.refused is None:
        further = workflow.first if workflow.further is None else workflow.further
        then = generated(watching, workflow, further, before)
        assert len(then.frames) == COUNT - REPEATED
        assert then.state is not None
        assert then.job is not None
        assert then.job.segment_index == 1
        return
    path, reason = workflow.refused
    watched = watching(workflow.preset)
    with watched.counted() as ran, pytest.raises(lt.ValidationError, match=reason) as refused:
        watched.pipeline.generate(workflow.asked(workflow.first, before, ONWARDS))
    assert refused.value.path == path
    assert not ran
