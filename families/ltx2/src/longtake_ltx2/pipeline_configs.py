"""The options of loading LTX-2, under the names of the reference implementation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen
from attrs.validators import and_, deep_iterable, ge, in_, instance_of, max_len, min_len, optional

import longtake as lt
from longtake_ltx2.forward.names import ForwardName
from longtake_ltx2.numerics import NumericsName

__all__ = ["PRECISIONS", "LTX2T2VConfig"]

PRECISIONS = {
    "bf16": "bfloat16",
    "fp16": "float16",
    "fp32": "float32",
    "bfloat16": "bfloat16",
    "float16": "float16",
    "float32": "float32",
    "float64": "float64",
}
"""The names of a precision, and torch's name of each."""


def _by_default(precision: str) -> str:
    return precision if precision == "fp32" else f"{precision}, or fp32 on a CPU"


def _precision(default: str, network: str) -> Any:
    return field(
        default=default,
        validator=in_(tuple(PRECISIONS)),
        metadata={
            "help": f"Floats of {network}; by default {_by_default(default)}.",
            "group": "Precision",
        },
    )


def _not_empty(instance: object, attribute: Attribute[Any], value: str) -> None:
    if not value:
        raise lt.ValidationError(attribute.name, "is empty")


def _text(text: str, metavar: str, **metadata: str | bool) -> Any:
    validator = optional(and_(instance_of(str), _not_empty, min_len(1)))
    told = {"help": text, "metavar": metavar, **metadata}
    return field(default=None, validator=validator, metadata=told)


def _path(text: str) -> Any:
    return _text(text, "PATH", group="Model")


def _needed_once(text: str) -> Any:
    """A file that a take can be made again without."""
    return _text(text, "PATH", group="Model", again=False)


def _switch(text: str) -> Any:
    return field(default=False, validator=instance_of(bool), metadata={"help": text})


@frozen
class _OnlyDefault:
    """Accepts a field's default and says of anything else why it cannot be had."""

    default: Any
    why: str

    def __call__(self, instance: object, attribute: Attribute[Any], value: object) -> None:
        is_flag = isinstance(self.default, bool)
        if value != self.default or isinstance(value, bool) is not is_flag:
            problem = f"is {value!r}; only {self.default!r} is possible: {self.why}"
            raise lt.ValidationError(attribute.name, problem)

    @property
    def schema_keywords(self) -> Mapping[str, Any]:
        plain = list(self.default) if isinstance(self.default, tuple) else self.default
        return {"const": plain}


def _without_effect(default: object, why: str) -> Any:
    """A field of the reference that means nothing here: its default is accepted, and no more."""
    return field(
        default=default,
        validator=_OnlyDefault(default, why),
        metadata={"help": f"Only {default!r}: {why}.", "cli": False},
    )


