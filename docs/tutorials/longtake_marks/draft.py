"""A second decoder: a picture straight from the latents, without a network."""

from __future__ import annotations

import torch

import longtake as lt
from longtake_ltx2.values import CleanLatents, Geometry, TrailingFrames


def decode_draft(
    latents: CleanLatents, geometry: Geometry, job: lt.Job
) -> tuple[lt.Frames, TrailingFrames]:
    """The first three channels as red, green and blue, each latent as large as it stands for.

    It makes what the stage in whose place it is makes: the new frames, and the last ones, which the
    next segment repeats.
    """
    video = latents.video[:, :3].float()  # [1, 3, F, H, W], about one in size
    size = (geometry.clock.num_frames, geometry.height, geometry.width)
    frames = torch.nn.functional.interpolate(video.sigmoid(), size=size)[0]
    pixels = (frames * 255).round().to(torch.uint8).permute(1, 2, 3, 0).cpu().numpy()
    carried = min(job.output.overlap_frames, len(pixels))
    new = pixels[geometry.clock.repeated_frames :]
    return lt.Frames(new), TrailingFrames(pixels[len(pixels) - carried :])
