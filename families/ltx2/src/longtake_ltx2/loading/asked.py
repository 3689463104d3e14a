"""What is asked for beside the checkpoint, checked before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import longtake as lt
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.checkpoints.original_config import unknown_of_transformer
from longtake_ltx2.checkpoints.parts import network_in
from longtake_ltx2.checkpoints.single_file import SingleFile, single_file
from longtake_ltx2.generation import Generation, generation_of
from longtake_ltx2.loading.checks import check_components, check_folder, check_weights
from longtake_ltx2.loading.classes import check_config
from longtake_ltx2.loading.contents import contents_of, few
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
    given = (config.transformer_path, config.vae_path, config.audio_vae_path)
    for asked in (*given, config.upsampler_weights):
        if asked is not None and not Path(asked).exists():
            raise lt.CheckpointError(asked, "missing; there is no such file or folder")
    single = []
    if config.lora_path is not None:
        strengths = [1.0] if recipe is None else _strengths(recipe)
        single = [LoRA(config.lora_path, max(strengths, key=lambda each: abs(each - 1)))]
    every = (*single, *map(LoRA.parse, config.loras))
    check_loras(every)
    reference_scales(lora.path for lora in every)
    if config.upsampler_weights is not None:
        _check_upsampler(Path(config.upsampler_weights))
    if config.attention_backend is not None:
        _check_attention_backend(config.attention_backend)
    elsewhere = {"transformer": given[0], "vae": given[1], "audio_vae": given[2]}
    replaced = {name: Path(file) for name, file in elsewhere.items() if file is not None}
    check_components(path, replaced=replaced)
    for name, file in replaced.items():
        if name != "transformer":
            _check_network(file, name)
    generation = _generation(Path(config.transformer_path or path / "transformer"), path)
    _check_fits(generation, config, path)
    return generation


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
    check_weights(contents_of(file, [file]).within(found.prefixes[name]))
    return found.generation


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


def _generation(transformer: Path, path: Path) -> Generation:
    """That of a transformer; a .gguf file is described by the checkpoint's own configuration."""
    if transformer.is_file() and transformer.suffix == ".gguf":
        return generation_of(read_json(path / "transformer" / "config.json"))
    said = _check_network(transformer, "transformer")
    return said or generation_of(read_json(transformer / "config.json"))


def upsampler_folder(weights: Path) -> Path:
    """The folder with the ``config.json`` of ``weights``, that folder or a file in it."""
    return weights if weights.is_dir() else weights.parent


def _check_upsampler(weights: Path) -> None:
    if weights.is_dir():
        check_folder(weights, "upsampler")
        return
    described = upsampler_folder(weights) / "config.json"
    if not described.is_file():
        what = network_in(weights) or "weights"
        raise lt.CheckpointError(
            str(described),
            f"missing; {weights.name} ({what}) is loaded as the config.json beside it describes: "
            "put the latent upsampler's there",
        )
    check_config("upsampler", described.parent)
    check_weights(contents_of(weights, [weights]))


def _check_attention_backend(name: str) -> None:
    from diffusers.models.attention_dispatch import AttentionBackendName

    known = sorted(backend.value for backend in AttentionBackendName)
    if name not in known:
        raise lt.ValidationError(
            "attention_backend", f"{name!r} is not known to diffusers; known: {', '.join(known)}"
        )
