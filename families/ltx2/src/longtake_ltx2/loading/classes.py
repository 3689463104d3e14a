"""The class of each network, and whether its configuration is one that the class knows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.loading.contents import few

__all__ = [
    "check_config",
    "check_made",
    "class_of",
    "network_class",
    "text_encoder_class",
    "text_encoder_class_of",
]

_CLASSES = {
    "transformer": ("LTX2VideoTransformer3DModel",),
    "vae": ("AutoencoderKLLTX2Video",),
    "audio_vae": ("AutoencoderKLLTX2Audio",),
    "connectors": ("LTX2TextConnectors",),
    "vocoder": ("LTX2Vocoder", "LTX2VocoderWithBWE"),
    "duration_head": ("LTX2DurationHead",),
    "diffusion_decoder": ("LTX2VideoDiffusionDecoderModel",),
    "upsampler": ("LTX2LatentUpsamplerModel",),
}
_MODULES = {
    "connectors": "diffusers.pipelines.ltx2.connectors",
    "vocoder": "diffusers.pipelines.ltx2.vocoder",
    "duration_head": "diffusers.pipelines.ltx2.duration_head",
    "upsampler": "diffusers.pipelines.ltx2.latent_upsampler",
}
"""Where the classes are that diffusers does not have at its top."""

_TEXT_ENCODERS = (
    "Gemma3ForConditionalGeneration",
    "Gemma3ForCausalLM",
    "Gemma4UnifiedForConditionalGeneration",
    "Gemma4UnifiedForCausalLM",
    "Gemma4ForConditionalGeneration",
    "Gemma4ForCausalLM",
)
_ABOUT_THE_FILE = {
    "_class_name",
    "_diffusers_version",
    "_name_or_path",
    "quantization_config",  # looked at elsewhere
}
"""Keys of a configuration that say nothing of the network."""


def network_class(component: str, folder: Path) -> Any:
    """The diffusers class of a component, whose ``config.json`` may name it.

    Raises `longtake.CheckpointError` naming that file for another one.
    """
    file = folder / "config.json"
    return class_of(component, read_json(file), file)


def class_of(component: str, config: Mapping[str, Any], file: Path) -> Any:
    """As `network_class`, from the configuration that ``file`` says."""
    known = _CLASSES[component]
    # A network with a single class is it, also where nothing says so.
    name = config.get("_class_name", known[0]) if len(known) == 1 else config.get("_class_name")
    if name not in known:
        raise _unknown_class(file, "_class_name", name, known)
    return vars(import_module(_MODULES[component]))[name] if component in _MODULES else _top(name)


def text_encoder_class(folder: Path) -> Any:
    """The transformers class that a text encoder's ``config.json`` names.

    Raises `longtake.CheckpointError` naming that file for another one.
    """
    file = folder / "config.json"
    return text_encoder_class_of(read_json(file), file)


def text_encoder_class_of(config: Mapping[str, Any], file: Path) -> Any:
    """As `text_encoder_class`, from the configuration that ``file`` says."""
    import transformers

    value = config.get("architectures")
    name = value[0] if isinstance(value, list) and value else value
    if name not in _TEXT_ENCODERS:
        raise _unknown_class(file, "architectures", name, _TEXT_ENCODERS)
    return getattr(transformers, name)


def check_config(component: str, folder: Path) -> Mapping[str, Any]:
    """The configuration of a diffusers network, if its class knows all that it says.

    Raises `longtake.CheckpointError` naming the file: diffusers itself leaves out what it does
    not know, so that the network would be another one than the file describes.
    """
    file = folder / "config.json"
    cls, config = network_class(component, folder), read_json(file)
    known = inspect.signature(cls.__init__).parameters.keys() | _ABOUT_THE_FILE
    if unknown := config.keys() - known:
        import diffusers

        raise lt.CheckpointError(
            str(file),
            f"has keys that {cls.__name__} of diffusers {diffusers.__version__} does not know: "
            f"{few(unknown)}; a newer diffusers may, else they are misspelt or of another network",
        )
    return config


def check_made(component: str, config: Mapping[str, Any], file: Path) -> None:
    """Refuse a configuration, made of what ``file`` says, that makes no network.

    Raises `longtake.CheckpointError` naming the file.
    """
    import torch

    try:
        with torch.device("meta"):
            class_of(component, config, file).from_config(dict(config))
    except Exception as error:  # diffusers raises all sorts for what makes no sense
        raise lt.CheckpointError(str(file), f"its config makes no sense: {error}") from error


def _top(name: str) -> Any:
    import diffusers

    return getattr(diffusers, name)


def _unknown_class(file: Path, key: str, name: Any, known: tuple[str, ...]) -> lt.CheckpointError:
    return lt.CheckpointError(str(file), f"{key} is {name!r}; these load: {', '.join(known)}")