def _exactly_one(instance: object, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    if len(value) != 1:
        raise lt.ValidationError(attribute.name, f"has {len(value)} entries; LTX-2 has one encoder")


@frozen(kw_only=True, slots=False)
class LTX2T2VConfig:
    """Keyword arguments of `longtake.load` for this family, each also a field of a JSON file.

    A keyword that is given counts before the file at ``pipeline_config_path``, and that before the
    defaults. Precisions that neither gives follow ``dtype`` of `longtake.load`; without one they
    are the published ones, or fp32 on a CPU. Torch's names of the dtypes are accepted too.
    ``model_path`` is the path given to `longtake.load`, and filled in by it.

    ``vae_tiling`` changes the picture, because the decoder sees further than the overlap of tiles:
    random latents of 512 x 768 pixels and 9 frames by 0.70 (2.0 and 2.3) and 0.67 (2.5) of the
    largest value, says ``python benchmarks/tiling.py``.

    Fields of the reference that mean nothing for LTX-2 are accepted at their default only. The
    architecture of each network is the checkpoint's own, see `architectures`.

    Raises `longtake.ValidationError` for such a field, `TypeError` or `ValueError` for any other
    value that is wrong; `longtake.load` and `from_file` turn those into the former.
    """

    model_path: str | None = field(
        default=None,
        validator=optional(instance_of(str)),
        metadata={"help": "The checkpoint; the same as the path that is loaded.", "cli": False},
    )
    pipeline_config_path: str | None = _path(
        "A JSON file with fields of this configuration; options given next to it win."
    )
    numerics: NumericsName = field(
        default="official",
        validator=in_(("official", "diffusers")),
        metadata={
            "help": "Whose numbers to follow where implementations disagree: ltx-core's or "
            "diffusers'.",
            "group": "Precision",
        },
    )
    transformer_path: str | None = _path(
        "A folder or single file with another transformer than the checkpoint's own."
    )
    vae_path: str | None = _path("Another video VAE: its folder, or an original single file.")
    audio_vae_path: str | None = _path("Another audio VAE: its folder, or an original single file.")
    vocoder_path: str | None = _path("Another vocoder: its folder, or an original single file.")
    text_encoder_path: str | None = _path(
        "Another text encoder: the folder of the Gemma, or a single file with it; the tokenizer is "
        "taken from there too."
    )
    tokenizer_path: str | None = _path("Another tokenizer: its folder.")
    prompt_enhancer_path: str | None = _needed_once(
        "A Gemma that rewrites prompts where that is asked for, in the place of the text encoder: "
        "its folder, with tokenizer and processor. 2.5 needs one."
    )
    prompt_instructions_path: str | None = _needed_once(
        "A text file: what that model is told, in the place of Longtake's own words."
    )
    upsampler_weights: str | None = _path(
        "The latent upsampler of the refine pass: its folder or its .safetensors file. By default "
        "the checkpoint's own."
    )
    lora_path: str | None = _path(
        "A LoRA for the passes that the recipe has it on in, the second one of two: a .safetensors "
        "file or folder."
    )
    loras: tuple[str, ...] = field(
        default=(),
        validator=[instance_of(tuple), deep_iterable(instance_of(str))],
        metadata={
            "help": "A LoRA for every pass. Repeatable.",
            "metavar": "PATH[=WEIGHT]",
            "group": "Model",
        },
    )
    offload: str = field(
        default="none",
        validator=in_(("none", "component", "block")),
        metadata={
            "help": "component: a network is on the device only while it is needed, and in the "
            "computer's memory otherwise. block: of the transformer and of the text encoder only "
            "the block that computes, and the next one.",
            "saves_memory": ("component", "block"),
        },
    )
    forward: ForwardName = field(
        default="exact",
        validator=in_(("exact", "plain")),
        metadata={
            "help": "Who computes the transformer. exact: with less work, the same but for "
            "rounding; plain: diffusers' own forward.",
        },
    )
    fp8_cast: bool = _switch(
        "Keep the transformer's large matrices in fp8 (e4m3fn, no scales), as ltx-core's fp8-cast: "
        "nearly half the memory, and another picture; the log says how far the weights are off."
    )
    attention_backend: str | None = _text(
        "A name that diffusers' set_attention_backend knows.", "NAME"
    )
    compile: bool = _switch("Compile the transformer's repeated blocks with torch.compile.")
    vae_tiling: bool = _switch(
        "Decode the picture in tiles: takes less memory, and changes the picture."
    )
    text_cache_bytes: int = field(
        default=256 * 2**20,
        validator=[instance_of(int), ge(0)],
        metadata={
            "help": "How many bytes of encoded prompts are kept in the computer's memory for the "
            "next time; 0 keeps none.",
            "metavar": "BYTES",
        },
    )
    text_real_tokens: bool = _switch(
        "The text encoder does not see the padding of a prompt: many times less work, and results "
        "that differ by about 1e-5."
    )
    portable_states: bool = _switch(
        "States of kind ltx2.v2 carry the frames beside the latents, so that another VAE can read "
        "them too."
    )
    dit_precision: str = _precision("bf16", "the transformer")
    vae_precision: str = _precision("bf16", "the video VAE")
    upsampler_precision: str = _precision("fp32", "the latent upsampler")
    text_encoder_precisions: tuple[str, ...] = field(
        default=("bf16",),
        validator=[
            instance_of(tuple),
            _exactly_one,
            min_len(1),
            max_len(1),
            deep_iterable(in_(tuple(PRECISIONS))),
        ],
        metadata={
            "help": f"Floats of the text encoder; by default {_by_default('bf16')}.",
            "group": "Precision",
        },
    )
    audio_decoder_precision: str = _precision("bf16", "the audio VAE")
    vocoder_precision: str = _precision("bf16", "the vocoder")

    image_encoder_precision: str = _without_effect("fp32", "LTX-2 has no image encoder")
    vae_sp: bool = _without_effect(False, "one process decodes the picture")
    embedded_cfg_scale: float = _without_effect(6.0, "LTX-2 has no embedded guidance")
    flow_shift: float | None = _without_effect(None, "LTX-2 shifts its schedule by its own rule")
    flow_shift_sr: float | None = _without_effect(None, "the refine pass has a fixed schedule")
    disable_autocast: bool = _without_effect(False, "nothing runs under autocast")
    is_causal: bool = _without_effect(False, "LTX-2's transformer is not causal")
    dmd_denoising_steps: tuple[int, ...] | None = _without_effect(
        None, "distilled presets have their own schedule"
    )
    ti2v_task: bool = _without_effect(False, "images are inputs of every request")
    boundary_ratio: float | None = _without_effect(None, "LTX-2 has one transformer")
    preprocess_text_funcs: tuple[str, ...] = _without_effect(
        ("identity",), "a prompt is encoded as it is"
    )
    postprocess_text_funcs: tuple[str, ...] = _without_effect(
        ("last_hidden_state",), "the connectors read what the text encoder gives"
    )

    def __new__(cls, **given: Any) -> LTX2T2VConfig:
        """Note which fields are given: a default that is given counts before a file's value."""
        config = super().__new__(cls)
        config.__dict__["_given"] = frozenset(given)
        return config

    @property
    def places(self) -> Mapping[str, Path]:
        """What is loaded from elsewhere than the checkpoint, by component."""
        given = {
            "transformer": self.transformer_path,
            "vae": self.vae_path,
            "audio_vae": self.audio_vae_path,
            "vocoder": self.vocoder_path,
            "text_encoder": self.text_encoder_path,
            "tokenizer": self.tokenizer_path,
            "prompt_enhancer": self.prompt_enhancer_path,
            "upsampler": self.upsampler_weights,
        }
        return {name: Path(path) for name, path in given.items() if path is not None}

    @classmethod
    def from_file(cls, path: str | Path) -> LTX2T2VConfig:
        """The configuration that a JSON file says.

        Raises `longtake.ValidationError` naming the file, and the field for an unknown one or a
        wrong value.
        """
        from longtake_ltx2.checkpoints.config_file import read_config

        return read_config(Path(path), cls)

    @property
    def given(self) -> Mapping[str, Any]:
        """The fields that were given, whatever their value."""
        return {name: self.__dict__[name] for name in sorted(self.__dict__["_given"])}

    def with_file(self) -> LTX2T2VConfig:
        """With what the file at ``pipeline_config_path`` says where nothing else was given.

        Raises as `from_file`, and for a file that names another one.
        """
        if self.pipeline_config_path is None:
            return self
        file = type(self).from_file(self.pipeline_config_path)
        if file.pipeline_config_path is not None:
            where = f"{self.pipeline_config_path}: pipeline_config_path"
            raise lt.ValidationError(where, "a configuration file cannot name another one")
        return type(self)(**{**file.given, **self.given})

    def with_dtype(self, dtype: str | None, device: str) -> LTX2T2VConfig:
        """Every precision that was not given is ``dtype``; without one, fp32 on a CPU."""
        chosen = "fp32" if dtype is None and device.startswith("cpu") else dtype
        if chosen is None:
            return self
        networks = ("dit", "vae", "upsampler", "audio_decoder", "vocoder")
        decided: dict[str, Any] = {f"{name}_precision": chosen for name in networks}
        decided["text_encoder_precisions"] = (chosen,)
        return type(self)(**{**decided, **self.given})

    @staticmethod
    def architectures(path: str | Path) -> Mapping[str, Mapping[str, Any]]:
        """The configuration of each network of a checkpoint, by the name of its folder.

        Raises `longtake.CheckpointError` for a file that is no JSON object.
        """
        from longtake_ltx2.checkpoints.folder import read_json

        found = sorted(Path(path).glob("*/config.json"))
        return {config.parent.name: read_json(config) for config in found}
