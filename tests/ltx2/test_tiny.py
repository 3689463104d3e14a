"""Tiny checkpoints: published configurations in small, the same bytes for the same arguments."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from longtake_ltx2.tiny import Generation, write_tiny_checkpoint
from longtake_ltx2.tiny.checkpoint import main
from tests.ltx2.support import Checkpoints

GENERATIONS = get_args(Generation)
MAX_BYTES = 8_000_000
FROM_2_3: dict[str, dict[str, Any]] = {
    "transformer": {
        "gated_attn": True,
        "cross_attn_mod": True,
        "audio_gated_attn": True,
        "audio_cross_attn_mod": True,
        "use_prompt_embeddings": False,
        "perturbed_attn": True,
        "rope_type": "split",
        "rope_double_precision": True,
    },
    "connectors": {
        "per_modality_projections": True,
        "proj_bias": True,
        "video_gated_attn": True,
        "audio_gated_attn": True,
        "rope_type": "split",
        "connector_rope_base_seq_len": 4096,
    },
    "vae": {
        "decoder_layers_per_block": [4, 6, 4, 2, 2],
        "upsample_type": ["spatiotemporal", "spatiotemporal", "temporal", "spatial"],
        "upsample_residual": [False] * 4,
        "decoder_causal": False,
        "decoder_spatial_padding_mode": "zeros",
        "timestep_conditioning": False,
    },
    "vocoder": {
        "_class_name": "LTX2VocoderWithBWE",
        "input_sampling_rate": 16000,
        "output_sampling_rate": 48000,
        "act_fn": "snakebeta",
        "final_act_fn": None,
    },
    "spatial_upsampler": {
        "dims": 3,
        "spatial_upsample": True,
        "temporal_upsample": False,
        "rational_spatial_scale": 2.0,
        "use_rational_resampler": False,
    },
}
PUBLISHED: dict[str, dict[str, dict[str, Any]]] = {
    "2.0": {
        "transformer": {
            "gated_attn": False,
            "cross_attn_mod": False,
            "use_prompt_embeddings": True,
            "rope_type": "split",
        },
        "connectors": {"per_modality_projections": False, "proj_bias": False},
        "vae": {"upsample_residual": [True] * 3, "decoder_spatial_padding_mode": "reflect"},
        "vocoder": {"_class_name": "LTX2Vocoder", "output_sampling_rate": 24000},
        "spatial_upsampler": {"use_rational_resampler": True, "rational_spatial_scale": 2.0},
    },
    "2.3": {
        **FROM_2_3,
        "transformer": {
            **FROM_2_3["transformer"],
            "ff_bias": True,
            "use_keyframes_abs_pos_embedding": False,
        },
    },
    "2.5": {
        **FROM_2_3,
        "transformer": {
            **FROM_2_3["transformer"],
            "ff_bias": False,
            "audio_ff_bias": True,
            "use_prompt_adaln_single": True,
            "use_keyframes_abs_pos_embedding": True,
        },
        "text_encoder": {"model_type": "gemma4_unified"},
        "duration_head": {"num_queries": 1, "num_pooler_heads": 4},
        "diffusion_decoder": {
            "decoder_upsample_strides": [[1, 2, 2], [2, 1, 1], [2, 2, 2], [2, 2, 2]],
            "decoder_upsample_channel_reductions": [2, 2, 1, 2],
            "decoder_model_output_type": "x0",
            "decoder_num_inference_steps": 1,
            "patch_size": 4,
        },
    },
}


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_configurations_are_the_published_ones(
    checkpoints: Checkpoints, generation: Any
) -> None:
    for name, expected in PUBLISHED[generation].items():
        config = json.loads((checkpoints.path(generation) / name / "config.json").read_text())
        assert {key: config.get(key) for key in expected} == expected, name


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_same_arguments_give_the_same_bytes(
    checkpoints: Checkpoints, generation: Any, tmp_path: Path
) -> None:
    first = contents(checkpoints.path(generation))
    assert contents(write_tiny_checkpoint(tmp_path / "again", generation=generation)) == first
    other = contents(write_tiny_checkpoint(tmp_path / "seed", generation=generation, seed=1))
    weights = {name for name in first if name.endswith(".safetensors")}
    assert weights
    assert {name for name in weights if other[name] == first[name]} == set()


@pytest.mark.parametrize("generation", GENERATIONS)
def test_it_stays_small(checkpoints: Checkpoints, generation: Any) -> None:
    files = checkpoints.path(generation).rglob("*")
    assert sum(file.stat().st_size for file in files if file.is_file()) < MAX_BYTES


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_upsampler_doubles_latents_and_reads_them(
    checkpoints: Checkpoints, generation: Any
) -> None:
    from diffusers.pipelines.ltx2 import LTX2LatentUpsamplerModel

    folder = checkpoints.path(generation) / "spatial_upsampler"
    upsampler: Any = LTX2LatentUpsamplerModel.from_pretrained(folder)
    latents = torch.randn(2, 8, 4, 2, 3, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        one, other = upsampler(latents)
    assert one.shape == (8, 4, 4, 6)
    assert 0.5 < float(one.std()) < 2
    assert float((one - other).abs().mean()) > 0.1


def test_every_weight_of_2_5_is_random(checkpoints: Checkpoints) -> None:
    """What is zero or one everywhere hides errors: the embedding of keyframes starts at zero."""
    from safetensors.torch import load_file

    folder = checkpoints.path("2.5")
    tensors = {
        f"{file.parent.name}/{name}": tensor
        for part in ("transformer", "duration_head", "spatial_upsampler", "diffusion_decoder")
        for file in (folder / part).glob("*.safetensors")
        for name, tensor in load_file(file).items()
    }
    constant = [
        name for name, t in tensors.items() if t.numel() > 1 and bool((t == t.flatten()[0]).all())
    ]
    assert constant == []
    assert "transformer/keyframes_abs_pos_embedding" in tensors


def test_an_unknown_generation_is_refused(tmp_path: Path) -> None:
    generation: Any = "1.0"
    with pytest.raises(ValueError, match=r"2\.0, 2\.3, 2\.5"):
        write_tiny_checkpoint(tmp_path, generation=generation)


def test_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not a tiny checkpoint"):
        write_tiny_checkpoint(tmp_path)
    assert contents(tmp_path).keys() == {"notes.txt"}


def test_another_generation_replaces_it(tmp_path: Path) -> None:
    """Nothing of the former one is left that would count."""
    write_tiny_checkpoint(tmp_path / "model", generation="2.5")
    write_tiny_checkpoint(tmp_path / "model", generation="2.0")
    fresh = write_tiny_checkpoint(tmp_path / "fresh", generation="2.0")
    assert contents(tmp_path / "model") == contents(fresh)


def test_the_command_line_writes_what_the_function_writes(
    checkpoints: Checkpoints, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path / "model"), "--generation", "2.5"])
    assert ended.value.code == 0
    assert contents(tmp_path / "model") == contents(checkpoints.path("2.5"))


@pytest.mark.parametrize("generation", GENERATIONS)
def test_the_index_is_the_one_of_diffusers(
    checkpoints: Checkpoints, generation: Any, tmp_path: Path
) -> None:
    """As its pipeline writes it, but for what a tiny checkpoint has not."""
    from diffusers import LTX2ConditionPipeline

    folder = checkpoints.path(generation)
    own = json.loads((folder / "model_index.json").read_text())
    LTX2ConditionPipeline.from_pretrained(folder).save_pretrained(tmp_path)
    theirs = json.loads((tmp_path / "model_index.json").read_text())
    there = {name: entry for name, entry in theirs.items() if entry != [None, None]}
    for noted in ("_name_or_path", "tokenizer"):
        there.pop(noted, None)
    assert there == {name: own[name] for name in own.keys() - {"_longtake_tiny", "tokenizer"}}
