"""A random LoRA: diffusers reads it, it changes the transformer, and can be taken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import longtake as lt
from longtake_ltx2.tiny import write_tiny_lora
from tests.ltx2.support import Checkpoints


def velocity(transformer: Any) -> torch.Tensor:
    """Of the picture, for inputs that are always the same."""
    generator = torch.Generator().manual_seed(1)
    config = transformer.config
    text = config.caption_channels if config.use_prompt_embeddings else None
    widths = (config.cross_attention_dim, config.audio_cross_attention_dim)
    with torch.no_grad():
        video, _ = transformer(
            hidden_states=torch.randn(1, 12, config.in_channels, generator=generator),
            audio_hidden_states=torch.randn(1, 10, config.audio_in_channels, generator=generator),
            encoder_hidden_states=torch.randn(1, 16, text or widths[0], generator=generator),
            audio_encoder_hidden_states=torch.randn(1, 16, text or widths[1], generator=generator),
            timestep=torch.full((1, 12), 500.0),
            audio_timestep=torch.full((1, 10), 500.0),
            sigma=torch.tensor([500.0]),
            audio_sigma=torch.tensor([500.0]),
            num_frames=2,
            height=2,
            width=3,
            fps=24.0,
            audio_num_frames=10,
            return_dict=False,
        )
    return torch.as_tensor(video)


@pytest.mark.parametrize("generation", ["2.0", "2.3", "2.5"])
def test_it_changes_the_transformer_until_it_is_taken_off(
    checkpoints: Checkpoints, generation: Any, tmp_path: Path
) -> None:
    from diffusers import LTX2ConditionPipeline

    checkpoint = checkpoints.path(generation)
    lora = write_tiny_lora(tmp_path / "new" / "lora.safetensors", checkpoint)
    pipe: Any = LTX2ConditionPipeline.from_pretrained(checkpoint, local_files_only=True)
    before = velocity(pipe.transformer)
    pipe.load_lora_weights(str(lora))
    assert not torch.allclose(velocity(pipe.transformer), before, rtol=0.05, atol=0.05)
    pipe.unload_lora_weights()
    assert torch.equal(velocity(pipe.transformer), before)


def test_seed_and_rank(checkpoints: Checkpoints, tmp_path: Path) -> None:
    checkpoint = checkpoints.path("2.0")
    one = write_tiny_lora(tmp_path / "one.safetensors", checkpoint)
    again = write_tiny_lora(tmp_path / "again.safetensors", checkpoint)
    other = write_tiny_lora(tmp_path / "other.safetensors", checkpoint, seed=1)
    wide = write_tiny_lora(tmp_path / "wide.safetensors", checkpoint, rank=8)
    assert one.read_bytes() == again.read_bytes() != other.read_bytes()
    weights = load_file(wide)
    assert {t.shape[0] for name, t in weights.items() if "lora_A" in name} == {8}
    assert weights.keys() == load_file(one).keys()
    assert all(name.startswith("transformer.transformer_blocks.") for name in weights)


def test_without_a_transformer(tmp_path: Path) -> None:
    with pytest.raises(lt.CheckpointError, match="transformer"):
        write_tiny_lora(tmp_path / "lora.safetensors", tmp_path)
