"""What every network of a checkpoint takes, from the configurations in its folders."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from fractions import Fraction
from importlib import import_module
from threading import Lock
from typing import Any

import torch
from attrs import define, evolve, field, frozen

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_of, tokenizer_config
from longtake_ltx2.checkpoints.layout import Layout
from longtake_ltx2.checkpoints.original_parts import upsampler_scale
from longtake_ltx2.estimating.measuring import Cost, empty, measure, weight_bytes, without_data
from longtake_ltx2.estimating.remembering import Remembered
from longtake_ltx2.estimating.text_encoder import TextEncoderConfig
from longtake_ltx2.estimating.transformer import STREAMED_BLOCKS, TransformerConfig
from longtake_ltx2.estimating.windows import CountedWindows
from longtake_ltx2.picture import decoded_slices
from longtake_ltx2.sound import SoundDecoder, SoundTiming

__all__ = ["Networks", "Precision"]

_CLASSES = {
    "LTX2TextConnectors": "diffusers.pipelines.ltx2",
    "AutoencoderKLLTX2Video": "diffusers",
    "AutoencoderKLLTX2Audio": "diffusers",
    "LTX2Vocoder": "diffusers.pipelines.ltx2.vocoder",
    "LTX2VocoderWithBWE": "diffusers.pipelines.ltx2.vocoder",
    "LTX2LatentUpsamplerModel": "diffusers.pipelines.ltx2.latent_upsampler",
    "LTX2VideoDiffusionDecoderModel": "diffusers",
}
_MOST_TEXT_TOKENS = 1024
_COSTS: Remembered[Cost] = Remembered(512)
_BUILT: Remembered[Any] = Remembered(24)
"""Building one takes as long as running it, and what it holds is small: no weights."""
_RUNNING = Lock()
"""One run at a time: threads share the networks, and some of these remember their last run."""
_WEIGHTS: Remembered[int] = Remembered(64)
_SOUNDS: Remembered[SoundTiming] = Remembered(16)
_GEMMAS = ("text_encoder", "prompt_enhancer")
_REMEDIES = {"upsampler": "give a latent upsampler with upsampler_weights"}


@frozen
class Precision:
    """A type of floats, by torch's name."""

    name: str

    @property
    def torch(self) -> torch.dtype:
        dtype: torch.dtype = vars(torch)[self.name]
        return dtype

    @property
    def size(self) -> int:
        """Bytes of one number."""
        return self.torch.itemsize


