"""Writing a checkpoint of single files in diffusers' layout: a folder for each network."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from attrs import evolve

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_of
from longtake_ltx2.checkpoints.gemma_file import tokenizer_files
from longtake_ltx2.checkpoints.layout import Layout, layout_of
from longtake_ltx2.loading.asked import check_asked
from longtake_ltx2.loading.contents import contents_of
from longtake_ltx2.loading.networks import NetworkLoader
from longtake_ltx2.loading.placement import Resident
from longtake_ltx2.loading.weight_files import Library, weight_files
from longtake_ltx2.pipeline_configs import LTX2T2VConfig
from longtake_ltx2.quiet import quiet_libraries

__all__ = ["convert"]

_FLOATS = {"F64": "float64", "F32": "fp32", "F16": "fp16", "BF16": "bf16"}
_NETWORKS = ("transformer", "connectors", "vae", "audio_vae", "vocoder", "text_encoder")
_OPTIONAL = ("duration_head", "diffusion_decoder", "upsampler")
_FOLDERS = {"upsampler": "latent_upsampler"}
_OF_PIPELINES = ("connectors", "vocoder", "duration_head")
"""Networks whose classes diffusers has beside its pipelines, and not at its top."""

_BESIDE = ("diffusion_decoder", "upsampler")
"""Networks that are no part of diffusers' pipeline."""

_MAX_SHARD = "5GB"
_SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "use_dynamic_shifting": True,
    "base_shift": 0.95,
    "max_shift": 2.05,
    "base_image_seq_len": 1024,
    "max_image_seq_len": 4096,
    "shift_terminal": 0.1,
}
"""As published; Longtake's own schedules do not read it."""

_OF_TEXT = (
    *("tokenizer", "special_tokens", "added_tokens", "chat_"),
    *("processor_config", "preprocessor_config"),
)
"""How the files begin of what makes tokens."""


def convert(
    path: Path, folder: Path, config: LTX2T2VConfig | None = None, *, dtype: str | None = None
) -> Path:
    """Write the checkpoint at ``path`` to ``folder`` in diffusers' layout; gives the folder.

    ``config``: where networks come from that ``path`` has not. ``dtype``: of the weights that are
    written, e.g. ``"bf16"``; None keeps each network's own, and makes bf16 of what is in fp8. One
    network after the other is in memory. The folder is there when all of it is written.

    Raises `longtake.CheckpointError` for a checkpoint that is damaged or incomplete, and
    `longtake.OutputError` for a folder that is there and not empty, or cannot be written.
    """
    config = evolve(config or LTX2T2VConfig(), model_path=str(path))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise lt.OutputError(str(folder), "is there already; name another folder")
    generation = check_asked(path, config)
    layout = layout_of(path, config.places)
    parent = folder.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.mkdtemp(prefix=".longtake-", dir=parent)
        try:
            index: dict[str, Any] = {}
            for name in (*_NETWORKS, *(each for each in _OPTIONAL if layout.has(each))):
                own = _in_floats(config, dtype or _stored_floats(layout, name))
                loader = NetworkLoader(
                    layout, own, generation, Resident("cpu"), lt.ModelSource(path=path)
                )
                index |= _save(Path(scratch), name, loader)
            _save_rest(Path(scratch), layout, index)
            os.chmod(scratch, 0o777 & ~_umask())
            if folder.exists():
                folder.rmdir()
            os.rename(scratch, folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        if isinstance(error, lt.LongtakeError):
            raise
        raise lt.OutputError(str(folder), f"cannot be written: {error}") from error
    return folder


def _save(scratch: Path, name: str, loader: NetworkLoader) -> dict[str, Any]:
    """Write one network; gives its entry in the index of the pipeline."""
    made = loader.makers()["text_encoders" if name == "text_encoder" else name]()
    network = made[0] if name == "text_encoder" else made
    with quiet_libraries():
        network.save_pretrained(scratch / _FOLDERS.get(name, name), max_shard_size=_MAX_SHARD)
    if name in _BESIDE:
        return {}
    library = "transformers" if name == "text_encoder" else "diffusers"
    return {name: ["ltx2" if name in _OF_PIPELINES else library, type(network).__name__]}


def _save_rest(scratch: Path, layout: Layout, index: dict[str, Any]) -> None:
    """What has no weights: the tokenizer, the scheduler's settings, the index."""
    import diffusers

    place, tokenizer = layout.place("tokenizer"), scratch / "tokenizer"
    tokenizer.mkdir()
    if place.is_dir():
        for file in place.iterdir():
            if file.name.startswith(_OF_TEXT):
                shutil.copy(file, tokenizer)
    else:
        for name, data in tokenizer_files(place).items():
            (tokenizer / name).write_bytes(data)
    _write(scratch / "scheduler" / "scheduler_config.json", _SCHEDULER)
    index = index | {
        "_class_name": "LTX2Pipeline",
        "_diffusers_version": diffusers.__version__,
        "scheduler": ["diffusers", _SCHEDULER["_class_name"]],
        "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    }
    _write(scratch / "model_index.json", index)


def _write(file: Path, document: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _in_floats(config: LTX2T2VConfig, floats: str) -> LTX2T2VConfig:
    """With all networks in these floats, plain as they are stored, without LoRAs."""
    names = ("dit", "vae", "upsampler", "audio_decoder", "vocoder")
    precisions: dict[str, Any] = {f"{name}_precision": floats for name in names}
    return evolve(
        config,
        **precisions,
        text_encoder_precisions=(floats,),
        numerics="diffusers",
        loras=(),
        lora_path=None,
        fp8_cast=False,
        vae_tiling=False,
        compile=False,
    )


def _stored_floats(layout: Layout, name: str) -> str:
    """The floats that most of a network's weights are in; bf16 for weights in fp8."""
    file = layout.file(name)
    if file is not None:
        stored = contents_of(file.path, [file.path]).named(file.names_of(name))
    else:
        place = layout.place(name)
        library: Library = "transformers" if name == "text_encoder" else "diffusers"
        if place.suffix == ".gguf":
            raise lt.CheckpointError(str(place), "is quantised, which diffusers does not save")
        stored = contents_of(place, weight_files(place, library))
        if config_of(layout, name).get("quantization_config"):
            return "bf16"
    counted: Counter[str] = Counter()
    for tensor in stored.tensors.values():
        counted[tensor.dtype] += math.prod(tensor.shape)
    most = max(counted, key=lambda kind: counted[kind], default="BF16")
    return _FLOATS.get(most, "bf16")


def _umask() -> int:
    """Of this process, which there is no other way to learn."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
