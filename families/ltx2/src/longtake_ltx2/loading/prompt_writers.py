"""What rewrites prompts, from the files of a Gemma: its template of a chat, and its processor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_of
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.checkpoints.layout import Layout, tokenizer_beside
from longtake_ltx2.conditioning.instructions import read_instructions
from longtake_ltx2.conditioning.prompt_writer import PromptWriter
from longtake_ltx2.loading.checks import check_text_encoder
from longtake_ltx2.loading.tokenizer import (
    check_tokenizer,
    load_tokenizer,
    load_tokenizer_file,
)
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["check_prompt_enhancer", "own_writer", "writer_in"]

_PROCESSORS = ("processor_config.json", "preprocessor_config.json")
_BESIDE = "processor"
"""The folder of diffusers' layout that the processor of the text encoder is in."""


def check_prompt_enhancer(folder: Path) -> None:
    """Refuse a Gemma that is no folder, or not whole; nothing is loaded.

    Raises `longtake.CheckpointError` naming the file.
    """
    if not folder.is_dir():
        problem = "is a file; what rewrites prompts is the folder of a Gemma, as it is published"
        raise lt.CheckpointError(str(folder), problem)
    check_text_encoder(folder)
    check_tokenizer(_tokenizer_of(folder))


def own_writer(layout: Layout, config: LTX2T2VConfig, load: Callable[[], Any]) -> PromptWriter:
    """The checkpoint's text encoder, which ``load`` gives, as what rewrites prompts."""
    place = layout.place("tokenizer")
    tokenizer = load_tokenizer(place) if place.is_dir() else load_tokenizer_file(place)
    described = config_of(layout, "text_encoder")
    folders = [layout.path / _BESIDE, place, layout.place("text_encoder")]
    return _writer(config, load, described, tokenizer, place, folders)


def writer_in(folder: Path, config: LTX2T2VConfig, load: Callable[[], Any]) -> PromptWriter:
    """The Gemma in ``folder``, which ``load`` gives, as what rewrites prompts."""
    place, described = _tokenizer_of(folder), read_json(folder / "config.json")
    folders = [folder, place, folder.parent / _BESIDE]
    return _writer(config, load, described, load_tokenizer(place), place, folders)


def _writer(
    config: LTX2T2VConfig,
    load: Callable[[], Any],
    described: dict[str, Any],
    tokenizer: Any,
    place: Path,
    folders: list[Path],
) -> PromptWriter:
    own = config.prompt_instructions_path
    with_one = [each for each in folders if any((each / name).is_file() for name in _PROCESSORS)]
    return PromptWriter(
        load=load,
        tokenizer=tokenizer,
        tokenizer_place=place,
        load_processor=functools.partial(_processor, with_one[0]) if with_one else None,
        model_type=str(described.get("model_type", "")),
        sees="vision_config" in described,
        instructions=None if own is None else read_instructions(own),
    )


def _tokenizer_of(folder: Path) -> Path:
    place = tokenizer_beside(folder)
    if place is None:
        problem = "has no tokenizer (tokenizer.json) in it or beside it; take the published folder"
        raise lt.CheckpointError(str(folder), problem)
    return place


def _processor(folder: Path) -> Any:
    """What makes tokens of text and pictures. Raises `longtake.CheckpointError`."""
    from transformers import AutoProcessor

    try:
        return AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library raises all sorts
        raise lt.CheckpointError(str(folder), f"its processor cannot be loaded: {error}") from error
