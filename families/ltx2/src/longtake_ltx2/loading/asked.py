"""What is asked for beside the checkpoint, checked before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_in_file, config_of
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.checkpoints.gemma_file import gemma_names
from longtake_ltx2.checkpoints.layout import Layout, is_folder, layout_of
from longtake_ltx2.checkpoints.original_config import unknown_of_transformer
from longtake_ltx2.checkpoints.parts import network_in
from longtake_ltx2.checkpoints.single_file import SingleFile, single_file
from longtake_ltx2.conditioning.instructions import read_instructions
from longtake_ltx2.generation import Generation, generation_of
from longtake_ltx2.loading.checks import (
    check_components,
    check_folder,
    check_text_encoder,
    check_weights,
)
from longtake_ltx2.loading.classes import check_config, check_made, text_encoder_class_of
from longtake_ltx2.loading.contents import Contents, contents_of, few
from longtake_ltx2.loading.prompt_writers import check_prompt_enhancer
from longtake_ltx2.loading.tokenizer import check_tokenizer_at
from longtake_ltx2.lora.adapters import LoRA, check_loras
from longtake_ltx2.lora.references import reference_scales
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.recipes import LORA_STAGE

__all__ = ["check_asked", "checkpoint_path", "upsampler_folder"]


def checkpoint_path(given: Path | None, config: LTX2T2VConfig) -> Path:
    """The path of the checkpoint, ``given`` or configured.

    Raises `longtake.ValidationError` when neither says it, or both and not the same.
    """
    configured = config.model_path
    if given is None and configured is None:
        raise lt.ValidationError("path", "LTX-2 needs the path of a checkpoint")
    if given is None or configured is None:
        return Path(given or configured or "")
    if given.resolve() != Path(configured).resolve():
        raise lt.ValidationError("model_path", f"is {configured!r}, but {str(given)!r} is loaded")
    return given


def check_asked(path: Path, config: LTX2T2VConfig, recipe: lt.Recipe | None = None) -> Generation:
    """Refuse what cannot be loaded or would not be used; gives the generation of the transformer.

    ``recipe``: of a segment, if it is known. Raises `longtake.CheckpointError` for a missing or
    damaged file, `longtake.MissingDependencyError` for a package that quantised weights need, and
    `longtake.ValidationError` for an attention backend that diffusers does not know, and for
    weights of a second pass that there is not.
    """
    _check_second_pass(config, recipe)
    _check_together(config)
    if config.prompt_instructions_path is not None:
        read_instructions(config.prompt_instructions_path)
    for asked in config.places.values():
        if not asked.exists():
            raise lt.CheckpointError(str(asked), "missing; there is no such file or folder")
    single = []
    if config.lora_path is not None:
        strengths = [1.0] if recipe is None else _strengths(recipe)
        single = [LoRA(config.lora_path, max(strengths, key=lambda each: abs(each - 1)))]
    every = (*single, *map(LoRA.parse, config.loras))
    check_loras(every)
    reference_scales(lora.path for lora in every)
    if config.attention_backend is not None:
        _check_attention_backend(config.attention_backend)
    layout = layout_of(path, config.places)
    if is_folder(path):
        replaced = {name: place for name, place in layout.places.items() if name in config.places}
        replaced |= {"tokenizer": layout.place("tokenizer")} if config.text_encoder_path else {}
        check_components(path, replaced=replaced)
        for name, place in replaced.items():
            _check_part(place, name, layout)
    else:
        _check_files(layout)
    generation = _generation(layout)
    _check_fits(generation, config, path)
    return generation


def _check_files(layout: Layout) -> None:
    """Refuse single files that are not a whole checkpoint, or not what they say."""
    layout.check()
    for name, place in layout.places.items():
        if name == "text_projection":
            check_weights(_own(single_file(place, name), name))
        else:
            _check_part(place, name, layout)


def _check_part(place: Path, name: str, layout: Layout) -> None:
    """Whether a component is whole, wherever it is."""
    if name == "tokenizer":
        check_tokenizer_at(place)
    elif name == "prompt_enhancer":
        check_prompt_enhancer(place)
    elif name == "text_encoder" and place.is_dir():
        check_text_encoder(place)
    elif name == "text_encoder":
        text_encoder_class_of(config_of(layout, name), place)
        check_weights(_own(single_file(place, name), name))
    elif name == "upsampler":
        _check_upsampler(place)
    elif place.suffix == ".gguf" and name == "transformer":
        return  # what is in it is seen when it is loaded
    else:
        _check_network(place, name)
        if name not in ("transformer", "vae", "audio_vae") and not place.is_dir():
            check_made(name, config_of(layout, name), place)


def _check_second_pass(config: LTX2T2VConfig, recipe: lt.Recipe | None) -> None:
    if recipe is None:
        return
    has_second = any(spec.name == "refine" for spec in recipe)
    for name, file, is_used in (
        ("upsampler_weights", config.upsampler_weights, has_second),
        ("lora_path", config.lora_path, bool(_strengths(recipe))),
    ):
        if file is not None and not is_used:
            raise lt.ValidationError(
                name,
                "is for a second pass, which there is not here: take the preset ltx2_two_stage"
                + (", or loras for every pass" if name == "lora_path" else ""),
            )


def _strengths(recipe: lt.Recipe) -> list[float]:
    """Of the LoRA at ``lora_path``, in each pass that it is on in."""
    return [spec.arguments["strength"] for spec in recipe if spec.stage == LORA_STAGE]


def _check_together(config: LTX2T2VConfig) -> None:
    if config.compile and config.offload == "block":
        raise lt.ValidationError(
            "compile", "is not possible with offload='block', whose weights move between blocks"
        )
    if config.fp8_cast and config.lora_path is not None:
        raise lt.ValidationError(
            "fp8_cast",
            "is not possible with lora_path: a LoRA goes into a network before its weights are "
            "kept in fp8; say it with loras, for every pass",
        )


def _check_network(file: Path, name: str) -> Generation | None:
    """Whether a folder is whole, or a single file holds the network called ``name``.

    Gives the generation that a single file says.
    """
    if file.is_dir():
        check_folder(file, name)
        return None
    if (network := network_in(file)) is not None:
        raise lt.CheckpointError(
            str(file), f"is the weights of one network in diffusers' layout ({network}); give the "
            "folder that has its config.json beside them, as the option for this network"
        )  # fmt: skip
    found = single_file(file, name)
    if name == "transformer":
        _check_original_config(found)
    check_weights(_own(found, name))
    return found.generation


def _own(file: SingleFile, name: str) -> Contents:
    """The tensors of one component of a single file."""
    names = file.names_of(name)
    own = gemma_names(names) if name == "text_encoder" else names
    return contents_of(file.path, [file.path]).named(own)


def _check_original_config(file: SingleFile) -> None:
    if unknown := unknown_of_transformer(file.config_of("transformer")):
        raise lt.CheckpointError(
            str(file.path),
            f"the config in it says what diffusers' transformer cannot follow: {few(unknown)}; it "
            "is of another network, or of a newer version",
        )


def _check_fits(generation: Generation, config: LTX2T2VConfig, path: Path) -> None:
    """Refuse a transformer that the checkpoint's text encoder and connectors are not made for."""
    described = path / "transformer" / "config.json"
    if config.transformer_path is None or not described.is_file():
        return
    own = generation_of(read_json(described))
    if own != generation:
        raise lt.CheckpointError(
            config.transformer_path, f"is of generation {generation}, the checkpoint is of {own}"
        )


