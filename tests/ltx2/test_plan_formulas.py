"""The formulas of the estimates against torch's own count, on small networks and the real one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import attrs
import pytest
import torch
import torch.nn.functional as functional
from diffusers import LTX2VideoTransformer3DModel
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from longtake_ltx2.estimating.forward_pass import ForwardPass, StreamSize
from longtake_ltx2.estimating.measuring import empty, measure, weight_bytes, without_data
from longtake_ltx2.estimating.text_encoder import TextEncoderConfig
from longtake_ltx2.estimating.transformer import TransformerConfig
from longtake_ltx2.tiny import LARGER
from longtake_ltx2.tiny.autoencoders import build_video_vae
from tests.ltx2.published import published_config
from tests.ltx2.support import FlopCounter

SMALL: dict[str, dict[str, Any]] = {
    "2.0": {
        "num_layers": 3,
        "num_attention_heads": 4,
        "attention_head_dim": 32,
        "cross_attention_dim": 128,
        "audio_num_attention_heads": 4,
        "audio_attention_head_dim": 16,
        "audio_cross_attention_dim": 64,
        "in_channels": 16,
        "out_channels": 16,
        "audio_in_channels": 32,
        "audio_out_channels": 32,
        "caption_channels": 48,
        "perturbed_attn": True,
    },
    "2.3": {
        "num_layers": 5,
        "num_attention_heads": 2,
        "attention_head_dim": 64,
        "cross_attention_dim": 128,
        "audio_num_attention_heads": 2,
        "audio_attention_head_dim": 48,
        "audio_cross_attention_dim": 96,
        "in_channels": 24,
        "out_channels": 24,
    },
    "2.5": {
        "num_layers": 2,
        "num_attention_heads": 8,
        "attention_head_dim": 24,
        "cross_attention_dim": 192,
        "audio_num_attention_heads": 8,
        "audio_attention_head_dim": 8,
        "audio_cross_attention_dim": 64,
    },
}
"""What makes a published transformer small; other depths, widths and heads in each."""

FRAMES, HEIGHT, WIDTH, AUDIO, TEXT = 4, 3, 5, 22, 16
TOKENS = FRAMES * HEIGHT * WIDTH
WHOLE = ForwardPass(StreamSize(TOKENS), StreamSize(AUDIO), TEXT)


def small_config(generation: str) -> dict[str, Any]:
    config = published_config(generation, "transformer") | SMALL[generation]
    del config["_class_name"]
    return config


def arguments(config: dict[str, Any], run: ForwardPass, size: tuple[int, int, int]) -> Any:
    """What the transformer is called with for ``run``, on the meta device."""
    embeds = config["use_prompt_embeddings"]
    text = config["caption_channels"] if embeds else config["cross_attention_dim"]
    audio_text = config["caption_channels"] if embeds else config["audio_cross_attention_dim"]
    one, dtype = empty(1, dtype=torch.float32), torch.float32

    def timesteps(stream: StreamSize) -> torch.Tensor:
        return one if stream.own == 1 else empty(1, stream.own, dtype=torch.float32)

    return {
        "hidden_states": empty(1, run.video.tokens, config["in_channels"], dtype=dtype),
        "audio_hidden_states": empty(1, run.audio.tokens, config["audio_in_channels"], dtype=dtype),
        "encoder_hidden_states": empty(1, run.text_tokens, text, dtype=dtype),
        "audio_encoder_hidden_states": empty(1, run.text_tokens, audio_text, dtype=dtype),
        "timestep": timesteps(run.video),
        "audio_timestep": timesteps(run.audio),
        "sigma": one,
        "audio_sigma": one,
        "num_frames": size[0],
        "height": size[1],
        "width": size[2],
        "fps": 24.0,
        "audio_num_frames": run.audio.tokens,
        "isolate_modalities": run.isolated,
        "spatio_temporal_guidance_blocks": sorted(run.perturbed_blocks),
        "use_cross_timestep": run.video.cross == 1,
        "return_dict": False,
    }


def counted(network: Any, given: dict[str, Any]) -> int:
    """What torch counts while the network runs, on the CPU and with real numbers."""
    real = {
        name: torch.randn(value.shape) if torch.is_tensor(value) else value
        for name, value in given.items()
    }
    torchs, ours = FlopCounterMode(display=False), FlopCounter(type(network).__name__)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), torchs, ours:
        network(**real)
    assert ours.total == ours.inside == torchs.get_total_flops()
    return ours.total


def conditioned(run: ForwardPass) -> ForwardPass:
    """A timestep for every token, which the other stream's attention follows too."""
    video, audio = run.video.tokens, run.audio.tokens
    return attrs.evolve(
        run,
        video=StreamSize(video, own=video, cross=video, gate=video),
        audio=StreamSize(audio, own=audio, cross=audio, gate=audio),
    )


