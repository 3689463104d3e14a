"""``numerics="official"`` beside Lightricks' own packages, from a checkout of theirs.

    python -m tests.ltx2.official_packages PATH [PART OF A CASE'S NAME]

PATH holds ``packages/ltx-core/src`` and ``packages/ltx-pipelines/src``
(https://github.com/Lightricks/LTX-2). Their packages have a licence of their own and are no
dependency: nothing here runs without them.

What is compared, on tiny random checkpoints, is whole segments of the parity table: the latents
of Longtake, and those of ltx-core's ``LTXModel`` with the same weights, in fp64, behind its
``LTX2Scheduler`` (or the distilled tables), ``VideoLatentTools`` and ``AudioLatentTools``,
conditioning items by latent and by keyframe index and by time, ``GaussianNoiser``,
``MultiModalGuider`` with ``BatchedPerturbationConfig``, and ``EulerDiffusionStep`` or
``EulerAncestralDiffusionStep``.
References are ltx-core's items, with ltx-pipelines' own mask and choice of frames; voices are, too,
where Dub-It has them. HQ takes ltx-pipelines' own second-order loop; between the others are the
few lines of its denoisers and samplers that call them: that package needs more to be imported than
it computes. The text encoder, the connectors, the VAE's encoder and the upsampler are diffusers' on
both sides. Where a take's sound lies in time, and how much of it is known, is Longtake's own, and
all that follows from it ltx-core's.

Prompts are rewritten by ltx-core's encoder with the same Gemma. Every row of the table is run.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import torch

from longtake_ltx2.latents import audio_from_tokens, video_from_tokens
from longtake_ltx2.noise import noise_generator
from tests.ltx2.official_loop import added, in_dtype, text_of
from tests.ltx2.official_network import official_transformer
from tests.ltx2.official_prompts import prompts_compared
from tests.ltx2.official_reference import (
    Asked,
    Followed,
    Frames,
    Scales,
    audio_bounds,
    grid,
    networks,
)
from tests.ltx2.official_region import Begun, begun_audio, begun_video, noised
from tests.ltx2.official_samplers import official_references, official_samplers, result
from tests.ltx2.official_speech import taken_sound, voice_item
from tests.ltx2.official_tokens import covering, encoded, encoded_sound, upsampled
from tests.ltx2.parity import CASES, VIDEO_TOLERANCE, Case, latents
from tests.ltx2.support import Checkpoints, relative_error
from tests.ltx2.test_official_numerics import as_tokens, asked

AUDIO_TOLERANCE = 1e-5
"""Twice the table's, as the network here computes in fp64. Where a guidance of 7 multiplies what is
rounded, fp32 takes the formulas that are written out for the table up to 9.6e-6 away from what they
give in fp64 (HQ, 2.3), and those are within 2.0e-6 of ltx-core's."""

Size = tuple[int, int, int]