def _generation(layout: Layout) -> Generation:
    """That of the transformer; a .gguf file is described by the checkpoint's own configuration."""
    place = layout.place("transformer")
    if not place.is_dir() and place.suffix != ".gguf":
        said = single_file(place, "transformer").generation
        assert said is not None
        return said
    return generation_of(config_of(layout, "transformer"))


def upsampler_folder(weights: Path) -> Path:
    """The folder with the ``config.json`` of ``weights``, that folder or a file in it."""
    return weights if weights.is_dir() else weights.parent


def _check_upsampler(weights: Path) -> None:
    if weights.is_dir():
        check_folder(weights, "upsampler")
        return
    described = upsampler_folder(weights) / "config.json"
    if described.is_file():
        check_config("upsampler", described.parent)
        check_weights(contents_of(weights, [weights]))
        return
    file = single_file(weights, "upsampler")
    check_made("upsampler", config_in_file(file, "upsampler"), weights)
    check_weights(_own(file, "upsampler"))


def _check_attention_backend(name: str) -> None:
    from diffusers.models.attention_dispatch import AttentionBackendName

    known = sorted(backend.value for backend in AttentionBackendName)
    if name not in known:
        raise lt.ValidationError(
            "attention_backend", f"{name!r} is not known to diffusers; known: {', '.join(known)}"
        )
