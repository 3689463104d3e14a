"""The perturbed pass restarts where it first differs: less work, the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
import torch

import longtake as lt
from longtake_ltx2.clock import first_segment
from longtake_ltx2.conditioning.requested import RequestedInputs
from longtake_ltx2.denoising.denoiser import Denoiser
from longtake_ltx2.denoising.guidance import Guidance
from longtake_ltx2.forward.passes import BlockInputs, recording, restarting
from longtake_ltx2.forward.plain import Plain
from longtake_ltx2.numerics import DIFFUSERS, OFFICIAL
from longtake_ltx2.stage_overrides import LTX2DenoiseOptions
from longtake_ltx2.stages import LTX2LatentPreparationStage, LTX2TextEncodingStage
from longtake_ltx2.values import Geometry
from tests.ltx2.support import Checkpoints, networks


@pytest.fixture(scope="module", params=["2.0", "2.3"])
def denoiser(request: pytest.FixtureRequest, checkpoints: Checkpoints) -> Denoiser:
    parts = networks(checkpoints.path(request.param))
    job = lt.Job.example("a bell")
    geometry = Geometry(64, 96, first_segment(25, job.sampling.fps))
    prepare = LTX2LatentPreparationStage(parts["transformer"], audio_vae=parts["audio_vae"])
    encode = LTX2TextEncodingStage(parts["text_encoders"], parts["tokenizers"], parts["connectors"])
    options = LTX2DenoiseOptions(stg_scale=1.0, stg_blocks=(2,))
    return Denoiser(
        parts["transformer"],
        OFFICIAL,
        prepare(job, lt.Run(seed=1), geometry, RequestedInputs(), None, None, None)[0],
        encode(job, options, None, None, lt.Run(seed=1), None)[0],
        geometry,
        Guidance.from_options(options, OFFICIAL),
    )


@contextmanager
def counted_blocks(transformer: Any) -> Iterator[list[int]]:
    """Numbers of the blocks that computed, in order: their last layer did."""
    ran: list[int] = []
    handles = [
        block.audio_ff.register_forward_hook(lambda *_, number=number: ran.append(number))
        for number, block in enumerate(transformer.transformer_blocks)
    ]
    try:
        yield ran
    finally:
        for handle in handles:
            handle.remove()


def predicted(denoiser: Denoiser) -> Any:
    noisy = denoiser.noisy
    with torch.no_grad():
        return denoiser.predictions(noisy.video.latents, noisy.audio.latents, torch.tensor(0.8))


def test_the_perturbed_pass_runs_only_the_blocks_from_the_first_perturbed_one(
    denoiser: Denoiser,
) -> None:
    with counted_blocks(denoiser.transformer) as ran:
        predicted(denoiser)
    assert ran == [0, 1, 2, 3, 2, 3]


@pytest.mark.parametrize("blocks", [(0,), (1, 3), (3, 1), (2,)])
def test_it_gives_what_a_whole_pass_gives(denoiser: Denoiser, blocks: tuple[int, ...]) -> None:
    noisy, text, transformer = denoiser.noisy, denoiser.text.positive, denoiser.transformer
    options = LTX2DenoiseOptions(stg_scale=1.0, stg_blocks=blocks)
    both_perturbed = attrs.evolve(
        denoiser,
        numerics=DIFFUSERS,
        guidance=Guidance.from_options(options, DIFFUSERS),
        forward=Plain(denoiser.transformer),
    )
    video, audio = predicted(both_perturbed)
    sigma = torch.tensor(0.8)
    timestep = (sigma * 1000).expand(1)
    with torch.no_grad():
        velocities = transformer(
            hidden_states=noisy.video.latents,
            audio_hidden_states=noisy.audio.latents,
            encoder_hidden_states=text.video,
            audio_encoder_hidden_states=text.audio,
            timestep=timestep,
            audio_timestep=timestep,
            sigma=timestep,
            audio_sigma=timestep,
            video_coords=noisy.video.coordinates,
            audio_coords=noisy.audio.coordinates,
            spatio_temporal_guidance_blocks=list(blocks),
            use_cross_timestep=transformer.config.cross_attn_mod,
            return_dict=False,
        )
    assert torch.equal(video.perturbed, noisy.video.latents - sigma * velocities[0])
    assert torch.equal(audio.perturbed, noisy.audio.latents - sigma * velocities[1])
    assert not torch.equal(video.perturbed, video.positive)


def test_an_error_leaves_the_transformer_as_it_was(denoiser: Denoiser) -> None:
    transformer = denoiser.transformer
    first, second, *_ = transformer.transformer_blocks
    whole = first.forward
    with pytest.raises(KeyError), recording(transformer, 1) as inputs:
        raise KeyError
    with pytest.raises(KeyError), restarting(transformer, 1, BlockInputs()):
        assert first.forward() == (None, None)
        assert "forward" not in vars(second)
        raise KeyError
    assert first.forward == whole
    predicted(denoiser)
    assert inputs.video is None
    assert not any("forward" in vars(module) for module in transformer.modules())
