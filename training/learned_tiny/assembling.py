"""The parts that have learned, as one checkpoint in diffusers' layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from training.learned_tiny import networks, segments
from training.learned_tiny.video import Standard

__all__ = ["assemble", "averaged", "vaes"]


def averaged(folder: Path, part: str) -> dict[str, dict[str, torch.Tensor]]:
    """The averaged weights of a part's networks, by their names."""
    kept = torch.load(folder / f"{part}.pt", weights_only=True)
    found: dict[str, dict[str, torch.Tensor]] = kept["averaged"]
    return found


def vaes(folder: Path) -> tuple[Any, Any]:
    """The video VAE and the audio VAE as they have learned so far.

    The video VAE's decoder learned from latents that were standardised on the way to it: its
    encoder does that itself from now on.
    """
    video, audio = networks.video_vae(), networks.audio_vae()
    learned, standard = averaged(folder, "video"), Standard(networks.LATENT_CHANNELS)
    video.load_state_dict(learned["vae"])
    standard.load_state_dict(learned["standard"])
    standard.fold_into(video)
    audio.load_state_dict(averaged(folder, "audio")["vae"])
    return video.eval(), audio.eval()


def assemble(folder: Path, target: Path, seed: int) -> None:
    """Write the checkpoint in bf16 to ``target``; ``seed``: of the training."""
    import diffusers

    video, audio = vaes(folder)
    _, statistics = segments.load(folder)
    for vae, stream in ((video, "video"), (audio, "audio")):
        vae.latents_mean.copy_(statistics[f"{stream}_mean"])
        vae.latents_std.copy_(statistics[f"{stream}_std"])
    vocoder, connectors = networks.vocoder(), networks.connectors()
    transformer, tokens = networks.transformer(), networks.tokenizer()
    vocoder.load_state_dict(averaged(folder, "audio")["vocoder"])
    learned = averaged(folder, "denoising")
    connectors.load_state_dict(learned["connectors"])
    transformer.load_state_dict(learned["transformer"])
    parts = {
        "text_encoder": networks.text_encoder(len(tokens), seed),
        "connectors": connectors,
        "transformer": transformer,
        "vae": video,
        "audio_vae": audio,
        "vocoder": vocoder,
    }
    small = {name: each.to(torch.bfloat16) for name, each in parts.items()}
    pipeline = diffusers.LTX2ConditionPipeline(
        scheduler=networks.scheduler(), tokenizer=tokens, **small
    )
    pipeline.save_pretrained(target)
    index = target / "model_index.json"
    document = json.loads(index.read_text(encoding="utf-8"))
    document["tokenizer"] = ["transformers", "PreTrainedTokenizerFast"]  # known to all versions
    index.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
