"""Small convolutions over time go to oneDNN; nothing else of a network changes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from longtake_ltx2.forward.convolutions import fast_convolutions
from longtake_ltx2.picture import decoded_slices, joined
from tests.ltx2.support import Checkpoints, networks, relative_error

ONEDNN: Any = torch.backends.mkldnn
pytestmark = pytest.mark.skipif(not ONEDNN.is_available(), reason="torch has no oneDNN here")


class Counted(torch.overrides.TorchFunctionMode):
    """How often oneDNN is called by name, and torch's own convolution over time."""

    def __init__(self) -> None:
        super().__init__()
        self.by_name = self.own = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.by_name += func is torch.mkldnn_convolution
        self.own += func is torch.conv3d
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate"])
def test_a_small_convolution_gives_the_same(mode: Any) -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv3d(4, 6, 3, stride=(1, 2, 1), padding=(0, 1, 1), padding_mode=mode)
    x = torch.randn(1, 4, 5, 12, 10)
    with torch.no_grad():
        own = network(x)
        with fast_convolutions(network), Counted() as counted:
            fast = network(x)
    assert (counted.by_name, counted.own) == (1, 0)
    assert relative_error(own, fast) < 2e-6
    assert "forward" not in vars(network)


@pytest.mark.parametrize("what", ["large", "double", "with a gradient", "one pixel wide"])
def test_what_torch_does_well_is_left_to_it(what: str) -> None:
    wide = what == "one pixel wide"
    network = torch.nn.Conv3d(2, 2, 1 if wide else 3).requires_grad_(False)
    x = torch.randn(1, 2, 3, 3, 4)
    if what == "large":
        x = torch.randn(1, 2, 11, 1000, 3)
    elif what == "double":
        network, x = network.double(), x.double()
    gradient = torch.set_grad_enabled(what == "with a gradient")
    with gradient, fast_convolutions(network), Counted() as counted:
        network(x)
    assert counted.by_name == 0


def test_pictures_are_decoded_by_it(checkpoints: Checkpoints) -> None:
    vae = networks(checkpoints.path("2.3"))["vae"]
    latents = torch.randn(1, vae.config.latent_channels, 2, 2, 3)
    with torch.no_grad(), Counted() as counted:
        joined(decoded_slices(vae, latents), 9)
    assert counted.by_name > 20 and counted.own == 0
