"""Making each network of a checkpoint with the classes of diffusers and transformers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_of
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.checkpoints.layout import Layout
from longtake_ltx2.checkpoints.original_parts import upsampler_scale
from longtake_ltx2.denoising.previews import LatentColors
from longtake_ltx2.forward.choice import ForwardChoice
from longtake_ltx2.generation import Generation
from longtake_ltx2.loading.asked import upsampler_folder
from longtake_ltx2.loading.classes import network_class, text_encoder_class
from longtake_ltx2.loading.original_parts import load_part, load_text_encoder_file
from longtake_ltx2.loading.placement import Placement
from longtake_ltx2.loading.prompt_writers import own_writer, writer_in
from longtake_ltx2.loading.random_state import random_state_kept
from longtake_ltx2.loading.reading import telling
from longtake_ltx2.loading.tokenizer import load_tokenizer, load_tokenizer_file
from longtake_ltx2.loading.transformer import load_transformer
from longtake_ltx2.loading.weight_files import weight_files
from longtake_ltx2.loading.weights import from_file, from_folder, text_encoder_from_folder
from longtake_ltx2.lora.adapters import LoRA, add_loras
from longtake_ltx2.numerics import NUMERICS
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["NetworkLoader"]

_GEMMAS = ("text_encoder", "prompt_enhancer")


@frozen
class NetworkLoader:
    """One checkpoint, how it is to be loaded, where its networks go, and who is told of it."""

    layout: Layout
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
        text_encoder = functools.cache(self._placed("text_encoder", self._text_encoder))
        vae = functools.cache(self._placed("vae", self._vae))
        return {
            "text_encoders": lambda: (text_encoder(),),
            "tokenizers": lambda: (self._tokenizer(),),
            "connectors": self._placed("connectors", self._connectors),
            "transformer": self._placed("transformer", self._transformer),
            "vae": vae,
            "latent_colors": lambda: LatentColors(vae),
            "audio_vae": audio_vae,
            "audio_decoder": audio_vae,
            "vocoder": self._placed("vocoder", self._vocoder),
            "upsampler": self._placed("upsampler", self._upsampler),
            "upsampler_scale": self._upsampler_scale,
            "forward": lambda: self.forward,
            "lora_path": lambda: self.config.lora_path,
            "generation": lambda: self.generation,
            "numerics": lambda: NUMERICS[self.config.numerics],
            "config": lambda: self.config,
            **self._optional_makers(),
            **self._prompt_enhancer(text_encoder),
        }

    def _prompt_enhancer(self, text_encoder: Callable[[], Any]) -> dict[str, Callable[[], Any]]:
        """What rewrites prompts: a Gemma of its own, else the text encoder up to 2.3."""
        layout, config = self.layout, self.config
        if not layout.has("prompt_enhancer"):
            if self.generation == "2.5":
                return {}
            load = self._on_device("text_encoder", text_encoder)
            return {"prompt_enhancer": lambda: own_writer(layout, config, load)}
        place, (precision,) = layout.place("prompt_enhancer"), config.text_encoder_precisions

        def make() -> Any:
            return text_encoder_from_folder(text_encoder_class(place), place, precision)

        load = self._on_device(
            "prompt_enhancer", functools.cache(self._placed("prompt_enhancer", make))
        )
        return {"prompt_enhancer": lambda: writer_in(place, config, load)}

    def _on_device(self, name: str, make: Callable[[], Any]) -> Callable[[], Any]:
        """The network, there before it computes: tokens that it writes never leave its device."""

        def load() -> Any:
            network = make()
            self.placement.use(name)
            return network

        return load

    def _optional_makers(self) -> dict[str, Callable[[], Any]]:
        """Those of the networks that this checkpoint has and others lack."""
        makers = {
            "duration_head": self._duration_head,
            "diffusion_decoder": self._diffusion_decoder,
        }
        return {
            name: self._placed(name, make) for name, make in makers.items() if self.layout.has(name)
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
        if not self.layout.has(name):
            return []
        place = self.layout.place(name)
        if place.is_dir():
            return weight_files(place, "transformers" if name in _GEMMAS else "diffusers")
        return [place] if name in ("transformer", "upsampler", "text_encoder") else []

    def _transformer(self) -> Any:
        transformer = load_transformer(self.layout, self.config)
        self.forward.settle(transformer)
        return transformer

    def _vae(self) -> Any:
        vae = self._network("vae", self.config.vae_precision)
        if self.config.vae_tiling:
            vae.enable_tiling()
        return vae

    def _audio_vae(self) -> Any:
        return self._network("audio_vae", self.config.audio_decoder_precision)

    def _connectors(self) -> Any:
        (precision,) = self.config.text_encoder_precisions
        connectors = self._network("connectors", precision)
        add_loras(connectors, [LoRA.parse(text) for text in self.config.loras], "connectors")
        return connectors

    def _vocoder(self) -> Any:
        return self._network("vocoder", self.config.vocoder_precision)

    def _duration_head(self) -> Any:
        (precision,) = self.config.text_encoder_precisions
        return self._network("duration_head", precision)

    def _diffusion_decoder(self) -> Any:
        from longtake_ltx2.loading.neighborhood import NeighborhoodAttention

        decoder = self._network("diffusion_decoder", self.config.vae_precision)
        if self.config.vae_tiling:
            decoder.enable_tiling()
        decoder.set_attn_processor(NeighborhoodAttention())
        return decoder

    def _upsampler(self) -> Any:
        precision = self.config.upsampler_precision
        if not self.layout.has("upsampler"):
            raise lt.CheckpointError(
                str(self.layout.path),
                "has no latent upsampler, which refining needs: give upsampler_weights=",
            )
        weights = self.layout.place("upsampler")
        folder = upsampler_folder(weights)
        if weights.is_dir() or not (folder / "config.json").is_file():
            return self._network("upsampler", precision)
        cls = network_class("upsampler", folder)
        return from_file(cls, read_json(folder / "config.json"), weights, precision)

    def _upsampler_scale(self) -> Fraction:
        """Of an upsampler that is not there, as of one that doubles: `_upsampler` will refuse."""
        if not self.layout.has("upsampler"):
            return Fraction(2)
        return upsampler_scale(config_of(self.layout, "upsampler"))

    def _text_encoder(self) -> Any:
        place = self.layout.place("text_encoder")
        (precision,) = self.config.text_encoder_precisions
        if place.is_dir():
            return text_encoder_from_folder(text_encoder_class(place), place, precision)
        return load_text_encoder_file(place, precision)

    def _tokenizer(self) -> Any:
        place = self.layout.place("tokenizer")
        with random_state_kept():
            return load_tokenizer(place) if place.is_dir() else load_tokenizer_file(place)

    def _network(self, component: str, precision: str) -> Any:
        """A network of a folder, or of a single file."""
        place = self.layout.place(component)
        if place.is_dir():
            return from_folder(network_class(component, place), place, precision)
        return load_part(self.layout, component, precision)