@pytest.mark.parametrize("generation", SMALL)
@pytest.mark.parametrize(
    "run",
    [
        WHOLE,
        conditioned(WHOLE),
        attrs.evolve(WHOLE, isolated=True),
        attrs.evolve(WHOLE, perturbed_blocks=frozenset({1})),
        attrs.evolve(conditioned(WHOLE), perturbed_blocks=frozenset({0, 1})),
    ],
    ids=["whole", "conditioned", "isolated", "perturbed", "conditioned and perturbed"],
)
def test_flops_of_small_transformers_are_what_torch_counts(
    generation: str, run: ForwardPass
) -> None:
    config = small_config(generation)
    network = LTX2VideoTransformer3DModel(**config).eval()
    expected = counted(network, arguments(config, run, (FRAMES, HEIGHT, WIDTH)))
    assert TransformerConfig.from_config(config).flops(run) == pytest.approx(expected, rel=1e-3)


def test_blocks_that_are_not_run_cost_nothing() -> None:
    config = TransformerConfig.from_config(small_config("2.3"))
    costs = [config.flops(attrs.evolve(WHOLE, first_block=block)) for block in range(6)]
    steps = {above - below for above, below in pairwise(costs)}
    assert len(steps) == 1
    assert steps.pop() * 5 == costs[0] - costs[-1]


@pytest.mark.parametrize("generation", SMALL)
def test_weights_of_real_transformers_are_what_diffusers_builds(generation: str) -> None:
    published = published_config(generation, "transformer")
    for layers in (2, 3):
        config = published | {"num_layers": layers}
        network = transformer_without_data(config)
        assert 2 * TransformerConfig.from_config(config).parameters == weight_bytes(network)
    billions = TransformerConfig.from_config(published).parameters / 1e9
    assert 18.8 < billions < 19.1


def transformer_without_data(config: dict[str, Any]) -> Any:
    known = {name: value for name, value in config.items() if name != "_class_name"}
    return without_data(lambda: LTX2VideoTransformer3DModel(**known), torch.bfloat16)


