"""Checkpoints as Lightricks publishes them: single .safetensors files, by what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.generation import Generation, generation_of_version

__all__ = [
    "SingleFile",
    "read_file",
    "recognise_file",
    "recognise_files",
    "single_file",
    "transformer_in",
]

_TRANSFORMER_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "")
_TRANSFORMER_MARK = "av_ca_a2v_gate_adaln_single.linear.weight"
"""LTX-Video, from before LTX-2, has transformers of this layout too, but no sound."""

_CONNECTORS = ("video_embeddings_connector.", "audio_embeddings_connector.")
_TEXT_PROJECTION = "text_embedding_projection."
_VAE_PREFIXES = ("vae.", "")
_VAE_MARK = "per_channel_statistics.mean-of-means"
_CONV_VAE = "CausalVideoAutoencoder"
_OTHERS = ("audio_vae", "vocoder", "duration_head")
_UPSAMPLER_MARKS = ("initial_conv.weight", "post_upsample_res_blocks.0.conv1.weight")
_TEXT_ENCODER_MARKS = (
    "language_model.model.embed_tokens.weight",
    "model.language_model.embed_tokens.weight",
    "model.embed_tokens.weight",
)
"""Gemma 3 and Gemma 4 as transformers saves them, and as ComfyUI has both."""

_MAX_FILES = 64


@frozen
class SingleFile:
    """What a file in Lightricks' layout says about itself.

    - ``version``: as the file gives it, or None.
    - ``generation``: None where neither the version nor a transformer tells it.
    - ``starts``: the components in it, and what the keys of each start with.
    - ``metadata``: what it says beside its weights.
    - ``config``: its own configuration, in ltx-core's terms.
    """

    path: Path
    version: str | None
    generation: Generation | None
    starts: Mapping[str, tuple[str, ...]]
    metadata: Mapping[str, str] = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the networks in the file."""
        return tuple(self.starts)

    def config_of(self, component: str) -> dict[str, Any]:
        """The file's configuration of one component, empty when it has none.

        Raises `longtake.CheckpointError` when it is not an object.
        """
        config = self.config.get(component, {})
        if not isinstance(config, dict):
            raise lt.CheckpointError(str(self.path), f"its {component} config is not an object")
        return config

    def names_of(self, component: str) -> dict[str, str]:
        """The keys of one component's tensors, by their names within it.

        A prefix of the transformer is no part of a name, nor is that of a VAE or a vocoder. The
        connectors have the names that they have in ltx-core's transformer.
        """
        return {
            self._name(component, key): key for key in self.shapes if self._owner(key) == component
        }

    def shapes_of(self, component: str) -> dict[str, tuple[int, ...]]:
        """The shapes of one component's tensors, by their names within it."""
        return {name: self.shapes[key] for name, key in self.names_of(component).items()}

    def _owner(self, key: str) -> str | None:
        """The component with the longest start that fits: an empty one fits everything."""
        fitting = [
            (len(start), component)
            for component, starts in self.starts.items()
            for start in starts
            if key.startswith(start)
        ]
        return max(fitting)[1] if fitting else None

    def _name(self, component: str, key: str) -> str:
        if component == "text_projection":
            return key[key.index(_TEXT_PROJECTION) :]
        start = next(start for start in self.starts[component] if key.startswith(start))
        kept = next((own for own in _CONNECTORS if start.endswith(own)), "")
        return kept + key.removeprefix(start)


def read_file(path: Path) -> SingleFile | None:
    """What of LTX-2 is in a file, or None when that is nothing.

    Reads the header alone. Raises `longtake.CheckpointError` for a .safetensors file that is
    damaged.
    """
    if path.suffix not in (".safetensors", ".sft") or not path.is_file():
        return None
    shapes, metadata = _header(path)
    config = _config(path, metadata)
    version = metadata.get("model_version")
    starts = _starts(shapes, config)
    generation = _generation(version, shapes)
    is_older = generation is None and version is not None and version[:1].isdecimal()
    if not starts or is_older:
        return None
    return SingleFile(path, version, generation, starts, metadata, config, shapes)


def recognise_file(path: Path) -> SingleFile | None:
    """As `read_file`, for a file that tells its generation."""
    found = read_file(path)
    return None if found is None or found.generation is None else found


