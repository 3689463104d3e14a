"""The transformer's large matrices in fp8: which they are, and what comes out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import longtake as lt
from longtake_ltx2.estimating.transformer import TransformerConfig
from longtake_ltx2.loading.fp8_cast import cast_to_fp8
from longtake_ltx2.tiny import write_tiny_lora
from tests.ltx2.support import Checkpoints, networks
from tests.ltx2.watching import quick

FP8 = torch.float8_e4m3fn
ENDINGS = (".to_q", ".to_k", ".to_v", ".to_out.0", "ff.net.0.proj", "ff.net.2")


def inputs(transformer: Any) -> dict[str, Any]:
    """A forward of few tokens."""
    config, generator = transformer.config, torch.Generator().manual_seed(0)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    captioned = config.use_prompt_embeddings
    text = config.caption_channels if captioned else config.cross_attention_dim
    audio_text = config.caption_channels if captioned else config.audio_cross_attention_dim
    return {
        "hidden_states": noise(1, 6, config.in_channels),
        "audio_hidden_states": noise(1, 5, config.audio_in_channels),
        "encoder_hidden_states": noise(1, 7, text),
        "audio_encoder_hidden_states": noise(1, 7, audio_text),
        "timestep": torch.tensor([700.0]),
        "audio_timestep": torch.tensor([700.0]),
        "sigma": torch.tensor([700.0]),
        "audio_sigma": torch.tensor([700.0]),
        "num_frames": 1,
        "height": 2,
        "width": 3,
        "fps": 24.0,
        "audio_num_frames": 5,
        "return_dict": False,
    }


def velocities(transformer: Any) -> list[torch.Tensor]:
    with torch.no_grad():
        return list(transformer(**inputs(transformer)))


def error(expected: list[torch.Tensor], actual: list[torch.Tensor]) -> float:
    return max(
        float((a - b).abs().max() / a.abs().max()) for a, b in zip(expected, actual, strict=True)
    )


def rounded(transformer: Any, endings: tuple[str, ...]) -> list[torch.Tensor]:
    """The velocities of plain layers whose weights and biases were rounded to fp8 and back."""
    for name, tensor in transformer.transformer_blocks.named_parameters():
        if name.rpartition(".")[0].endswith(endings):
            tensor.data = tensor.data.to(FP8).to(tensor.dtype)
    return velocities(transformer)


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_what_is_not_finite_is_not_hidden(checkpoints: Checkpoints, value: float) -> None:
    transformer = networks(checkpoints.path("2.0"))["transformer"]
    transformer.transformer_blocks[1].attn2.to_v.weight.data[0, 0] = value
    with pytest.raises(lt.ValidationError, match=r"1\.attn2\.to_v .*not finite") as caught:
        cast_to_fp8(transformer)
    assert caught.value.path == "fp8_cast"


def test_what_is_clipped_is_warned_of(
    checkpoints: Checkpoints, caplog: pytest.LogCaptureFixture
) -> None:
    transformer = networks(checkpoints.path("2.0"))["transformer"]
    weight = transformer.transformer_blocks[0].ff.net[2].weight
    weight.data[0, :2] = torch.tensor([448.0, -600.0])
    cast_to_fp8(transformer)
    assert weight[0, :2].tolist() == [448.0, -448.0]
    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert warnings == ["fp8_cast: 0.ff.net.2 has weights up to 600, clipped to 448"]


@pytest.mark.parametrize("generation", ["2.0", "2.3"])
def test_the_set_of_layers_is_ltx_cores(checkpoints: Checkpoints, generation: Any) -> None:
    path = checkpoints.path(generation)
    transformer = networks(path)["transformer"]
    plain = velocities(transformer)
    cast_to_fp8(transformer)
    made = velocities(transformer)
    expected = rounded(networks(path)["transformer"], ENDINGS)
    assert error(expected, made) < 1e-5
    assert 1e-5 < error(plain, made) < 0.5
    assert transformer.dtype == torch.float32
    if transformer.config.gated_attn:
        also_gates = rounded(networks(path)["transformer"], (*ENDINGS, ".to_gate_logits"))
        assert error(also_gates, made) > 1e-4


def test_nothing_else_is_cast_and_a_plan_counts_it(tiny: Path) -> None:
    transformer = networks(tiny)["transformer"]
    cast_to_fp8(transformer)
    cast = {name: each for name, each in transformer.named_parameters() if each.dtype == FP8}
    layers = [name.rpartition(".")[0] for name in cast]
    assert all(name.startswith("transformer_blocks.") for name in layers)
    assert all(name.endswith(ENDINGS) for name in layers)
    formula = TransformerConfig.from_config(transformer.config)
    assert sum(each.numel() for each in cast.values()) == formula.projections * formula.num_layers


def test_the_error_is_said(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    transformer = networks(tiny)["transformer"]
    with caplog.at_level(logging.INFO, logger="longtake_ltx2"):
        off = cast_to_fp8(transformer)
    assert 0.01 < off < 0.05  # three bits of mantissa
    assert f"off by {off:.2g} of their size" in caplog.text
    with pytest.raises(lt.ValidationError, match="quantised already"):
        cast_to_fp8(transformer)


def test_as_an_option_with_a_lora_and_streamed_blocks(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    pytest.importorskip("accelerate")
    lora = str(write_tiny_lora(tmp_path / "lora.safetensors", tiny))
    request = lt.GenerationRequest(
        "fog", sampling=lt.Sampling(num_frames=9), stage_overrides=quick()
    )

    def frames(**options: Any) -> Any:
        with lt.load(tiny, device="cpu:0", **options) as pipeline:
            return pipeline.generate(request).frames

    cast = frames(fp8_cast=True, loras=(lora,))
    np.testing.assert_array_equal(cast, frames(fp8_cast=True, loras=(lora,), offload="block"))
    assert not np.array_equal(cast, frames(fp8_cast=True))


def test_a_lora_of_the_second_pass_comes_too_late(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    lora = str(write_tiny_lora(tmp_path / "lora.safetensors", tiny))
    with pytest.raises(lt.ValidationError, match="lora_path") as refused:
        lt.load(tiny, preset="ltx2_two_stage", fp8_cast=True, lora_path=lora, prepare=False)
    assert refused.value.path == "fp8_cast"
