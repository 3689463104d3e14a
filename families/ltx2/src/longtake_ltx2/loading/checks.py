"""Whether a checkpoint's networks can be loaded, from its small files and headers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.checkpoints.folder import find_upsampler, read_json
from longtake_ltx2.generation import Generation, generation_of
from longtake_ltx2.loading.classes import check_config, text_encoder_class
from longtake_ltx2.loading.contents import Contents, contents_of, few
from longtake_ltx2.loading.quantised import check_quantisation, is_quantised
from longtake_ltx2.loading.scales import scales_of
from longtake_ltx2.loading.tokenizer import check_tokenizer
from longtake_ltx2.loading.weight_files import weight_files

__all__ = ["check_components", "check_folder", "check_text_encoder", "check_weights"]

_COMPONENTS = ("transformer", "vae", "audio_vae", "connectors", "vocoder")
"""Folders with weights. The scheduler's file is not read: the preset decides the schedule."""

_OPTIONAL_COMPONENTS: dict[Generation, tuple[str, ...]] = {
    "2.0": (),
    "2.3": (),
    "2.5": ("duration_head", "diffusion_decoder"),
}
"""Folders with weights that a checkpoint may have."""

_OF_ADAPTERS = (".base_layer.", ".lora_A.", ".lora_B.", ".lora_magnitude_vector.")


def check_components(path: Path, *, replaced: Collection[str] = ()) -> None:
    """Refuse a folder with a missing or cut-off component before anything is loaded.

    Optional components are checked when they are there, and those ``replaced`` by others not at
    all. Raises `longtake.CheckpointError` naming the file.
    """
    generation = generation_of(read_json(path / "transformer" / "config.json"))
    names = [name for name in _COMPONENTS if name not in replaced]
    names += [n for n in _OPTIONAL_COMPONENTS[generation] if (path / n).is_dir()]
    for name in names:
        check_folder(path / name, name)
    if "text_encoder" not in replaced:
        check_text_encoder(path / "text_encoder")
    if "upsampler" not in replaced and (upsampler := find_upsampler(path)) is not None:
        check_folder(upsampler, "upsampler")
    if "tokenizer" not in replaced:
        check_tokenizer(path / "tokenizer")


def check_folder(folder: Path, component: str) -> None:
    """Refuse a folder of diffusers that does not hold this component, whole.

    Raises `longtake.CheckpointError` naming the file that is missing or damaged, or has what the
    component does not know, and `longtake.MissingDependencyError` for the package that quantised
    weights need.
    """
    read_json(folder / "config.json")
    files = weight_files(folder)
    config = check_config(component, folder)
    check_quantisation(folder / "config.json", config, "diffusers")
    contents = contents_of(folder, files)
    if not is_quantised(config):
        check_weights(contents, config)


def check_text_encoder(folder: Path) -> None:
    """As `check_folder`, by transformers' rules.

    Its configuration may have keys that the class does not know: transformers keeps them, and has
    written others in the past.
    """
    config = read_json(folder / "config.json")
    contents = contents_of(folder, weight_files(folder, "transformers"))
    text_encoder_class(folder)
    check_quantisation(folder / "config.json", config, "transformers")
    if not is_quantised(config):
        check_weights(contents, config)


def check_weights(contents: Contents, config: Mapping[str, Any] | None = None) -> None:
    """Refuse weights with a LoRA among them, or quantised in a way that is not known.

    ``config``: the network's, where there is one.

    Raises `longtake.CheckpointError` naming them.
    """
    if mixed := {n for n in contents.tensors if any(part in n for part in _OF_ADAPTERS)}:
        raise lt.CheckpointError(
            str(contents.path),
            f"was saved with a LoRA attached ({few(mixed)}); save the network without it "
            "(unload_lora), or fused with it, and give the LoRA as loras=",
        )
    scales_of(contents, config or {})
