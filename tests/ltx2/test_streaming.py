"""Blocks on the device only while they compute: the same numbers, and no more than two at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.estimating.text_encoder import TextEncoderConfig
from longtake_ltx2.estimating.transformer import TransformerConfig
from longtake_ltx2.loading.placement import BlockOffloading, placement_on
from longtake_ltx2.loading.streaming import BlockStream, blocks_of
from longtake_ltx2.lora.adapters import Adapters
from longtake_ltx2.tiny import write_tiny_lora
from tests.ltx2.support import ALL_GUIDANCE, Checkpoints, networks
from tests.ltx2.watching import quick

pytest.importorskip("accelerate")

DEVICE = "cpu:0"
"""The same memory as "cpu" by another name, which stands for a GPU here."""


def take(path: Path, preset: str = "ltx2_tiny", **options: Any) -> list[lt.GenerationResult]:
    overrides: dict[str, dict[str, Any]] = {"denoise": {"num_inference_steps": 2}}
    if preset == "ltx2_tiny":
        overrides["denoise"] |= {"stg_blocks": [1], **ALL_GUIDANCE}
    with lt.load(path, preset=preset, device=DEVICE, **options) as pipeline:
        session = lt.Session(
            pipeline,
            sampling=lt.Sampling(height=64, width=128, num_frames=17),
            stage_overrides=overrides,
        )
        return [session.extend("one"), session.extend("two"), session.finish()]


def assert_same(one: list[lt.GenerationResult], other: list[lt.GenerationResult]) -> None:
    for resident, streamed in zip(one, other, strict=True):
        np.testing.assert_array_equal(resident.frames, streamed.frames)
        assert resident.audio is not None
        assert streamed.audio is not None
        np.testing.assert_array_equal(resident.audio, streamed.audio)


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_the_numbers_are_the_same(checkpoints: Checkpoints, generation: Any) -> None:
    path = checkpoints.path(generation)
    assert_same(take(path), take(path, offload="block"))


def test_loras_of_all_passes_and_of_the_second_one(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    user = write_tiny_lora(tmp_path / "user.safetensors", tiny)
    refine = write_tiny_lora(tmp_path / "refine.safetensors", tiny, seed=1)
    options: Any = {"loras": (f"{user}=0.5",), "lora_path": str(refine)}
    plain = take(tiny, "ltx2_two_stage", **options)
    assert_same(plain, take(tiny, "ltx2_two_stage", **options, offload="block"))


class Block(torch.nn.Linear):
    def __init__(self, size: int) -> None:
        super().__init__(size, size)


class Network(torch.nn.Module):
    """Blocks of several sizes, and a layer beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.proj_in = torch.nn.Linear(8, 8)
        self.transformer_blocks = torch.nn.ModuleList([Block(8) for _ in range(5)])
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.proj_in(x)
        for block in self.transformer_blocks:
            x = torch.tanh(block(x))
        return x


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network()


SLOT = 512
"""Bytes of a block of `Network`: 8 x 8 and 8 numbers in fp32, each from a multiple of 256 on."""


@contextmanager
def where(modules: Any) -> Iterator[list[list[int]]]:
    """Which of ``modules`` are away from home whenever one of them computes."""
    homes = [each.weight.data_ptr() for each in modules]
    seen: list[list[int]] = []

    def look(*_: Any) -> None:
        away = [n for n, each in enumerate(modules) if each.weight.data_ptr() != homes[n]]
        seen.append(away)

    handles = [each.register_forward_hook(look, prepend=True) for each in modules]
    yield seen
    for handle in handles:
        handle.remove()
    assert [each.weight.data_ptr() for each in modules] == homes


def test_a_block_is_away_only_while_it_computes(network: Network) -> None:
    expected = network(torch.ones(2, 8))
    stream = BlockStream(blocks_of("transformer", network), "cpu")
    assert stream.device_bytes == 0
    with where(network.transformer_blocks) as seen:
        for _ in range(3):
            assert torch.equal(network(torch.ones(2, 8)), expected)
            assert stream.device_bytes == 2 * SLOT
    assert seen == [[0], [1], [2], [3], [4]] * 3
    assert stream.copies == 3 * 5 + 1, "each once a forward, and the first one for the next forward"
    stream.free()
    assert stream.device_bytes == 0
    assert torch.equal(network(torch.ones(2, 8)), expected)


def test_blocks_may_be_left_out_and_fail(network: Network) -> None:
    x, blocks = torch.ones(2, 8), network.transformer_blocks
    expected = blocks[4](blocks[1](x))
    BlockStream(blocks_of("transformer", network), "cpu")
    with where(blocks) as seen:
        for _ in range(2):
            assert torch.equal(blocks[4](blocks[1](x)), expected)
        with pytest.raises(RuntimeError):
            blocks[2](torch.ones(2, 3))
        assert torch.equal(blocks[4](blocks[1](x)), expected)
    assert seen == [[1], [4]] * 3


