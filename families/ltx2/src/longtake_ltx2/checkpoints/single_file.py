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
    "incomplete",
    "recognise_file",
    "recognise_files",
    "single_file",
    "transformer_in",
]

_LOCAL = "--original_state_dict_repo_id none --checkpoint_path"
_CONVERTER = "scripts/convert_ltx2_to_diffusers.py"
_TRANSFORMER_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "")
_TRANSFORMER_MARK = "av_ca_a2v_gate_adaln_single.linear.weight"
"""LTX-Video, from before LTX-2, has transformers of this layout too, but no sound."""

_VAE_PREFIXES = ("vae.", "")
_VAE_MARK = "per_channel_statistics.mean-of-means"
_OTHERS = {
    "audio_vae": ("audio_vae.",),
    "vocoder": ("vocoder.",),
    "connectors": ("text_embedding_projection.", "model.diffusion_model.video_embeddings_conn"),
    "text_encoder": ("model.language_model.", "language_model."),
    "duration_head": ("duration_head.",),
}
_NEEDED = ("transformer", "vae", "audio_vae", "text_encoder", "tokenizer", "connectors", "vocoder")
_MAX_FILES = 64


@frozen
class SingleFile:
    """What a file in Lightricks' layout says about itself.

    - ``version``: as the file gives it, or None.
    - ``prefixes``: the components in it, and what the keys of each start with.
    - ``config``: its own configuration, in ltx-core's terms.
    """

    path: Path
    version: str | None
    generation: Generation
    prefixes: Mapping[str, str]
    config: Mapping[str, Any] = field(repr=False)
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)

    @property
    def components(self) -> tuple[str, ...]:
        """Names of the networks in the file."""
        return tuple(self.prefixes)

    def config_of(self, component: str) -> dict[str, Any]:
        """The file's configuration of one component, empty when it has none.

        Raises `longtake.CheckpointError` when it is not an object.
        """
        config = self.config.get(component, {})
        if not isinstance(config, dict):
            raise lt.CheckpointError(str(self.path), f"its {component} config is not an object")
        return config


def recognise_file(path: Path) -> SingleFile | None:
    """What is in a single file of LTX-2, or None when it is something else.

    Reads the header alone. Raises `longtake.CheckpointError` for a .safetensors file that is
    damaged.
    """
    if path.suffix not in (".safetensors", ".sft") or not path.is_file():
        return None
    shapes, metadata = _header(path)
    config = _config(path, metadata)
    version = metadata.get("model_version")
    generation = _generation(version, shapes)
    if generation is None or not (prefixes := _prefixes(shapes)):
        return None
    return SingleFile(path, version, generation, prefixes, config, shapes)


def recognise_files(path: Path) -> tuple[SingleFile, ...]:
    """The single files of LTX-2 that a path stands for: the file, or those in a folder.

    In a folder, those in its own folders count too (2.5 has one per kind of network), the first 64
    by name; one in diffusers' layout has none. Raises as `recognise_file`.
    """
    if path.is_file():
        files = [path]
    elif (path / "model_index.json").is_file():
        files = []
    else:
        files = sorted({*path.glob("*.safetensors"), *path.glob("*/*.safetensors")})[:_MAX_FILES]
    return tuple(found for file in files if (found := recognise_file(file)))


def single_file(path: Path, component: str) -> SingleFile:
    """A single file that has this component in it.

    Raises `longtake.CheckpointError` when it is something else, or lacks the component.
    """
    if not path.exists():
        raise lt.CheckpointError(str(path), "missing")
    found = recognise_file(path)
    if found is None:
        raise lt.CheckpointError(
            str(path), "is no file of LTX-2 as Lightricks publishes it; a network in diffusers' "
            "layout is given by its folder, which has a config.json"
        )  # fmt: skip
    if component not in found.prefixes:
        has = ", ".join(found.components)
        raise lt.CheckpointError(str(path), f"has no {component}; it has {has}")
    return found


def incomplete(files: tuple[SingleFile, ...], path: Path) -> lt.CheckpointError:
    """The error for single files given as a whole checkpoint: what is missing, what to do.

    diffusers loads the transformer and the VAEs of such files; a text encoder is not in them, or
    not as it loads it, and connectors and vocoder it does not load from them.
    """
    found = {name for file in files for name in file.prefixes}
    here = [name for name in ("transformer", "vae", "audio_vae") if name in found]
    missing = [name for name in _NEEDED if name not in here]
    generation = files[0].generation
    steps = [_whole(files[0])] if len(files) == 1 else [_parts(file) for file in files]
    command = f"python {_CONVERTER} --version {generation} --output_path FOLDER"
    return lt.CheckpointError(
        str(path),
        f"is LTX-{generation} in Lightricks' own layout, of which {', '.join(here) or 'nothing'} "
        f"could be loaded; {', '.join(missing)} could not. Load a checkpoint in diffusers' layout, "
        "if need be with networks of files as transformer_path, vae_path or audio_vae_path; "
        f"diffusers' converter writes it: `{command}` with "
        + ", then with ".join(f"`{step}`" for step in steps if step),
    )


def _whole(file: SingleFile) -> str:
    """The converter's options for a file with everything but the text encoder."""
    options = f"{_LOCAL} {file.path} --combined_filename {file.path.name} --full_pipeline"
    if file.generation == "2.5":
        options += " --text_encoder_model_id GEMMA_4 --tokenizer_id GEMMA_4"
    return options


def _parts(file: SingleFile) -> str:
    """The converter's options for a file with one network or two."""
    if file.prefixes.get("vae") == "":
        return f"--combined_filename none --vae_filename {file.path} --vae"
    flags = {"transformer": "--dit", "vae": "--vae", "audio_vae": "--audio_vae"}
    flags["vocoder"] = "--vocoder"
    wanted = [flag for name, flag in flags.items() if name in file.prefixes]
    return " ".join([_LOCAL, str(file.path), *wanted]) if wanted else ""


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


def _prefixes(keys: Mapping[str, Any]) -> dict[str, str]:
    """The components that keys belong to, and what the keys of each start with."""
    found: dict[str, str] = {}
    if (transformer := transformer_in(keys)) is not None:
        found["transformer"] = transformer[0]
    if (vae := _prefix(keys, _VAE_PREFIXES, _VAE_MARK)) is not None:
        found["vae"] = vae
    for name, starts in _OTHERS.items():
        if any(key.startswith(starts) for key in keys):
            found[name] = starts[0]
    return found


def _prefix(keys: Mapping[str, Any], prefixes: tuple[str, ...], mark: str) -> str | None:
    return next((prefix for prefix in prefixes if prefix + mark in keys), None)
