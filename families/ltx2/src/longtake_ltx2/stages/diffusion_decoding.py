"""Video latents to frames with the diffusion decoder of 2.5."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

import longtake as lt
from longtake_ltx2.latents import decodable_video
from longtake_ltx2.noise import noise_generator
from longtake_ltx2.picture import uint8_slices
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.stages.decoding import as_frames, as_stills, estimated_frames, no_frames
from longtake_ltx2.values import CleanLatents, Geometry, TrailingFrames

if TYPE_CHECKING:
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["LTX2DiffusionDecodingStage"]


class LTX2DiffusionDecodingStage:
    """Denoises the pixels of the whole segment, repeated frames included, and cuts those off.

    ``diffusion_decoder``: diffusers' `LTX2VideoDiffusionDecoderModel`. ``vae``: for its statistics
    of the latents, and for pictures beside the segment. The noise follows the segment's seed and is
    another one than the latents'.
    """

    def __init__(self, diffusion_decoder: Any, vae: Any) -> None:
        self._decoder = diffusion_decoder
        self._vae = vae

    def check(self, job: lt.Job) -> None:
        """Refuse what the decoder's attention windows do not fit into.

        Raises `longtake.ValidationError`.
        """
        if not job.output.video:
            return
        sampling = job.sampling
        frames, height, width = _least(self._decoder.config)
        least = {"num_frames": frames, "height": height, "width": width}
        asked = {
            "num_frames": sampling.num_frames,
            "height": sampling.height,
            "width": sampling.width,
        }
        for name, size in asked.items():
            if size < least[name]:
                raise lt.ValidationError(
                    f"sampling.{name}",
                    f"is {size}; the diffusion decoder makes {least[name]} or more",
                )

    @classmethod
    def estimate(cls, spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """One pass: the context of the latents and every step of the decoder's own loop.

        What `check` refuses is refused. Tiles are not counted.
        """
        networks = scene.networks
        cls(networks.built("diffusion_decoder"), vae=None).check(scene.job)
        weights = networks.weights("diffusion_decoder")
        if not scene.job.output.video:
            return lt.StageEstimate(weights=weights)
        return estimated_frames(
            scene, networks.diffusion_decoder(scene.video_latent_shape), weights
        )

    @torch.no_grad()
    def __call__(
        self, latents: CleanLatents, geometry: Geometry, job: lt.Job
    ) -> tuple[lt.Frames, TrailingFrames, lt.Stills]:
        stills = as_stills(latents.keyframes, self._vae, geometry)
        if not job.output.video:
            return (*no_frames(geometry), stills)
        decoder = self._decoder
        video = decodable_video(latents.video, self._vae).to(decoder.dtype)
        noise = noise_generator(job.segment_seed, "decoding", short=decoding_seed(job))
        decoded = decoder.decode(video, noise, return_dict=False)[0]
        return (*as_frames(uint8_slices(decoded), geometry, job), stills)


def decoding_seed(job: lt.Job) -> int:
    """The seed of the decoder's noise when the segment's own is below 2**32."""
    return lt.Run(seed=job.segment_seed).random("diffusion decoding").getrandbits(63)


def _least(config: Any) -> tuple[int, int, int]:
    """The fewest frames, rows and columns of pixels whose grids hold every stage's window.

    Stage by stage the grid of the latents grows by the strides; the last stage sees all frames,
    those before it more than their windows, because the last latents are repeated for them.
    """
    kernels = (*config.decoder_stage_kernels, config.decoder_stage5_kernel)
    needed, growth = [1, 1], [1, 1]
    strides = (*config.decoder_upsample_strides, (1, 1, 1))
    for kernel, stride in zip(kernels, strides, strict=True):
        for axis in (0, 1):
            needed[axis] = max(needed[axis], math.ceil(kernel[1 + axis] / growth[axis]))
            growth[axis] *= stride[1 + axis]
    return kernels[-1][0], needed[0] * SPATIAL_FACTOR, needed[1] * SPATIAL_FACTOR