def test_what_is_put_into_a_block_meanwhile_is_there_too(network: Network) -> None:
    stream = BlockStream(blocks_of("transformer", network), "cpu")
    network(torch.ones(2, 8))
    block: Any = network.transformer_blocks[1]
    block.weight = torch.nn.Parameter(torch.eye(8), requires_grad=False)
    block.register_buffer("more", torch.ones(1000))
    assert torch.equal(block(torch.ones(1, 8)), torch.ones(1, 8) + block.bias)
    assert stream.device_bytes >= 4000 + SLOT


def test_loras_switched_between_forwards(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    file = write_tiny_lora(tmp_path / "lora.safetensors", tiny)
    resident, streamed = (switched(networks(tiny)["transformer"], file, way) for way in (0, 1))
    assert all(map(torch.equal, resident, streamed))
    assert not torch.equal(resident[0], resident[1])
    assert torch.equal(resident[0], resident[2])


def switched(transformer: Any, lora: Path, is_streamed: int) -> list[torch.Tensor]:
    """What a layer of the first block gives before a LoRA, with it, and when it is off."""
    block, found = transformer.transformer_blocks[0], list[torch.Tensor]()
    layer = block.attn1.to_q
    x = torch.linspace(-1, 1, layer.in_features).reshape(1, -1)
    if is_streamed:
        BlockStream(blocks_of("transformer", transformer), "cpu")
    block.register_forward_pre_hook(lambda *_: found.append(block.attn1.to_q(x)))

    def run() -> None:
        with pytest.raises(TypeError):
            block()  # what it lacks is missed after its hooks

    adapters = Adapters(transformer)
    run()
    adapters.load("one", lora)
    adapters.activate({"one": 1.0})
    run()
    adapters.activate({})
    run()
    return found


def test_the_rest_of_the_network_leaves_and_comes_home(network: Network) -> None:
    placement = BlockOffloading("cpu:0")
    placement.add("transformer", network)
    homes = [each.data_ptr() for each in network.parameters()]
    network(torch.ones(2, 8))
    assert placement.streams["transformer"].device_bytes == 2 * SLOT
    placement.release()
    assert placement.streams["transformer"].device_bytes == 0
    assert [each.data_ptr() for each in network.parameters()] == homes


def test_which_networks_are_streamed(tiny: Path) -> None:
    components = networks(tiny)
    (encoder,) = components["text_encoders"]
    assert (
        len(blocks_of("text_encoder", encoder))
        == encoder.config.get_text_config().num_hidden_layers
    )
    assert len(blocks_of("transformer", components["transformer"])) == 4
    assert blocks_of("vae", components["vae"]) == ()
    assert isinstance(placement_on("cpu", "block"), BlockOffloading)


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_a_plan_counts_two_blocks_and_the_rest(checkpoints: Checkpoints, generation: Any) -> None:
    components = networks(checkpoints.path(generation))
    transformer = components["transformer"]
    (encoder,) = components["text_encoders"]
    text = encoder.config.get_text_config().to_dict()
    for name, network, formula in (
        ("transformer", transformer, TransformerConfig.from_config(transformer.config)),
        ("text_encoder", encoder.get_decoder(), TextEncoderConfig.from_config(text)),
    ):
        blocks = network.transformer_blocks if name == "transformer" else network.layers
        sizes = [sum(each.numel() for each in block.parameters()) for block in blocks]
        whole = sum(each.numel() for each in network.parameters())
        assert formula.streamed_parameters == whole - sum(sizes) + 2 * max(sizes)


class Packed(torch.Tensor):
    """Stands for quantised weights."""


def test_quantised_blocks_are_refused(network: Network) -> None:
    network.transformer_blocks[1].register_buffer("scales", torch.ones(3).as_subclass(Packed))
    with pytest.raises(lt.ValidationError, match="the transformer are quantised") as refused:
        blocks_of("transformer", network)
    assert refused.value.path == "offload"


def test_compiled_blocks_are_refused(tiny: Path) -> None:
    with pytest.raises(lt.ValidationError, match="offload='block'") as refused:
        lt.load(tiny, offload="block", compile=True, prepare=False)
    assert refused.value.path == "compile"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_on_a_gpu_two_blocks_and_the_rest_are_there(checkpoints: Checkpoints) -> None:
    blocks = torch.nn.ModuleList([torch.nn.Linear(1024, 1024) for _ in range(12)])
    blocks.requires_grad_(False)
    x = torch.randn(64, 1024, device="cuda")

    def forward() -> torch.Tensor:
        y = x
        for block in blocks:
            y = torch.tanh(block(y))
        return y

    resident = blocks.to("cuda")
    expected = forward()
    resident.to("cpu")
    BlockStream(tuple(blocks), "cuda")
    torch.cuda.reset_peak_memory_stats()
    before, one = torch.cuda.memory_allocated(), 4 * 1024 * 1025
    for _ in range(5):
        assert torch.equal(forward(), expected)
    assert torch.cuda.max_memory_allocated() - before < 2.5 * one + 4 * x.nbytes
    path = checkpoints.path("2.3")
    one_take, other = (
        lt.load(path, device="cuda", offload=offload).generate(
            lt.GenerationRequest("one", stage_overrides=quick())
        )
        for offload in ("none", "block")
    )
    np.testing.assert_array_equal(one_take.frames, other.frames)