@define
class Networks:
    """The networks of the checkpoint that ``layout`` is of, in ``precisions``.

    ``fp8_cast``: whether the transformer's large matrices are kept in fp8. No network is loaded.

    Raises `longtake.CheckpointError` for a configuration that is missing or makes no network.
    """

    layout: Layout
    precisions: Mapping[str, Precision]
    _configs: dict[str, dict[str, Any]] = field(factory=dict, init=False)
    fp8_cast: bool = field(default=False, kw_only=True)

    def config(self, name: str) -> dict[str, Any]:
        """What ``config.json`` says of component ``name``."""
        if name not in self._configs:
            if not self.layout.has(name) and name in _REMEDIES:
                problem = f"has no {name}; {_REMEDIES[name]}"
                raise lt.CheckpointError(str(self.layout.path), problem)
            self._configs[name] = config_of(self.layout, name)
        return self._configs[name]

    @property
    def transformer(self) -> TransformerConfig:
        return TransformerConfig.from_config(self.config("transformer"))

    @property
    def text_encoder(self) -> TextEncoderConfig:
        return self.gemma("text_encoder")

    def gemma(self, name: str) -> TextEncoderConfig:
        """That of a component which is a Gemma."""
        return TextEncoderConfig.from_config(self.config(name))

    @property
    def text_tokens(self) -> int:
        """Every prompt is padded to this many tokens."""
        said = tokenizer_config(self.layout) if self.layout.has("tokenizer") else {}
        return int(min(_MOST_TEXT_TOKENS, said.get("model_max_length", 1e9)))

    @property
    def audio_latent_shape(self) -> tuple[int, int]:
        """Channels and mel bins of an audio latent."""
        channels = int(self.built("audio_vae").config.latent_channels)
        return channels, self.transformer.audio_in_channels // channels

    @property
    def sound_timing(self) -> SoundTiming:
        """The sample rate, and how far the vocoder looks."""

        def told() -> SoundTiming:
            return SoundDecoder(self.built("audio_vae"), self.built("vocoder")).timing

        return _SOUNDS.of((self._network("audio_vae"), self._network("vocoder")), told)

    @property
    def upsampler_scale(self) -> Fraction:
        """By how much the latent upsampler enlarges; 2 where there is none."""
        if not self.layout.has("upsampler"):
            return Fraction(2)
        return upsampler_scale(self.config("upsampler"))

    def weights(self, *names: str) -> dict[str, int]:
        """What the weights of each of these components take once they are loaded."""
        return {name: self.weight_bytes(name) for name in names}

    def weight_bytes(self, name: str) -> int:
        """What the weights of component ``name`` take once they are loaded."""
        if name == "transformer":
            config = self.transformer
            return self._transformer_bytes(config.parameters, config.num_layers)
        if name in _GEMMAS:
            return self.gemma(name).parameters * self.precisions[name].size
        return _WEIGHTS.of(self._network(name), lambda: weight_bytes(self.built(name)))

    def streamed_bytes(self, name: str) -> int:
        """What of them is on the device at once where blocks are streamed."""
        if name == "transformer":
            config = self.transformer
            blocks = min(STREAMED_BLOCKS, config.num_layers)
            return self._transformer_bytes(config.streamed_parameters, blocks)
        if name == "text_encoder":
            return self.text_encoder.streamed_parameters * self.precisions[name].size
        return self.weight_bytes(name)

    def _transformer_bytes(self, parameters: int, blocks: int) -> int:
        size = self.precisions["transformer"].size
        saved = (size - 1) * self.transformer.projections * blocks if self.fp8_cast else 0
        return parameters * size - saved

    def built(self, name: str) -> Any:
        """The network of component ``name``, without its weights; others have the same one."""
        return _BUILT.of(self._network(name), lambda: self._build(name))

    def connectors(self, tokens: int) -> Cost:
        """``shapes``: of the context for the picture and for the sound."""
        channels = self.text_encoder.hidden_size * (self.text_encoder.num_hidden_layers + 1)
        mask = empty(1, tokens, dtype=torch.int64)
        return self._cost(
            "connectors", (1, tokens, channels), lambda net, x: net(x, mask, padding_side="left")
        )

    def video_encoder(self, shape: tuple[int, ...]) -> Cost:
        """``shape``: ``[1, 3, V, H, W]`` pixels."""
        return self._cost("vae", shape, lambda net, x: net.encode(x).latent_dist.mode())

    def video_decoder(self, shape: tuple[int, ...]) -> Cost:
        """``shape``: ``[1, C, F, H, W]`` latents. The pixels are made in slices."""

        def decode(net: Any, x: torch.Tensor) -> None:
            deque(decoded_slices(net, x), maxlen=0)

        return self._cost("vae", shape, decode)

    def diffusion_decoder(self, shape: tuple[int, ...]) -> Cost:
        """``shape``: ``[1, C, F, H, W]`` latents. All steps of its own loop, and what is before."""
        windows = CountedWindows()

        def decode(net: Any, x: torch.Tensor) -> Any:
            net.set_attn_processor(windows)
            return net.decode(x, return_dict=False)[0]

        return self._cost("diffusion_decoder", shape, decode, beside=lambda: windows.flops)

    def audio_decoder(self, latents: int) -> Cost:
        """``shapes``: of the spectrogram, which the vocoder takes."""
        channels, mel_bins = self.audio_latent_shape
        return self._cost(
            "audio_vae",
            (1, channels, latents, mel_bins),
            lambda net, x: net.decode(x, return_dict=False)[0],
        )

    def audio_encoder(self, mel_frames: int) -> Cost:
        """Of a stereo spectrogram of so many frames."""
        bins = int(self.built("audio_vae").config.mel_bins)
        return self._cost(
            "audio_vae", (1, 2, mel_frames, bins), lambda net, x: net.encode(x).latent_dist.mode()
        )

    def vocoder(self, shape: tuple[int, ...]) -> Cost:
        """``shapes``: of the samples."""
        return self._cost("vocoder", shape, lambda net, x: net(x))

    def upsampler(self, shape: tuple[int, ...]) -> Cost:
        """``shape``: ``[1, C, F, H, W]`` latents before."""
        return self._cost("upsampler", shape, lambda net, x: net(x))

    def _cost(
        self,
        name: str,
        shape: tuple[int, ...],
        run: Callable[[Any, Any], Any],
        beside: Callable[[], int] = lambda: 0,
    ) -> Cost:
        """``beside``: FLOPs of the run that torch does not see."""

        def measured() -> Cost:
            network = self.built(name)
            given = empty(*shape, dtype=self.precisions[name].torch)
            with _RUNNING:
                cost = measure(network, lambda: run(network, given))
                return evolve(cost, flops=cost.flops + beside())

        return _COSTS.of((*self._network(name), *shape), measured)

    def _network(self, name: str) -> tuple[str, str, str]:
        """All that tells how a network is built, and so what it takes."""
        return name, self.precisions[name].name, json.dumps(self.config(name), sort_keys=True)

    def _build(self, name: str) -> Any:
        config, place = self.config(name), self.layout.place(name)
        path = place / "config.json" if place.is_dir() else place
        class_name = config.get("_class_name")
        if class_name not in _CLASSES:
            known = ", ".join(_CLASSES)
            problem = f"_class_name is {class_name!r}; estimated are: {known}"
            raise lt.CheckpointError(str(path), problem)
        cls = getattr(import_module(_CLASSES[class_name]), class_name)
        try:
            return without_data(lambda: cls.from_config(config), self.precisions[name].torch)
        except (TypeError, ValueError, RuntimeError) as error:
            raise lt.CheckpointError(str(path), f"makes no network: {error}") from error