@attrs.frozen
class Official:
    """ltx-core's parts for one checkpoint.

    Its network computes in fp64: in fp32 it is nearly as far from that as Longtake, where guidance
    multiplies what is rounded.
    """

    path: Path
    checkout: Path
    model: Any
    pipe: Any
    keyframes: list[torch.Tensor] = attrs.field(factory=list)

    @classmethod
    def of(cls, path: Path, checkout: Path) -> Official:
        pipe = networks(path)
        return cls(path, checkout, official_transformer(pipe.transformer).double(), pipe)

    def denoised(self, wanted: Asked, case: Case) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens ``[1, T, C]`` of picture and sound."""
        noisers = import_module("ltx_core.components.noisers")
        noiser = noisers.GaussianNoiser(noise_generator(wanted.seed))
        height, width, frames = size = wanted.size
        scales = (wanted.video, wanted.audio)
        levels = self._levels(wanted, case)
        if wanted.refine is None:
            return self._pass(wanted, size, levels, scales, noiser)
        half = (height // 2, width // 2, frames)
        first, second = (self._with_lora(wanted, strength) for strength in wanted.strengths)
        video, audio = first._pass(wanted, half, levels, scales, noiser)
        mel_bins = self.pipe.audio_vae.config.mel_bins // 4
        before = (
            video_from_tokens(
                upsampled(self.pipe, video, half), (frames - 1) // 8 + 1, height // 32, width // 32
            ),
            audio_from_tokens(audio, mel_bins),
        )
        refine = torch.tensor(wanted.refine)
        refined = second._pass(wanted, size, refine, (Scales(), Scales()), noiser, before)
        return (refined[0], audio) if wanted.first_sound else refined

    def _with_lora(self, wanted: Asked, strength: float) -> Official:
        if wanted.lora is None or strength == 0:
            return self
        network = self.pipe.transformer
        with in_dtype(network, torch.float64), added(network, wanted.lora, strength):
            return attrs.evolve(self, model=official_transformer(network))

    def _levels(self, wanted: Asked, case: Case) -> torch.Tensor:
        given = ("audio to video", "video to audio")
        if case.recipe not in ("base", "guided two stages", "hq", "keyframes", *given):
            return torch.tensor(wanted.levels)
        scheduler = import_module("ltx_core.components.schedulers").LTX2Scheduler()
        counted = None
        if case.recipe == "hq":
            height, width, frames = wanted.size
            counted = torch.empty(1, 1, (frames - 1) // 8 + 1, height // 64, width // 64)
        levels: torch.Tensor = scheduler.execute(steps=case.steps, latent=counted)
        return levels

    def _pass(
        self,
        wanted: Asked,
        size: Size,
        levels: torch.Tensor,
        scales: tuple[Scales, Scales],
        noiser: Any,
        before: tuple[torch.Tensor | None, torch.Tensor | None] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        is_first = before is None
        where = grid(wanted.size[2], wanted.carried)
        tools = self._tools(size, where.length)
        items = [self._item(frames, size) for frames in wanted.frames]
        if is_first or wanted.dubs:
            items += [self._followed(each, size) for each in wanted.followed]
        items += self._slots(wanted) if is_first else []
        states = []
        scale = 1.0 if is_first else float(levels[0])
        before = before or (None, None)
        heard = taken_sound(wanted, where)
        heard += voice_item(self.pipe, self.checkout, wanted, where, before[1])
        begun = (
            begun_video(self.pipe, wanted, size, before[0]),
            begun_audio(self.pipe, wanted, where, before[1])
            if is_first or not wanted.dubs
            else Begun(before[1], frozen=True),
        )
        for tool, start, further in zip(tools, begun, (items, heard), strict=True):
            state = tool.create_initial_state("cpu", torch.float32, start.initial)
            if tool is tools[1]:
                state = dataclasses.replace(state, positions=audio_bounds(where))
            for item in (*start.items, *further):
                state = item.apply_to(state, tool)
            if tool is tools[0]:
                state.positions[:, 0] += float(where.offset)
            states.append(noised(noiser, state, scale, start))
        states[1] = self._heard(states[1], wanted)
        own = [t.patchifier.get_token_count(t.target_shape) for t in tools]
        if wanted.second_order:
            states = self._second_order(states, levels, scales, wanted)
            self._remember(tools[0].extract_generated_keyframes(states[0]))
            return states[0].latent[:, : own[0]], states[1].latent[:, : own[1]]
        onwards = _stepper(wanted, fresh_noise=wanted.renoised and is_first)
        for step, _ in enumerate(itertools.pairwise(levels)):
            x0s = self._guided(states, levels[step], scales, wanted)
            for index, (state, x0) in enumerate(zip(states, x0s, strict=True)):
                latent = onwards(state, _kept(x0, state), levels, step)
                states[index] = dataclasses.replace(state, latent=latent)
        self._remember(tools[0].extract_generated_keyframes(states[0]))
        return states[0].latent[:, : own[0]], states[1].latent[:, : own[1]]

    def _slots(self, wanted: Asked) -> list[Any]:
        if not wanted.slots:
            return []
        conditioning = import_module("ltx_core.conditioning")
        return [conditioning.VideoGeneratedKeyframeSlots(wanted.slots)]

    def _remember(self, keyframes: torch.Tensor | None) -> None:
        if keyframes is not None:
            self.keyframes.append(keyframes)

    def _second_order(
        self,
        states: list[Any],
        levels: torch.Tensor,
        scales: tuple[Scales, Scales],
        wanted: Asked,
    ) -> list[Any]:
        """ltx-pipelines' own loop, as its HQ pipeline calls it."""

        def denoiser(
            transformer: Any, video_state: Any, audio_state: Any, sigmas: Any, step_index: int
        ) -> tuple[Any, Any]:
            both = [video_state, audio_state]
            video, audio = self._guided(both, sigmas[step_index], scales, wanted)
            return result(video), result(audio)

        steps = import_module("ltx_core.components.diffusion_steps")
        made = official_samplers(self.checkout).res2s_audio_video_denoising_loop(
            sigmas=levels,
            video_state=states[0],
            audio_state=states[1],
            stepper=steps.Res2sDiffusionStep(),
            transformer=None,
            denoiser=denoiser,
            model_dtype=torch.float32,
        )
        return list(made)

    def _heard(self, state: Any, wanted: Asked) -> Any:
        """The sound's state, kept whole where it is given: what A2V's noise scale of 0 leaves."""
        if wanted.sound is None:
            return state
        given = encoded_sound(self.pipe, wanted.sound)[:, : state.latent.shape[1]]
        mask = torch.zeros_like(state.denoise_mask)
        return dataclasses.replace(state, latent=given, clean_latent=given, denoise_mask=mask)

    def _tools(self, size: Size, audio_length: int) -> tuple[Any, Any]:
        tools, types = import_module("ltx_core.tools"), import_module("ltx_core.types")
        patchifiers = import_module("ltx_core.components.patchifiers")
        height, width, frames = size
        pixels = types.VideoPixelShape(batch=1, frames=frames, height=height, width=width, fps=24.0)
        config = self.pipe.audio_vae.config
        video = types.VideoLatentShape.from_pixel_shape(
            pixels, latent_channels=self.pipe.transformer.config.in_channels
        )
        audio = types.AudioLatentShape.from_video_pixel_shape(
            pixels, channels=config.latent_channels, mel_bins=config.mel_bins // 4
        )._replace(frames=audio_length)
        return (
            tools.VideoLatentTools(patchifiers.VideoLatentPatchifier(patch_size=1), video, 24.0),
            tools.AudioLatentTools(patchifiers.AudioPatchifier(patch_size=1), audio),
        )

    def _item(self, frames: Any, size: Size) -> Any:
        conditioning = import_module("ltx_core.conditioning")
        count = len(frames.pixels)
        tokens = encoded(self.pipe, frames, size)
        latent = video_from_tokens(tokens, (count - 1) // 8 + 1, size[0] // 32, size[1] // 32)
        if not frames.appended:
            return conditioning.VideoConditionByLatentIndex(latent, frames.strength, 0)
        return conditioning.VideoConditionByKeyframeIndex(
            latent, frames.first, frames.strength, num_pixel_frames=count
        )

    def _followed(self, video: Followed, size: Size) -> Any:
        conditioning = import_module("ltx_core.conditioning")
        helpers = official_references(self.checkout)
        small = (size[0] // video.space, size[1] // video.space, size[2])
        pixels = torch.tensor(video.pixels).permute(3, 0, 1, 2)[None]
        kept = pixels if video.time == 1 else helpers.temporal_subsample(pixels, video.time)
        shown = Frames(pixels=kept[0].permute(1, 2, 3, 0).numpy(), first=0)
        count = (len(shown.pixels) - 1) // 8 + 1
        tokens = encoded(self.pipe, shown, small)
        latent = video_from_tokens(tokens, count, small[0] // 32, small[1] // 32)
        item = conditioning.VideoConditionByReferenceLatent(
            latent,
            downscale_factor=video.space,
            temporal_scale_factor=video.time,
            strength=video.strength,
        )
        seen: Any = video.seen
        if video.mask is not None:
            grey = covering(torch.tensor(video.mask).permute(0, 3, 1, 2) / 255, size[0], size[1])
            shape = import_module("ltx_core.types").VideoLatentShape.from_torch_shape(latent.shape)
            mask = grey.mean(1)[None, None]
            seen = helpers.downsample_mask_video_to_latent(mask, shape) * video.seen
        elif video.seen == 1:
            return item
        return conditioning.ConditioningItemAttentionStrengthWrapper(item, seen)

    def _guided(
        self, states: list[Any], sigma: torch.Tensor, scales: tuple[Scales, Scales], wanted: Asked
    ) -> list[torch.Tensor]:
        """As ltx-pipelines' ``GuidedDenoiser``, pass by pass instead of as a batch."""
        guiders = import_module("ltx_core.components.guiders")
        scales_of_made = [
            Scales() if _is_frozen(state) else own
            for state, own in zip(states, scales, strict=True)
        ]
        guidance = [
            guiders.MultiModalGuider(
                guiders.MultiModalGuiderParams(
                    cfg_scale=each.cfg,
                    stg_scale=each.stg,
                    stg_blocks=[wanted.block],
                    rescale_scale=each.rescale,
                    modality_scale=each.modality,
                )
            )
            for each in scales_of_made
        ]
        kinds = import_module("ltx_core.guidance.perturbations").PerturbationType
        stg = [
            (kind, [wanted.block])
            for kind, guider in zip(
                (kinds.SKIP_VIDEO_SELF_ATTN, kinds.SKIP_AUDIO_SELF_ATTN), guidance, strict=True
            )
            if guider.do_perturbed_generation()
        ]
        cut = [(kinds.SKIP_A2V_CROSS_ATTN, None), (kinds.SKIP_V2A_CROSS_ATTN, None)]
        prompts = [text_of(self.path, prompt) for prompt in (wanted.prompt, wanted.negative)]
        video, audio = (prompts[0 if _is_frozen(state) else 1] for state in states)
        prompts[1] = (video[0], audio[1])
        passes = [self._forward(states, sigma, prompts[0])]
        asks = (
            any(guider.do_unconditional_generation() for guider in guidance),
            bool(stg),
            any(guider.do_isolated_modality_generation() for guider in guidance),
        )
        for needed, prompt, perturbed in zip(
            asks, (prompts[1], prompts[0], prompts[0]), ([], stg, cut), strict=True
        ):
            none = (0.0, 0.0)
            passes.append(self._forward(states, sigma, prompt, perturbed) if needed else none)
        return [
            guider.calculate(*(each[index] for each in passes))
            for index, guider in enumerate(guidance)
        ]

    def _forward(
        self, states: list[Any], sigma: torch.Tensor, prompt: Any, perturbed: Any = ()
    ) -> Any:
        perturbations = import_module("ltx_core.guidance.perturbations")
        modality = import_module("ltx_core.model.transformer").Modality
        modalities = [
            modality(
                latent=state.latent.double(),
                sigma=(0 * sigma if _is_frozen(state) else sigma).expand(1).double(),
                timesteps=(state.denoise_mask * sigma).double(),
                positions=state.positions,
                context=context.double(),
                attention_mask=_wide(state.attention_mask),
                keyframes_mask=_wide(state.keyframes_mask),
            )
            for state, context in zip(states, prompt, strict=True)
        ]
        config = perturbations.PerturbationConfig(
            [perturbations.Perturbation(kind, blocks) for kind, blocks in perturbed]
        )
        batched = perturbations.BatchedPerturbationConfig(
            [config], num_blocks=self.model.num_blocks, device="cpu", dtype=torch.float64
        )
        with torch.no_grad():
            return [x0.float() for x0 in self.model(*modalities, perturbations=batched)]


def _wide(mask: torch.Tensor | None) -> torch.Tensor | None:
    return None if mask is None else mask.double()


def _is_frozen(state: Any) -> bool:
    """What ltx-pipelines' ``modality_from_latent_state`` is told of a stream given whole."""
    return bool((state.denoise_mask == 0).all())


def _kept(latent: torch.Tensor, state: Any) -> Any:
    """ltx-pipelines' ``post_process_latent``."""
    return latent * state.denoise_mask + state.clean_latent * (1 - state.denoise_mask)


def _stepper(wanted: Asked, *, fresh_noise: bool) -> Callable[[Any, Any, torch.Tensor, int], Any]:
    """One step of one stream, as ltx-pipelines' Euler loops take it."""
    steps = import_module("ltx_core.components.diffusion_steps")
    if not fresh_noise:
        euler = steps.EulerDiffusionStep()
        return lambda state, x0, levels, step: euler.step(state.latent, x0, levels, step)
    ancestral = steps.EulerAncestralDiffusionStep(eta=1.0, s_noise=1.0)
    generator = noise_generator(wanted.seed, "steps", short=wanted.seed + 10000)

    def onwards(state: Any, x0: Any, levels: torch.Tensor, step: int) -> Any:
        if levels[step + 1] == 0:
            return x0
        noise = torch.randn(state.latent.shape, generator=generator)
        return _kept(ancestral.step(state.latent, x0, levels, step, noise), state)

    return onwards


@attrs.frozen
class Compared:
    """How far Longtake in fp32 is from ltx-core's network in fp64.

    ``video``: of the picture and of pictures beside the segment. ``audio``: of the sound.
    """

    video: float
    audio: float

    @property
    def holds(self) -> bool:
        """Whether both are as near as they have to be."""
        return self.video < VIDEO_TOLERANCE and self.audio < AUDIO_TOLERANCE

    def __str__(self) -> str:
        return f"video {self.video:.1e} audio {self.audio:.1e}"


def compared(checkpoints: Checkpoints, checkout: Path, chosen: str = "") -> list[Compared]:
    """Prints the errors of each case, and the largest of each recipe.

    ``chosen``: what the names of the cases have in them.
    """
    found: dict[str, list[Compared]] = {}
    official = functools.cache(Official.of)
    for case in CASES:
        if case.numerics != "official" or chosen not in str(case):
            continue
        theirs = official(checkpoints.path(case.generation, case.size), checkout)
        errors = one_compared(checkpoints, case, theirs)
        found.setdefault(case.recipe, []).append(errors)
        sys.stdout.write(f"{case!s:60} {errors}\n")
    for recipe, each in found.items():
        sys.stdout.write(f"{f'{recipe}: {len(each)} rows':60} {largest(each)}\n")
    return [one for each in found.values() for one in each]


def one_compared(checkpoints: Checkpoints, case: Case, theirs: Official) -> Compared:
    """Of one row."""
    made = latents(checkpoints, case)[0]
    with torch.no_grad():
        expected, actual = theirs.denoised(asked(theirs.path, case), case), as_tokens(made)
    video = relative_error(expected[0], actual.video)
    if made.keyframes is not None:
        beside = relative_error(theirs.keyframes.pop(), made.keyframes.latents)
        video = max(video, beside)
    return Compared(video, relative_error(expected[1], actual.audio))


def largest(errors: list[Compared]) -> Compared:
    """Of each stream."""
    return Compared(max(one.video for one in errors), max(one.audio for one in errors))


def all_prompts_same(checkpoints: Checkpoints, checkout: Path) -> bool:
    """Prints which rewritten prompts are the same, to the token."""
    same = True
    for name, is_same in prompts_compared(checkpoints, checkout):
        same = same and is_same
        said = "the same text" if is_same else "ANOTHER TEXT"
        sys.stdout.write(f"{'a longer prompt: ' + name:60} {said}\n")
    return same


def main(checkout: Path, chosen: str = "") -> int:
    """0 when all agree, or when there is no checkout to compare with."""
    source = checkout / "packages" / "ltx-core" / "src"
    if not (source / "ltx_core").is_dir():
        sys.stdout.write(f"skipped: there is no packages/ltx-core/src/ltx_core in {checkout}\n")
        return 0
    sys.path.insert(0, str(source))
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder))
        same = all_prompts_same(checkpoints, checkout)
        errors = compared(checkpoints, checkout, chosen)
    hold = sum(each.holds for each in errors)
    said = f"{hold} of {len(errors)} rows hold; worst relative errors: {largest(errors)}"
    sys.stdout.write(f"{said}; allowed: {VIDEO_TOLERANCE:.0e} and {AUDIO_TOLERANCE:.0e}\n")
    return int(hold < len(errors) or not same)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
