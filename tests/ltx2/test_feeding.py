"""The feed-forward of the exact forward against diffusers' own."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.attention import FeedForward

from longtake_ltx2.forward.feeding import fed
from tests.ltx2.support import relative_error

WIDTH, TOKENS = 16, 24


@pytest.mark.parametrize("activation", ["gelu-approximate", "gelu", "geglu"])
@torch.no_grad()
def test_a_feed_forward_gives_what_diffusers_does(activation: str) -> None:
    torch.manual_seed(0)
    module = FeedForward(WIDTH, activation_fn=activation)
    x = torch.randn(1, TOKENS, WIDTH) * 4
    before = x.clone()
    assert relative_error(module(x), fed(module, x)) < 1e-6
    assert torch.equal(x, before)
    half, given = module.bfloat16(), x.bfloat16()
    assert torch.equal(fed(half, given), half(given))


@torch.no_grad()
def test_numbers_far_from_zero_are_those_of_diffusers() -> None:
    module = FeedForward(1, mult=1, activation_fn="gelu-approximate")
    for layer in (module.net[0].proj, module.net[2]):
        layer.weight.fill_(1.0)
        layer.bias.zero_()
    x = torch.tensor([-1e30, -50.0, -8.0, -0.0, 0.0, 8.0, 50.0, 1e30, torch.inf]).reshape(1, -1, 1)
    assert torch.allclose(fed(module, x), module(x), rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_a_feed_forward_that_is_watched_runs_itself() -> None:
    module = FeedForward(WIDTH, activation_fn="gelu-approximate")
    x, calls = torch.randn(1, TOKENS, WIDTH), list[str]()
    expected = fed(module, x)
    for watched in (module, module.net[0]):
        handle = watched.register_forward_hook(lambda *_: calls.append("module"))
        assert relative_error(expected, fed(module, x)) < 1e-6
        handle.remove()
    assert len(calls) == 2
