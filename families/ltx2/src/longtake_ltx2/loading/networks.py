"""Making each network of a checkpoint with the classes of diffusers and transformers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

import longtake as lt
from longtake_ltx2.checkpoints.folder import Generation, find_upsampler, read_json
from longtake_ltx2.loading.asked import upsampler_folder
from longtake_ltx2.loading.floats import torch_dtype
from longtake_ltx2.loading.placement import Placement
from longtake_ltx2.loading.single_file import load_audio_vae, load_vae
from longtake_ltx2.loading.transformer import load_transformer
from longtake_ltx2.loading.weights import from_file, from_folder, ready, whole
from longtake_ltx2.lora.adapters import LoRA, add_loras
from longtake_ltx2.numerics import NUMERICS
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["NetworkLoader"]

_TEXT_ENCODERS = (
    "Gemma3ForConditionalGeneration",
    "Gemma3ForCausalLM",
    "Gemma4UnifiedForConditionalGeneration",
    "Gemma4UnifiedForCausalLM",
    "Gemma4ForConditionalGeneration",
    "Gemma4ForCausalLM",
)
_VOCODERS = ("LTX2Vocoder", "LTX2VocoderWithBWE")


@frozen
class NetworkLoader:
    """One checkpoint, how it is to be loaded, and where its networks go."""

    path: Path
    config: LTX2T2VConfig
    generation: Generation
    placement: Placement

    def makers(self) -> dict[str, Callable[[], Any]]:
        """What makes each component, by the name that stages use."""
        audio_vae = functools.cache(self._placed("audio_vae", self._audio_vae))
        text_encoder = self._placed("text_encoder", self._text_encoder)
        return {
            "text_encoders": lambda: (text_encoder(),),
            "tokenizers": lambda: (self._tokenizer(),),
            "connectors": self._placed("connectors", self._connectors),
            "transformer": self._placed("transformer", self._transformer),
            "vae": self._placed("vae", self._vae),
            "audio_vae": audio_vae,
            "audio_decoder": audio_vae,
            "vocoder": self._placed("vocoder", self._vocoder),
            "upsampler": self._placed("upsampler", self._upsampler),
            "lora_path": lambda: self.config.lora_path,
            "generation": lambda: self.generation,
            "numerics": lambda: NUMERICS[self.config.numerics],
            "config": lambda: self.config,
            **self._optional_makers(),
        }

    def _optional_makers(self) -> dict[str, Callable[[], Any]]:
        """Those of the networks that this checkpoint has and others lack."""
        makers = {
            "duration_head": self._duration_head,
            "diffusion_decoder": self._diffusion_decoder,
        }
        return {
            name: self._placed(name, make)
            for name, make in makers.items()
            if (self.path / name).is_dir()
        }

    def _placed(self, name: str, make: Callable[[], Any]) -> Callable[[], Any]:
        def make_and_place() -> Any:
            network = make()
            self.placement.add(name, network)
            return network

        return make_and_place

    def _transformer(self) -> Any:
        return load_transformer(self.path, self.config)

    def _vae(self) -> Any:
        from diffusers import AutoencoderKLLTX2Video

        path, precision = Path(self.config.vae_path or self.path / "vae"), self.config.vae_precision
        if path.is_dir():
            vae = from_folder(AutoencoderKLLTX2Video, path, precision)
        else:
            vae = ready(load_vae(path, torch_dtype(precision)))
        if self.config.vae_tiling:
            vae.enable_tiling()
        return vae

    def _audio_vae(self) -> Any:
        from diffusers import AutoencoderKLLTX2Audio

        path = Path(self.config.audio_vae_path or self.path / "audio_vae")
        precision = self.config.audio_decoder_precision
        if path.is_dir():
            return from_folder(AutoencoderKLLTX2Audio, path, precision)
        return ready(load_audio_vae(path, torch_dtype(precision)))

    def _connectors(self) -> Any:
        from diffusers.pipelines.ltx2 import LTX2TextConnectors

        (precision,) = self.config.text_encoder_precisions
        connectors = from_folder(LTX2TextConnectors, self.path / "connectors", precision)
        add_loras(connectors, [LoRA.parse(text) for text in self.config.loras], "connectors")
        return connectors

    def _vocoder(self) -> Any:
        from diffusers.pipelines.ltx2 import vocoder

        folder = self.path / "vocoder"
        name = _class_name(folder, "_class_name", _VOCODERS)
        return from_folder(vars(vocoder)[name], folder, self.config.vocoder_precision)

    def _duration_head(self) -> Any:
        from diffusers.pipelines.ltx2.duration_head import LTX2DurationHead

        (precision,) = self.config.text_encoder_precisions
        return from_folder(LTX2DurationHead, self.path / "duration_head", precision)

    def _diffusion_decoder(self) -> Any:
        from diffusers import LTX2VideoDiffusionDecoderModel

        from longtake_ltx2.loading.neighborhood import NeighborhoodAttention

        folder = self.path / "diffusion_decoder"
        decoder = from_folder(LTX2VideoDiffusionDecoderModel, folder, self.config.vae_precision)
        if self.config.vae_tiling:
            decoder.enable_tiling()
        decoder.set_attn_processor(NeighborhoodAttention())
        return decoder

    def _upsampler(self) -> Any:
        from diffusers.pipelines.ltx2.latent_upsampler import LTX2LatentUpsamplerModel

        cls, precision = LTX2LatentUpsamplerModel, self.config.upsampler_precision
        given = self.config.upsampler_weights
        weights = find_upsampler(self.path) if given is None else Path(given)
        if weights is None:
            raise lt.CheckpointError(
                str(self.path),
                "has no latent upsampler, which refining needs: give upsampler_weights=",
            )
        if weights.is_file():
            config = read_json(upsampler_folder(weights) / "config.json")
            return from_file(cls, config, weights, precision)
        return from_folder(cls, weights, precision)

    def _text_encoder(self) -> Any:
        import transformers

        folder = self.path / "text_encoder"
        name = _class_name(folder, "architectures", _TEXT_ENCODERS)
        cls = getattr(transformers, name)
        (precision,) = self.config.text_encoder_precisions
        return whole(
            folder,
            lambda: cls.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,  # never unpickle
                dtype=torch_dtype(precision),
                output_loading_info=True,
            ),
        )

    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        folder = self.path / "tokenizer"
        try:
            return AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # tokenizers raises nothing narrower
            raise lt.CheckpointError(str(folder), f"cannot be loaded: {error}") from error


def _class_name(folder: Path, key: str, known: tuple[str, ...]) -> str:
    value = read_json(folder / "config.json").get(key)
    name = value[0] if isinstance(value, list) and value else value
    if name not in known:
        raise lt.CheckpointError(
            str(folder / "config.json"), f"{key} is {name!r}; these load: {', '.join(known)}"
        )
    return str(name)
