"""Videos that a segment follows: their tokens, their places, and who sees them how well.

As ltx-core's ``VideoConditionByReferenceLatent`` and ltx-pipelines' ``iclora_utils``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from attrs import evolve, field, frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.conditioning.coordinates import reference_coordinates
from longtake_ltx2.conditioning.encoding import fitted
from longtake_ltx2.conditioning.frame_encoder import FrameEncoder
from longtake_ltx2.conditioning.tokens import ConditioningFrames, ConditioningTokens
from longtake_ltx2.latents import video_to_tokens
from longtake_ltx2.lora.references import ReferenceScales
from longtake_ltx2.values import Geometry

__all__ = ["RequestedReference", "reference_tokens", "requested_references", "token_weights"]


@frozen(eq=False)
class RequestedReference:
    """A reference as it was asked for, no longer than the segment.

    - ``pixels``: uint8 ``[V, H, W, 3]``, the first of them at the segment's first frame.
    - ``strength``: 1 gives it as it is. ``attention``: how well the segment and it see each other.
    - ``mask``: uint8 ``[V, H, W, 3]``, which ``attention`` is multiplied by; None is white.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    strength: float
    attention: float
    mask: NDArray[np.uint8] | None = field(default=None, repr=False)


def requested_references(job: lt.Job, inputs: lt.DecodedInputs) -> tuple[RequestedReference, ...]:
    """Those of a request; of each the frames that the segment has."""
    count, found = job.sampling.num_frames, []
    for index, each in enumerate(job.inputs.references):
        mask = inputs.reference_mask(index)
        found.append(
            RequestedReference(
                inputs.reference(index)[:count],
                each.strength,
                each.attention,
                None if mask is None else mask[:count],
            )
        )
    return tuple(found)


def reference_tokens(
    reference: RequestedReference,
    scales: ReferenceScales,
    encoder: FrameEncoder,
    geometry: Geometry,
    device: torch.device | str,
    *,
    offset: float | None = None,
) -> ConditioningTokens:
    """The reference as it is appended to a segment of the size of ``geometry``."""
    pixels = reference.pixels
    kept = pixels if scales.time == 1 else pixels[[0, *range(1, len(pixels), scales.time)]]
    small = evolve(
        geometry, height=geometry.height // scales.space, width=geometry.width // scales.space
    )
    frames = ConditioningFrames(kept, 0, reference.strength)
    latents = encoder.latents(frames, small, device, image_crf=0)
    return ConditioningTokens(
        video_to_tokens(latents),
        1.0 - reference.strength,
        start=None,
        coordinates=reference_coordinates(
            len(kept), small, device, space=scales.space, time=scales.time, offset=offset
        ),
        attention=token_weights(reference, geometry, latents.shape[2:], device),
    )


def token_weights(
    reference: RequestedReference,
    geometry: Geometry,
    grid: Sequence[int],
    device: torch.device | str,
) -> torch.Tensor | None:
    """How well each token ``[F*H*W]`` of a reference on a ``grid`` of F, H, W is seen.

    None where nothing weakens it. The mask is fitted to the picture; each latent has the mean of
    its pixels, the first one those of the first frame alone.
    """
    frames, rows, columns = grid
    if reference.mask is None:
        if reference.attention == 1:
            return None
        return torch.full((frames * rows * columns,), reference.attention, device=device)
    grey = torch.tensor(reference.mask).to(device).permute(0, 3, 1, 2).float() / 255
    grey = fitted(grey, geometry.height, geometry.width).mean(dim=1, keepdim=True).clamp(0, 1)
    small = torch.nn.functional.interpolate(grey, size=(rows, columns), mode="area")[:, 0]
    parts = [small[:1]]
    if frames > 1:
        parts.append(small[1:].reshape(frames - 1, -1, rows, columns).mean(dim=1))
    return torch.cat(parts).flatten() * reference.attention
