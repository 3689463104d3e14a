"""Video latents to frames."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.estimating.arrays import COLORS, array, trailing_frames
from longtake_ltx2.estimating.inputs import added_by_inputs
from longtake_ltx2.latents import decodable_video
from longtake_ltx2.picture import decoded_slices, joined
from longtake_ltx2.sizes import SPATIAL_FACTOR
from longtake_ltx2.values import CleanLatents, Geometry, KeyframeLatents, TrailingFrames

if TYPE_CHECKING:
    from longtake_ltx2.estimating.measuring import Cost
    from longtake_ltx2.estimating.scene import Scene

__all__ = ["DecodingStage", "as_frames", "as_stills", "estimated_frames", "no_frames"]


class DecodingStage:
    """Decodes the whole segment, repeated frames included, and cuts those off afterwards.

    The decoder is not causal: without the repeated frames the first new ones would be others.
    """

    def __init__(self, vae: Any) -> None:
        self._vae = vae

    def check(self, job: lt.Job) -> None:
        """Refuse a side that the decoder cannot pad. Raises `longtake.ValidationError`.

        A decoder that pads by reflection (2.0) needs two latents on each side.
        """
        if not job.output.video or self._vae.config.decoder_spatial_padding_mode != "reflect":
            return
        fewest = 2 * SPATIAL_FACTOR
        for name, size in (("height", job.sampling.height), ("width", job.sampling.width)):
            if size < fewest:
                raise lt.ValidationError(
                    f"sampling.{name}", f"is {size}; this model's pictures are {fewest} or more"
                )
        if self._vae.use_tiling:
            self._check_tiles(job.sampling.height, job.sampling.width)

    def _check_tiles(self, height: int, width: int) -> None:
        """The last tile of a row or column needs two latents too."""
        vae = self._vae
        if height <= vae.tile_sample_min_height and width <= vae.tile_sample_min_width:
            return
        strides = (vae.tile_sample_stride_height, vae.tile_sample_stride_width)
        for name, size, stride in zip(("height", "width"), (height, width), strides, strict=True):
            if size % stride == SPATIAL_FACTOR:
                near = f"{size - SPATIAL_FACTOR} or {size + SPATIAL_FACTOR}"
                raise lt.ValidationError(
                    f"sampling.{name}", f"is {size}; with vae_tiling this model makes {near}"
                )

    @classmethod
    def estimate(cls, spec: lt.StageSpec, scene: Scene) -> lt.StageEstimate:
        """One pass of the decoder; what `check` refuses is refused. Tiles are not counted."""
        networks = scene.networks
        cls(networks.built("vae")).check(scene.job)
        if not scene.job.output.video:
            return lt.StageEstimate(weights=networks.weights("vae"))
        cost = networks.video_decoder(scene.video_latent_shape)
        return estimated_frames(scene, cost, networks.weights("vae"))

    @torch.no_grad()
    def __call__(
        self, latents: CleanLatents, geometry: Geometry, job: lt.Job
    ) -> tuple[lt.Frames, TrailingFrames, lt.Stills]:
        stills = as_stills(latents.keyframes, self._vae, geometry)
        if not job.output.video:
            return (*no_frames(geometry), stills)
        video = decodable_video(latents.video, self._vae).to(self._vae.dtype)
        return (*as_frames(decoded_slices(self._vae, video), geometry, job), stills)


def estimated_frames(scene: Scene, cost: Cost, weights: Mapping[str, int]) -> lt.StageEstimate:
    """What a stage makes and takes that decodes the picture at ``cost``."""
    clock, (stills, pictures) = scene.geometry.clock, _estimated_stills(scene)
    size = (scene.geometry.height, scene.geometry.width, COLORS)
    new_frames = clock.num_frames - clock.repeated_frames
    return lt.StageEstimate(
        values=[
            array("Frames.pixels", (new_frames, *size), "uint8"),
            trailing_frames("TrailingFrames.pixels", scene),
            *pictures,
        ],
        passes=[lt.PassEstimate("decode", cost.flops), *stills],
        weights=weights,
        activation_bytes=cost.activation_bytes + clock.num_frames * math.prod(size),
    )


def _estimated_stills(
    scene: Scene,
) -> tuple[list[lt.PassEstimate], list[lt.ValueEstimate]]:
    """Of the pictures that the first pass makes beside the segment, at its size."""
    first = scene.first_pass()
    count = len(added_by_inputs(first).slots)
    if not count:
        return [], []
    one = (*first.video_latent_shape[:2], 1, *first.video_latent_shape[3:])
    size = (first.geometry.height, first.geometry.width, COLORS)
    decode = lt.PassEstimate("decode stills", count * first.networks.video_decoder(one).flops)
    return [decode], [array("Stills.pixels", (count, *size), "uint8")]


def no_frames(geometry: Geometry) -> tuple[lt.Frames, TrailingFrames]:
    """What a segment without a picture has."""
    none: NDArray[np.uint8] = np.zeros((0, geometry.height, geometry.width, 3), np.uint8)
    return lt.Frames(none), TrailingFrames(none)


def as_stills(keyframes: KeyframeLatents | None, vae: Any, geometry: Geometry) -> lt.Stills:
    """Pictures that were made beside a segment, each decoded alone; none without any."""
    if keyframes is None:
        return lt.Stills(np.zeros((0, geometry.height, geometry.width, 3), np.uint8), ())
    latents = decodable_video(keyframes.latents, vae).to(vae.dtype)
    alone = (decoded_slices(vae, each) for each in torch.split(latents, 1, dim=2))
    pictures = [joined(slices, 1) for slices in alone]
    return lt.Stills(np.concatenate(pictures), keyframes.frames)


def as_frames(
    slices: Iterable[torch.Tensor], geometry: Geometry, job: lt.Job
) -> tuple[lt.Frames, TrailingFrames]:
    """A decoded segment, uint8 ``[t, H, W, 3]`` each, as its new frames and its last ones."""
    pixels = joined(slices, geometry.clock.num_frames)
    carried = min(job.output.overlap_frames, len(pixels))
    trailing = pixels[len(pixels) - carried :].copy()
    return lt.Frames(pixels[geometry.clock.repeated_frames :]), TrailingFrames(trailing)
