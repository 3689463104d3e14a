"""From video latents to pixels in slices: the same pixels, in less memory."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
import torch

from longtake_ltx2.estimating.measuring import empty, measure, without_data
from longtake_ltx2.picture import decoded_slices, joined, uint8_slices
from longtake_ltx2.tiny import LARGER
from longtake_ltx2.tiny.autoencoders import build_video_vae
from tests.ltx2.support import Checkpoints
from tests.ltx2.watching import Watched


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_slices_are_those_of_the_whole_clip(
    checkpoints: Checkpoints, monkeypatch: pytest.MonkeyPatch, generation: Any, causal: bool
) -> None:
    """25 frames: slices in the middle, with neighbours on both sides, and a last one of one."""
    vae = Watched(checkpoints.path(generation), prepare=False).components["vae"]
    monkeypatch.setattr(vae.decoder, "is_causal", causal)
    latents = torch.randn(1, 8, 4, 2, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = joined(uint8_slices(vae.decode(latents, return_dict=False)[0]), 25)
        sliced = joined(decoded_slices(vae, latents), 25)
    assert sliced.dtype == np.uint8
    assert np.abs(sliced.astype(int) - whole).max() <= 1  # where rounding ties
    assert (sliced != whole).mean() < 1e-3


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_the_clip_is_never_there_as_floats(generation: Any) -> None:
    """What lives at once while 121 frames of 512x768 are decoded, layers included."""
    vae = without_data(lambda: build_video_vae(generation, LARGER), torch.float32)
    latents = empty(1, LARGER.video_latent_channels, 16, 16, 24, dtype=torch.float32)
    sliced = measure(vae, lambda: deque(decoded_slices(vae, latents), maxlen=0))
    whole = measure(vae, lambda: vae.decode(latents, return_dict=False)[0])
    clip = 121 * 512 * 768 * 3 * torch.float32.itemsize
    assert whole.shapes == ((1, 3, 121, 512, 768),)
    assert sliced.activation_bytes < 0.9 * clip
    assert sliced.activation_bytes < 0.5 * whole.activation_bytes


def test_another_number_of_frames_is_an_error() -> None:
    for frames in (8, 10):
        with pytest.raises(RuntimeError, match="9 frames"):
            joined(uint8_slices(torch.zeros(1, 3, 9, 2, 2)), frames)