@pytest.mark.parametrize(
    ("height", "width", "per_token"),
    [(512, 768, False), (1024, 1536, False), (1024, 1536, True)],
)
def test_the_real_transformer_costs_what_it_does_without_data(
    height: int, width: int, per_token: bool
) -> None:
    """48 layers at 121 frames: FLOPs within 10 %, memory within 15 %, of what torch runs."""
    config = published_config("2.0", "transformer")
    size = (16, height // 32, width // 32)
    tokens = size[0] * size[1] * size[2]
    run = ForwardPass(StreamSize(tokens), StreamSize(126), 1024)
    run = conditioned(run) if per_token else run
    network = transformer_without_data(config)
    given = {
        name: value.to(torch.bfloat16) if torch.is_tensor(value) and value.dim() > 2 else value
        for name, value in arguments(config, run, size).items()
    }
    cost = measure(network, lambda: network(**given))
    formula = TransformerConfig.from_config(config)
    assert formula.flops(run) == pytest.approx(cost.flops, rel=0.1)
    assert formula.activation_bytes(run, 2) == pytest.approx(cost.activation_bytes, rel=0.15)


def test_flops_and_weights_of_a_small_text_encoder_are_what_torch_counts() -> None:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    config = Gemma3TextConfig(
        vocab_size=71,
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        layer_types=layers,
    )
    network, counter = Gemma3ForCausalLM(config).eval(), FlopCounter()
    tokens = torch.ones(1, 20, dtype=torch.int64)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        network(input_ids=tokens, logits_to_keep=torch.empty(0, dtype=torch.int64))
    formula = TextEncoderConfig.from_config(config.to_dict())
    assert formula.flops(20) == pytest.approx(counter.total, rel=1e-3)
    assert formula.parameters == sum(each.numel() for each in network.parameters())


def test_the_real_text_encoder_has_twelve_billion_weights() -> None:
    config = TextEncoderConfig.from_config(published_config("2.0", "text_encoder"))
    assert 11.5 < config.parameters / 1e9 < 12.0
    assert 22 < config.flops(1024) / 1e12 < 24


class Chain(torch.nn.Module):
    """Products whose factors are let go: three matrices at once, the first one the caller's."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(64, 64))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        for _ in range(5):
            given = given @ self.weight.t()
        return given


def test_memory_is_what_is_alive_at_once() -> None:
    network = without_data(Chain, torch.float32)
    given = empty(64, 64, dtype=torch.float32)
    cost = measure(network, lambda: network(given))
    assert cost.activation_bytes == 2 * 64 * 64 * 4
    assert cost.flops == 5 * 2 * 64**3
    assert cost.shapes == ((64, 64),)


def test_flops_without_data_are_what_torch_counts() -> None:
    network = without_data(lambda: build_video_vae("2.3", LARGER), torch.float32)
    latents = empty(1, network.config.latent_channels, 2, 2, 3, dtype=torch.float32)
    with FlopCounterMode(display=False) as torchs:
        cost = measure(network, lambda: network.decode(latents, return_dict=False)[0])
    assert cost.flops == torchs.get_total_flops() > 0


@pytest.mark.parametrize(
    "operation",
    [
        lambda small, large, half, counts: small + large,  # the result is as large as the second
        lambda small, large, half, counts: large / small,
        lambda small, large, half, counts: half * large,  # of the wider type
        lambda small, large, half, counts: large.mul(half),
        lambda small, large, half, counts: counts / 2,  # of floats
        lambda small, large, half, counts: counts.sqrt() + counts,
        lambda small, large, half, counts: functional.leaky_relu(half, 0.2).clamp(-1, 1) ** 2,
    ],
)
def test_what_is_computed_number_by_number_is_as_large_as_torch_makes_it(
    operation: Callable[..., torch.Tensor],
) -> None:
    def given(device: str) -> tuple[torch.Tensor, ...]:
        return (
            torch.ones(4, 1, device=device),
            torch.ones(3, 4, 8, device=device),
            torch.ones(3, 4, 8, dtype=torch.bfloat16, device=device),
            torch.ones(3, 4, 8, dtype=torch.int64, device=device),
        )

    made: list[torch.Tensor] = []
    without = given("meta")
    cost = measure(torch.nn.Identity(), lambda: made.append(operation(*without)))
    real = operation(*given("cpu"))
    assert (made[0].shape, made[0].dtype) == (real.shape, real.dtype)
    assert cost.activation_bytes >= real.nbytes


def test_attention_keeps_no_scores() -> None:
    query = empty(1, 2, 512, 8, dtype=torch.float32)
    attend = torch.nn.functional.scaled_dot_product_attention
    cost = measure(torch.nn.Identity(), lambda: attend(query, key=query, value=query))
    assert cost.flops == 4 * 2 * 512 * 512 * 8
    assert cost.activation_bytes == 2 * 512 * 8 * 4