def recognise_files(path: Path) -> tuple[SingleFile, ...]:
    """What of LTX-2 is in ``path``: a single file, or a folder and the folders in it.

    A folder in diffusers' layout has none of its own. Raises `longtake.CheckpointError` for a file
    that is damaged.
    """
    if path.is_file():
        files = [path]
    elif (path / "model_index.json").is_file():
        files = []
    else:
        files = sorted({*path.glob("*.safetensors"), *path.glob("*/*.safetensors")})[:_MAX_FILES]
    return tuple(found for file in files if (found := read_file(file)))


def single_file(path: Path, component: str) -> SingleFile:
    """A single file that has this component in it.

    Raises `longtake.CheckpointError` when it is something else, or lacks the component.
    """
    if not path.exists():
        raise lt.CheckpointError(str(path), "missing")
    found = read_file(path)
    if found is None or (found.generation is None and component in ("transformer", "vae")):
        raise lt.CheckpointError(
            str(path), "is no file of LTX-2 as Lightricks publishes it; a network in diffusers' "
            "layout is given by its folder, which has a config.json"
        )  # fmt: skip
    if component not in found.starts:
        has = ", ".join(found.components)
        remedy = ""
        if component == "vae" and "diffusion_decoder" in found.starts:
            remedy = "; take the file with the convolutional decoder, which encodes as well"
        raise lt.CheckpointError(str(path), f"has no {component}; it has {has}{remedy}")
    return found


def _header(path: Path) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            keys = file.keys()
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in keys}
            return shapes, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise lt.CheckpointError(str(path), f"is damaged ({error}); download it again") from error


def _config(path: Path, metadata: Mapping[str, str]) -> dict[str, Any]:
    if "config" not in metadata:
        return {}
    try:
        config = json.loads(metadata["config"])
    except (ValueError, RecursionError) as error:
        raise lt.CheckpointError(str(path), f"the config in it is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise lt.CheckpointError(str(path), "the config in it is not an object")
    return config


def transformer_in(keys: Mapping[str, Any]) -> tuple[str, Generation] | None:
    """What the keys of a transformer in Lightricks' layout start with, and its generation.

    None when these are other keys.
    """
    prefix = _prefix(keys, _TRANSFORMER_PREFIXES, _TRANSFORMER_MARK)
    if prefix is None:
        return None
    if f"{prefix}transformer_blocks.0.ff.net.2.bias" not in keys:
        return prefix, "2.5"
    has_prompt_adaln = f"{prefix}prompt_adaln_single.linear.weight" in keys
    return prefix, "2.3" if has_prompt_adaln else "2.0"


def _generation(version: str | None, keys: Mapping[str, Any]) -> Generation | None:
    """By the file's version; without one, by what its transformer has. None: not LTX-2."""
    if version is not None and version[:1].isdecimal():
        return generation_of_version(version)
    transformer = transformer_in(keys)
    return None if transformer is None else transformer[1]


def _starts(keys: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The components that keys belong to, and what the keys of each start with."""
    found: dict[str, tuple[str, ...]] = {}
    if (transformer := transformer_in(keys)) is not None:
        found["transformer"] = (transformer[0],)
    for prefix in _TRANSFORMER_PREFIXES:
        if any(key.startswith(prefix + _CONNECTORS[0]) for key in keys):
            found["connectors"] = tuple(prefix + own for own in _CONNECTORS)
            break
    projections = tuple(prefix + _TEXT_PROJECTION for prefix in _TRANSFORMER_PREFIXES)
    if any(key.startswith(projections) for key in keys):
        found["text_projection"] = projections
    if (vae := _prefix(keys, _VAE_PREFIXES, _VAE_MARK)) is not None:
        of_vae = config.get("vae")
        kind = of_vae.get("_class_name", _CONV_VAE) if isinstance(of_vae, dict) else _CONV_VAE
        found["vae" if kind == _CONV_VAE else "diffusion_decoder"] = (vae,)
    for name in _OTHERS:
        if any(key.startswith(f"{name}.") for key in keys):
            found[name] = (f"{name}.",)
    if any(mark in keys for mark in _TEXT_ENCODER_MARKS):
        found["text_encoder"] = ("",)
    if all(mark in keys for mark in _UPSAMPLER_MARKS):
        found["upsampler"] = ("",)
    return found


def _prefix(keys: Mapping[str, Any], prefixes: tuple[str, ...], mark: str) -> str | None:
    return next((prefix for prefix in prefixes if prefix + mark in keys), None)
