"""What the frames that the next segment repeats are to its transformer."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attrs import Attribute, field, frozen

from longtake_ltx2.clock import FRAMES_PER_LATENT
from longtake_ltx2.continuation.checks import refuse, shown
from longtake_ltx2.sizes import MAX_SIDE, SPATIAL_FACTOR

if TYPE_CHECKING:
    import torch

__all__ = ["EncodedPrefix"]

_MOST_PASSES = 4
_MOST_FRAMES = 1025
"""As many as a state carries."""
_LONGEST_NAME = 128
_PATH = "state.payload.video_latents"


def _check_latents(instance: object, attribute: Attribute[Any], latents: Any) -> None:
    if not isinstance(latents, tuple) or not 1 <= len(latents) <= _MOST_PASSES:
        refuse(_PATH, f"must be the latents of 1 to {_MOST_PASSES} passes")
    shapes = [list(each.shape) for each in latents]
    for shape in shapes:
        if len(shape) != 5 or shape[0] != 1 or 0 in shape:
            refuse(_PATH, f"has the shape {shape}; must be [1, C, F, H, W], none of them 0")
        if max(shape[3:]) * SPATIAL_FACTOR > MAX_SIDE:
            refuse(_PATH, f"has the shape {shape}; of a picture with a side above {MAX_SIDE}")
        if shape[1:3] != shapes[0][1:3]:
            refuse(_PATH, f"has the shapes {shapes[0]} and {shape}; C and F must be the same")
    if (shapes[0][2] - 1) * FRAMES_PER_LATENT >= _MOST_FRAMES:
        refuse(_PATH, f"has the shape {shapes[0]}; of more than {_MOST_FRAMES} frames")
    if any(
        a >= b for one, next_ in pairwise(shapes) for a, b in zip(one[3:], next_[3:], strict=True)
    ):
        refuse(_PATH, f"has the shapes {shapes}; must go from the smallest to the largest")


def _check_vae(instance: object, attribute: Attribute[Any], value: object) -> None:
    path = f"{_PATH}.vae"
    if not isinstance(value, str) or not value:
        refuse(path, f"is {shown(value)}; must be the fingerprint of a VAE")
    if len(value) > _LONGEST_NAME or not value.isprintable():
        refuse(path, f"must be at most {_LONGEST_NAME} printable characters")


@frozen(eq=False)
class EncodedPrefix:
    """The frames that the next segment repeats, encoded for each of its passes.

    - ``latents``: for each pass ``[1, C, F, H, W]`` in normalised model space, in the dtype that
      the VAE computed them in, the smallest size first; of ``8 (F - 1) + 1`` frames of
      ``32 H x 32 W`` pixels.
    - ``vae``: the fingerprint of the VAE that made them, its dtype and tiling included.

    Raises `longtake.ValidationError` for latents of another form.
    """

    latents: tuple[torch.Tensor, ...] = field(repr=False, validator=_check_latents)
    vae: str = field(validator=_check_vae)

    @property
    def num_frames(self) -> int:
        """How many frames they are."""
        return (int(self.latents[0].shape[2]) - 1) * FRAMES_PER_LATENT + 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames in pixels: what the last pass makes."""
        height, width = self.latents[-1].shape[3:]
        return int(height) * SPATIAL_FACTOR, int(width) * SPATIAL_FACTOR

    def at(self, height: int, width: int) -> torch.Tensor | None:
        """The latents of a pass of this size in pixels; None when there are none."""
        wanted = [height // SPATIAL_FACTOR, width // SPATIAL_FACTOR]
        return next((each for each in self.latents if list(each.shape[3:]) == wanted), None)
