"""Attention with fewer passes over its queries and keys gives what diffusers' module gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.models.transformers.transformer_ltx2 import (
    LTX2Attention,
    apply_split_rotary_emb,
)

from longtake_ltx2.forward.attending import attend
from longtake_ltx2.forward.norms import normed
from longtake_ltx2.forward.rotating import Rope, Rotation, Rotations
from tests.ltx2.support import relative_error

WIDTH, HEADS, TOKENS, OTHERS = 16, 2, 7, 5


def module(*, gated: bool = False, rope_type: str = "split") -> Any:
    torch.manual_seed(0)
    made = LTX2Attention(
        WIDTH, HEADS, HEADS, WIDTH // HEADS, rope_type=rope_type, apply_gated_attention=gated
    )
    for norm in (made.norm_q, made.norm_k):
        torch.nn.init.normal_(norm.weight, mean=1.0)
    return made


def rope(tokens: int, rope_type: str = "split") -> Rope:
    shape = (1, HEADS, tokens, WIDTH // HEADS // 2) if rope_type == "split" else (1, tokens, WIDTH)
    angles = torch.randn(shape)
    return angles.cos(), angles.sin()


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("rope_type", ["split", "interleaved"])
@torch.no_grad()
def test_both_give_the_same(rope_type: str, gated: bool, watched: bool) -> None:
    """A module that something watches, and rotations of another kind, are the module's own."""
    attention = module(gated=gated, rope_type=rope_type)
    x, y = torch.randn(1, TOKENS, WIDTH), torch.randn(1, OTHERS, WIDTH)
    of_x, of_y = rope(TOKENS, rope_type), rope(OTHERS, rope_type)
    itself = attention(x, query_rotary_emb=of_x)
    across = attention(x, encoder_hidden_states=y, query_rotary_emb=of_x, key_rotary_emb=of_y)
    calls: list[str] = []
    if watched:
        attention.register_forward_pre_hook(lambda *_: calls.append("module"))
    turned, others = Rotation(of_x), Rotation(of_y)
    assert relative_error(itself, attend(attention, x, turned)) < 1e-6
    assert relative_error(across, attend(attention, x, turned, (y, others))) < 1e-6
    assert len(calls) == (2 if watched else 0)


@torch.no_grad()
def test_a_rotation_has_the_bits_of_diffusers() -> None:
    x, of_x = torch.randn(1, TOKENS, WIDTH), rope(TOKENS)
    before = x.clone()
    turned = Rotation(of_x).of_heads(x)
    assert turned.shape == (1, TOKENS, HEADS, WIDTH // HEADS)
    assert torch.equal(turned.flatten(2), apply_split_rotary_emb(x, of_x))
    assert torch.equal(x, before)


def test_a_loop_makes_rotations_of_its_places_once() -> None:
    calls = list[str]()

    class Places(torch.nn.Module):
        def forward(self, places: torch.Tensor) -> Rope:
            calls.append("made")
            return places.cos(), places.sin()

    module, rotations = Places(), Rotations()
    one, other = torch.randn(1, HEADS, TOKENS, 4), torch.randn(1, HEADS, TOKENS, 4)

    def begin(video: torch.Tensor) -> Rotation:
        rotations.begin_pass({"video_coords": video, "audio_coords": other})
        return rotations.of(rotations.once(module)(video))

    assert begin(one) is begin(one)
    assert torch.equal(begin(other).rope[0], other.cos())
    assert len(calls) == 2
    strange = rope(TOKENS)
    assert rotations.of(strange).rope is strange


@pytest.mark.parametrize("affine", [False, True])
@torch.no_grad()
def test_a_norm_by_the_length_of_rows(affine: bool) -> None:
    norm = torch.nn.RMSNorm(WIDTH, eps=1e-6, elementwise_affine=affine)
    x = torch.randn(1, TOKENS, WIDTH)
    before = x.clone()
    assert relative_error(norm(x), normed(norm, x)) < 1e-6
    assert torch.equal(x, before)
    assert torch.equal(normed(norm.double(), x.double()), norm(x.double()))


@torch.no_grad()
def test_a_norm_is_the_same_whatever_new_tensors_are_made_as() -> None:
    norm, x = torch.nn.RMSNorm(WIDTH, eps=3e-5, elementwise_affine=False), torch.randn(1, 2, WIDTH)
    with torch.device("meta"):
        made = normed(norm, x)
    assert relative_error(norm(x), made) < 1e-6
