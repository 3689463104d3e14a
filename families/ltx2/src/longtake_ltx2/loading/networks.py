"""Making each network of a checkpoint with the classes of diffusers and transformers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.checkpoints.folder import find_upsampler, read_json
from longtake_ltx2.forward.choice import ForwardChoice
from longtake_ltx2.generation import Generation
from longtake_ltx2.loading.asked import upsampler_folder
from longtake_ltx2.loading.classes import network_class, text_encoder_class
from longtake_ltx2.loading.floats import torch_dtype
from longtake_ltx2.loading.placement import Placement
from longtake_ltx2.loading.random_state import random_state_kept
from longtake_ltx2.loading.reading import telling
from longtake_ltx2.loading.single_file import load_audio_vae, load_vae
from longtake_ltx2.loading.tokenizer import load_tokenizer
from longtake_ltx2.loading.transformer import load_transformer
from longtake_ltx2.loading.weight_files import weight_files
from longtake_ltx2.loading.weights import align, from_file, from_folder, text_encoder_from_folder
from longtake_ltx2.lora.adapters import LoRA, add_loras
from longtake_ltx2.numerics import NUMERICS
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["NetworkLoader"]


@frozen
class NetworkLoader:
    """One checkpoint, how it is to be loaded, where its networks go, and who is told of it."""

    path: Path
    config: LTX2T2VConfig
    generation: Generation
    placement: Placement
    source: lt.ModelSource
    forward: ForwardChoice = field(init=False)

    @forward.default
    def _forward_asked(self) -> ForwardChoice:
        return ForwardChoice(self.config.forward)

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
            "forward": lambda: self.forward,
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
            with telling(self.source, name, lambda: self._files(name)) as loading:
                loading.read_ahead()
                with random_state_kept():
                    network = make()
                self.placement.add(name, network)
            return network

        return make_and_place

    def _files(self, name: str) -> list[Path]:
        """What the weights of a network are read from; nothing for a part of a larger file."""
        chosen = {
            "transformer": self.config.transformer_path,
            "vae": self.config.vae_path,
            "audio_vae": self.config.audio_vae_path,
            "upsampler": self.config.upsampler_weights,
        }.get(name)
        own = find_upsampler(self.path) if name == "upsampler" else self.path / name
        place = own if chosen is None else Path(chosen)
        if place is None or (place.is_file() and name in ("vae", "audio_vae")):
            return []
        if place.is_file():
            return [place]
        return weight_files(place, "transformers" if name == "text_encoder" else "diffusers")

    def _transformer(self) -> Any:
        transformer = load_transformer(self.path, self.config)
        self.forward.settle(transformer)
        return transformer

    def _vae(self) -> Any:
        path, precision = Path(self.config.vae_path or self.path / "vae"), self.config.vae_precision
        vae = _network("vae", path, precision, load_vae)
        if self.config.vae_tiling:
            vae.enable_tiling()
        return vae

    def _audio_vae(self) -> Any:
        path = Path(self.config.audio_vae_path or self.path / "audio_vae")
        return _network("audio_vae", path, self.config.audio_decoder_precision, load_audio_vae)

    def _connectors(self) -> Any:
        (precision,) = self.config.text_encoder_precisions
        connectors = _network("connectors", self.path / "connectors", precision)
        add_loras(connectors, [LoRA.parse(text) for text in self.config.loras], "connectors")
        return connectors

    def _vocoder(self) -> Any:
        return _network("vocoder", self.path / "vocoder", self.config.vocoder_precision)

    def _duration_head(self) -> Any:
        (precision,) = self.config.text_encoder_precisions
        return _network("duration_head", self.path / "duration_head", precision)

    def _diffusion_decoder(self) -> Any:
        from longtake_ltx2.loading.neighborhood import NeighborhoodAttention

        folder = self.path / "diffusion_decoder"
        decoder = _network("diffusion_decoder", folder, self.config.vae_precision)
        if self.config.vae_tiling:
            decoder.enable_tiling()
        decoder.set_attn_processor(NeighborhoodAttention())
        return decoder

    def _upsampler(self) -> Any:
        precision = self.config.upsampler_precision
        given = self.config.upsampler_weights
        weights = find_upsampler(self.path) if given is None else Path(given)
        if weights is None:
            raise lt.CheckpointError(
                str(self.path),
                "has no latent upsampler, which refining needs: give upsampler_weights=",
            )
        folder = upsampler_folder(weights)
        if weights.is_dir():
            return _network("upsampler", folder, precision)
        cls = network_class("upsampler", folder)
        return from_file(cls, read_json(folder / "config.json"), weights, precision)

    def _text_encoder(self) -> Any:
        folder = self.path / "text_encoder"
        (precision,) = self.config.text_encoder_precisions
        return text_encoder_from_folder(text_encoder_class(folder), folder, precision)

    def _tokenizer(self) -> Any:
        with random_state_kept():
            return load_tokenizer(self.path / "tokenizer")


def _network(
    component: str, path: Path, precision: str, load_file: Callable[..., Any] | None = None
) -> Any:
    """A network of a folder, or of a single file that ``load_file`` loads."""
    if load_file is not None and not path.is_dir():
        network = load_file(path, torch_dtype(precision))
        align(network)
        return network
    return from_folder(network_class(component, path), path, precision)
