"""One table of what is held against a reference, and Longtake's side of it.

A case is a checkpoint, a recipe, what the segment is conditioned on, its guidance, and the
numerics to follow; what the reference gives for it is up to the tests.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import torch

import longtake as lt
from longtake_ltx2.loading.model import load as load_networks
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.tiny import Generation
from longtake_ltx2.tiny.lora import write_tiny_lora
from longtake_ltx2.values import CleanLatents, Geometry
from tests.ltx2.parity_conditions import CONDITIONS, Conditions
from tests.ltx2.support import (
    ALL_GUIDANCE,
    NO_GUIDANCE,
    SOUND_FOLLOWS,
    Checkpoints,
    Size,
    family,
    relative_error,
)

VIDEO_TOLERANCE = 2e-6
AUDIO_TOLERANCE = 5e-6
PROMPT, NEGATIVE = "a lighthouse in the fog", "blurry, quiet"
SEED, STEPS, FPS = 7, 3, 24

Recipe = Literal[
    "base",
    "distilled",
    "eight steps",
    "two stages",
    "guided two stages",
    "hq",
    "reference",
    "keyframes",
    "dub",
    "audio to video",
    "video to audio",
    "inpaint",
]
NumericsName = Literal["official", "diffusers"]

GENERATIONS: tuple[Generation, ...] = ("2.0", "2.3", "2.5")
PRESETS = {
    "base": "ltx2_tiny",
    "distilled": "ltx2_distilled",
    "eight steps": "ltx2_distilled",
    "two stages": "ltx2_two_stage",
    "guided two stages": "ltx2_3_two_stage_guided",
    "hq": "ltx2_hq",
    "reference": "ltx2_reference",
    "keyframes": "ltx2_3_keyframes",
    "dub": "ltx2_dub",
    "audio to video": "ltx2_3_audio_to_video",
    "video to audio": "ltx2_3_video_to_audio",
    "inpaint": "ltx2_inpaint",
}
TWICE = (
    *("two stages", "guided two stages", "hq", "reference", "keyframes"),
    *("dub", "audio to video", "inpaint"),
)
"""Recipes of two passes."""
FOLLOWING = ("reference", "dub")
"""Recipes that follow a video, which the LoRA was trained for."""
STRENGTHS = {
    "reference": (1.0, 0.0),
    "dub": (1.0, 1.0),
    "inpaint": (1.0, 1.0),
    "guided two stages": (0.0, 1.0),
    "hq": (0.25, 0.5),
    "keyframes": (0.0, 1.0),
    "audio to video": (0.0, 1.0),
}
"""How strongly recipes have the LoRA on in their two passes."""
MASK_GROWTH = 6
"""Pixels, of recipes that paint."""
GUIDANCE: dict[str, dict[str, Any]] = {
    "off": NO_GUIDANCE,
    "cfg": {**NO_GUIDANCE, "guidance_scale": 3.0, "audio_guidance_scale": 7.0},
    "all": ALL_GUIDANCE,
    "sound follows": {**ALL_GUIDANCE, **SOUND_FOLLOWS},
    "zero is zero": {
        **ALL_GUIDANCE,
        "audio_guidance_scale": 0.0,
        "audio_stg_scale": 0.0,
        "audio_modality_scale": 0.0,
        "audio_guidance_rescale": 0.0,
    },
    "sound only": {
        **NO_GUIDANCE,
        "audio_guidance_scale": 3.0,
        "audio_stg_scale": 1.0,
        "audio_modality_scale": 2.0,
    },
    "below neutral": {
        **NO_GUIDANCE,
        **SOUND_FOLLOWS,
        "guidance_scale": 0.5,
        "stg_scale": -0.5,
        "modality_scale": 0.5,
    },
}


@attrs.frozen
class Case:
    """One row of the table."""

    numerics: NumericsName
    generation: Generation
    size: Size
    recipe: Recipe
    conditions: str
    guidance: str

    def __str__(self) -> str:
        parts = (self.size, self.generation, self.recipe, self.conditions, self.guidance)
        return "-".join(parts).replace(" ", "_")

    @property
    def pixels(self) -> tuple[int, int, int]:
        """Height, width and frames."""
        if self.recipe in FOLLOWING:
            return (128, 256, 33)
        return (128, 192, 17) if self.recipe in TWICE else (64, 96, 25)

    @property
    def steps(self) -> int:
        """Of the first pass."""
        return 8 if self.recipe == "eight steps" else STEPS

    @property
    def refine_steps(self) -> int:
        """Of the second pass, where there is one."""
        return 3 if self.guidance == "off" and self.recipe != "inpaint" else 2

    @property
    def network_dtype(self) -> torch.dtype:
        """What the transformer computes in, on both sides.

        In the two rows that amplify what fp32 rounds, so that it takes the reference itself 6.0e-6
        away from its own formulas in fp64, it is fp64: there Longtake in fp32 is 2.0e-6 to 6.5e-6
        away, as processors round, and the tolerance is 5e-6.
        """
        amplifies = "retake of the sound", "video, half seen"
        wide = self.generation == "2.3" and self.guidance == "all" and self.conditions in amplifies
        return torch.float64 if wide else torch.float32

    def conditioned_on(self) -> Conditions:
        """What the segment is conditioned on."""
        return CONDITIONS[self.conditions]


def _rows(
    numerics: NumericsName,
    *,
    recipes: Sequence[Recipe],
    conditions: Iterable[str],
    guidance: Sequence[str],
    generations: Sequence[Generation] = GENERATIONS,
    size: Size = "tiny",
) -> Iterator[Case]:
    rows = product(generations, recipes, conditions, guidance)
    for generation, recipe, condition, scales in rows:
        yield Case(numerics, generation, size, recipe, condition, scales)


def _all_rows(numerics: NumericsName) -> Iterator[Case]:
    rows = functools.partial(_rows, numerics)
    made = [name for name, on in CONDITIONS.items() if on.source is not None or on.slots]
    known = [name for name, on in CONDITIONS.items() if numerics in on.numerics and not on.follows]
    spoken = [name for name in known if CONDITIONS[name].spoken is not None]
    known = [name for name in known if name not in (*made, *spoken)]
    short = [name for name in known if CONDITIONS[name].fits_17_frames]
    some = ["nothing", "prefix", "two keyframes"]
    yield from rows(recipes=["base"], conditions=known, guidance=["off"])
    yield from rows(recipes=["base"], conditions=["nothing", "prefix"], guidance=["cfg", "all"])
    partly = [name for name in known if "partly" in name]
    yield from rows(recipes=["base"], conditions=partly, guidance=["all"], generations=["2.3"])
    yield from rows(recipes=["distilled", "two stages"], conditions=some, guidance=["off"])
    yield from rows(recipes=["two stages"], conditions=short, guidance=["off"], generations=["2.3"])
    yield from rows(
        recipes=["eight steps"], conditions=["prefix"], guidance=["off"], generations=["2.3", "2.5"]
    )
    yield from rows(recipes=["two stages"], conditions=["prefix"], guidance=["all"])
    larger = functools.partial(rows, size="larger", conditions=["two keyframes"], guidance=["all"])
    yield from larger(recipes=["base"])
    yield from larger(recipes=["two stages"], generations=["2.3"])
    if numerics == "official":
        others = [name for name in GUIDANCE if name not in ("off", "cfg", "all")]
        yield from rows(recipes=["base"], conditions=["nothing"], guidance=others)
        whole = ["sound of its own", "all pictures"]
        yield from rows(recipes=["base"], conditions=whole, guidance=["all"])
        yield from rows(recipes=["two stages"], conditions=whole[:1], guidance=["off"])
        yield from rows(recipes=["audio to video"], conditions=whole[:1], guidance=["all"])
        yield from rows(
            recipes=["video to audio"], conditions=whole[1:], guidance=["all"], generations=["2.3"]
        )
        guided = ["nothing", "prefix and images", "take, partly kept"]
        yield from rows(recipes=["guided two stages"], conditions=guided, guidance=["all"])
        yield from rows(recipes=["guided two stages"], conditions=whole[:1], guidance=["all"])
        second_order = ["nothing", "prefix and images", "take, partly kept", *whole[:1]]
        yield from rows(recipes=["hq"], conditions=second_order[1:2], guidance=["all"])
        yield from rows(
            recipes=["base"], conditions=spoken, guidance=["off", "all"], generations=["2.3"]
        )
        yield from rows(recipes=["base"], conditions=spoken[:1], guidance=["off"])
        yield from rows(
            recipes=["two stages"], conditions=spoken[:1], guidance=["off"], generations=["2.3"]
        )
        speaking = [name for name, on in CONDITIONS.items() if on.follows and on.spoken]
        yield from rows(recipes=["dub"], conditions=speaking, guidance=["off"])
        videos = [name for name, on in CONDITIONS.items() if on.follows and not on.spoken]
        follow = functools.partial(rows, recipes=["reference"], guidance=["off"])
        yield from follow(conditions=videos, generations=["2.3"])
        yield from follow(conditions=["slow video, masked", "take and video"])
        yield from rows(
            recipes=["base"], conditions=videos[1:2], guidance=["all"], generations=["2.3"]
        )
        yield from rows(
            recipes=["hq"], conditions=second_order, guidance=["cfg"], generations=["2.3"]
        )
        between = ["three keyframes", "prefix and images", "take, partly kept"]
        yield from rows(recipes=["keyframes"], conditions=between, guidance=["all"])
        first = ["first image", "clip first", "images, partly kept", "retake of short ones"]
        yield from rows(
            recipes=["keyframes"], conditions=first, guidance=["off"], generations=["2.3"]
        )
        beside = [name for name, on in CONDITIONS.items() if on.slots]
        slots = functools.partial(rows, conditions=beside, generations=["2.5"])
        yield from slots(recipes=["base"], guidance=["off", "all"])
        yield from slots(recipes=["eight steps", "two stages"], guidance=["off"])
        yield from slots(recipes=["guided two stages"], guidance=["all"])
        yield from slots(recipes=["hq"], guidance=["cfg"])
        fits = [name for name in made if CONDITIONS[name].source_fits(25)]
        eight, four = ["retake", "retake of the picture"], ["retake", "extended backwards"]
        yield from rows(recipes=["base"], conditions=fits, guidance=["off"], generations=["2.3"])
        yield from rows(recipes=["base"], conditions=four, guidance=["all"])
        places = ["inpainted", "inpainted, partly kept"]
        yield from rows(recipes=["base"], conditions=places, guidance=["off"])
        yield from rows(recipes=["base"], conditions=places[1:], guidance=["all"])
        yield from rows(recipes=["eight steps"], conditions=places[1:], guidance=["off"])
        one = ["retake of the picture", "retake of the sound"]
        yield from rows(recipes=["base"], conditions=one, guidance=["cfg"])
        yield from rows(recipes=["base"], conditions=one, guidance=["all"])
        yield from rows(recipes=["eight steps"], conditions=eight, guidance=["off"])
        short = ["retake of short ones", "extended", "extended backwards"]
        short += ["inpainted short one", "outpainted short one"]
        yield from rows(
            recipes=["two stages"], conditions=short, guidance=["off"], generations=["2.3"]
        )
        yield from rows(recipes=["guided two stages"], conditions=short[:1], guidance=["all"])
        yield from rows(recipes=["guided two stages"], conditions=short[3:4], guidance=["all"])
        paint = functools.partial(rows, recipes=["inpaint"], guidance=["off"])
        yield from paint(conditions=[*short[3:], "take, inpainted"])
        yield from paint(conditions=["inpainted short one for a time"], generations=["2.3"])


CASES = tuple(dict.fromkeys([*_all_rows("official"), *_all_rows("diffusers")]))
"""Every case once."""


class UndecodedProbe:
    """A last stage instead of the decoders: keeps the latents, and makes black frames."""

    def __init__(self) -> None:
        self.latents: CleanLatents

    def __call__(self, latents: CleanLatents, geometry: Geometry, job: lt.Job) -> lt.Frames:
        self.latents = latents
        size = (job.sampling.height, job.sampling.width, 3)
        return lt.Frames(np.zeros((geometry.clock.new_frames, *size), np.uint8))


def lora_of(path: Path, case: Case) -> Path | None:
    """A LoRA for the checkpoint at ``path`` that says how the videos to follow are scaled.

    None where the recipe has none; nothing then says how videos are scaled.
    """
    if case.recipe not in STRENGTHS:
        return None
    space, time = case.conditioned_on().scales
    file = path.parent / f"{path.name}-lora-{space}-{time}.safetensors"
    said = {"reference_downscale_factor": space, "reference_temporal_scale_factor": time}
    if not file.exists():
        write_tiny_lora(file, path, metadata={name: str(value) for name, value in said.items()})
    return file


@functools.cache
def _networks(path: Path, numerics: NumericsName, lora: Path | None = None) -> lt.LoadedModel:
    # The references compute the transformer as diffusers does; what the exact forward rounds
    # otherwise is held against that in test_forward.
    lora_path = None if lora is None else str(lora)
    options = LTX2T2VConfig(numerics=numerics, forward="plain", lora_path=lora_path)
    return load_networks(lt.ModelSource(path=path, device="cpu", dtype="float32", options=options))


_MAKE_LATENTS = ("denoise", "refine", "first_sound")
"""Stages."""


@functools.cache
def _pipeline(
    path: Path, preset_name: str, numerics: NumericsName, lora: Path | None = None
) -> tuple[lt.Pipeline, UndecodedProbe]:
    probe, declared = UndecodedProbe(), family()
    recipe = declared.recipe(declared.preset(preset_name))
    last = max(i for i, spec in enumerate(recipe) if spec.name in _MAKE_LATENTS)
    behind = next((spec for spec in recipe if spec.name == "blend"), lt.StageSpec("probe", probe))
    preset = declared.preset(preset_name).evolve(
        stages=(*recipe[: last + 1], behind.evolve(stage=probe)),
        overrides={},
    )

    def loaded(_: lt.ModelSource) -> lt.LoadedModel:
        return _networks(path, numerics, lora)

    probed = declared.evolve(presets=(preset,), load=loaded)
    return lt.load(path, family=probed, preset=preset_name), probe


def request(checkpoints: Checkpoints, case: Case) -> lt.GenerationRequest:
    """A case as it is asked of Longtake."""
    path = checkpoints.path(case.generation, case.size)
    height, width, frames = case.pixels
    on = case.conditioned_on()
    overrides: dict[str, dict[str, Any]] = {
        "denoise": {**GUIDANCE[case.guidance], "stg_blocks": [1]},
        "prepare": {"image_crf": on.image_crf, "keyframe_slot_frames": on.slots},
    }
    if case.recipe in TWICE:
        overrides["refine"] = {"num_inference_steps": case.refine_steps}
    if case.recipe == "inpaint":
        overrides["blend"] = {"mask_growth": MASK_GROWTH}
    return lt.GenerationRequest(
        PROMPT,
        negative_prompt=NEGATIVE,
        inputs=on.inputs(height, width),
        sampling=lt.Sampling(
            seed=SEED,
            height=height,
            width=width,
            num_frames=frames,
            fps=FPS,
            num_inference_steps=case.steps,
        ),
        stage_overrides=overrides,
        state=on.state(_networks(path, case.numerics).components, height, width),
    )


def latents(checkpoints: Checkpoints, case: Case) -> tuple[CleanLatents, int]:
    """What Longtake makes of a case, and the seed of the segment."""
    path = checkpoints.path(case.generation, case.size)
    pipeline, probe = _pipeline(path, PRESETS[case.recipe], case.numerics, lora_of(path, case))
    is_wide = case.network_dtype != torch.float32
    if is_wide:
        with pipeline.components() as components:
            components["transformer"].to(case.network_dtype)
    result = pipeline.generate(request(checkpoints, case))
    if is_wide:  # no other case may get it
        _networks.cache_clear()
        _pipeline.cache_clear()
    assert result.job is not None
    return probe.latents, result.job.segment_seed


def check(
    record: Any, case: Case, expected: tuple[torch.Tensor, torch.Tensor], actual: CleanLatents
) -> None:
    """Both relative errors are below their bounds; the figures go to the end of the test run."""
    errors = {
        "video": relative_error(expected[0], actual.video),
        "audio": relative_error(expected[1], actual.audio),
    }
    for stream, error in errors.items():
        record(f"worst relative error, {case.numerics}, {stream}", error)
    assert errors["video"] < VIDEO_TOLERANCE
    assert errors["audio"] < AUDIO_TOLERANCE
