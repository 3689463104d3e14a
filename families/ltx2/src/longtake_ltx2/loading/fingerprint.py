"""What tells one checkpoint from another, made of few of its bytes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

import longtake as lt
from longtake_ltx2.checkpoints.configs import config_of
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.checkpoints.gemma_file import tokenizer_files
from longtake_ltx2.checkpoints.layout import Layout, layout_of
from longtake_ltx2.checkpoints.single_file import SingleFile, single_file
from longtake_ltx2.loading.asked import upsampler_folder
from longtake_ltx2.loading.weight_files import Library, weight_files
from longtake_ltx2.lora.adapters import LoRA
from longtake_ltx2.lora.file import lora_file
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["fingerprint_of", "fingerprint_of_text", "fingerprint_of_vae"]

_END = 1024
"""Bytes of a tensor that are looked at, from its beginning and from its end."""

_LONGEST_HEADER = 100_000_000
"""Bytes; what safetensors allows."""

_OPTIONAL = ("duration_head", "diffusion_decoder")
_NO_TOKENIZER = (".safetensors", ".gguf", ".bin")
"""Files of weights, which may lie beside a tokenizer."""

_OF_LIBRARIES = {"transformers_version"}
"""Keys of a configuration that say who wrote it."""


def fingerprint_of(path: Path, config: LTX2T2VConfig) -> str:
    """``"sha256:..."`` of the networks that ``config`` has loaded from the checkpoint at ``path``.

    Each network counts with its configuration and, for each of its weight tensors, the name, the
    dtype, the shape, and the first and the last kilobyte of its bytes: a few megabytes of any
    checkpoint, however large. In which and how many files the tensors are makes no difference.

    It tells an exchanged, retrained or requantised network, and does not see a change that spares
    both ends of a tensor, nor the tokenizer. What may change within a take on purpose is no part of
    it: LoRAs, the floats that are computed in, numerics, offloading, the preset.

    Raises `longtake.CheckpointError` for a file that is missing or damaged, and
    `longtake.MissingDependencyError` without the package that reads a .gguf file.
    """
    digest = hashlib.sha256()
    for name, described, tensors in _networks(path, config):
        _add_network(digest, name, described, tensors)
    return f"sha256:{digest.hexdigest()}"


def fingerprint_of_vae(vae: Any, config: LTX2T2VConfig | None) -> Callable[[], str] | None:
    """What gives the fingerprint of a video VAE and of how it encodes, when it is asked for.

    As `fingerprint_of` of this network, with the dtype and the tiles that ``vae`` computes in, and
    raises like it. ``config``: what it was loaded with, ``model_path`` included. None when either
    is not known.
    """
    if vae is None or config is None:
        return None
    return partial(_fingerprint_of_vae, vae, config)


def _fingerprint_of_vae(vae: Any, config: LTX2T2VConfig) -> str:
    layout = layout_of(Path(config.model_path or ""), config.places)
    described, tensors = _network(layout, "vae")
    digest = hashlib.sha256()
    _add_network(digest, "vae", described, tensors)
    _add(digest, _canonical([str(vae.dtype), bool(vae.use_tiling)]).encode())
    return f"sha256:{digest.hexdigest()}"


def fingerprint_of_text(config: LTX2T2VConfig | None) -> Callable[[], str] | None:
    """What gives the fingerprint of all that an encoded prompt depends on, when it is asked for.

    Text encoder and connectors as `fingerprint_of` knows them, every byte of the tokenizer, LoRAs,
    and the options that change bits. Raises like it. ``config``: what they were loaded with,
    ``model_path`` included. None when that is not known.
    """
    if config is None or config.model_path is None:
        return None
    return partial(_fingerprint_of_text, Path(config.model_path), config)


def _fingerprint_of_text(path: Path, config: LTX2T2VConfig) -> str:
    digest, layout = hashlib.sha256(), layout_of(path, config.places)
    for name in ("text_encoder", "connectors"):
        _add_network(digest, name, *_network(layout, name))
    for name, data in sorted(_tokenizer(layout.place("tokenizer"))):
        _add(digest, name.encode())
        _add(digest, data)
    for lora in map(LoRA.parse, config.loras):
        _add_network(digest, f"lora={lora.weight}", {}, _stored([lora_file(lora.path).path]))
    options = [*config.text_encoder_precisions, config.text_real_tokens]
    _add(digest, _canonical(options).encode())
    return f"sha256:{digest.hexdigest()}"


@frozen
class _Tensor:
    name: str
    dtype: str
    shape: list[int]
    ends: bytes


def _networks(
    path: Path, config: LTX2T2VConfig
) -> Iterator[tuple[str, Mapping[str, Any], Iterable[_Tensor]]]:
    """Name, configuration and tensors of each network, in an order of their own."""
    layout = layout_of(path, config.places)
    for name in ("transformer", "vae", "audio_vae", "connectors", "vocoder", "text_encoder"):
        yield name, *_network(layout, name)
    for name in _OPTIONAL:
        if layout.has(name):
            yield name, *_network(layout, name)
    if not layout.has("upsampler"):
        return
    weights = layout.place("upsampler")
    described = upsampler_folder(weights) / "config.json"
    if weights.is_dir() or not described.is_file():
        yield "upsampler", *_network(layout, "upsampler")
    else:
        yield "upsampler", read_json(described), _stored([weights])


def _network(layout: Layout, name: str) -> tuple[Mapping[str, Any], Iterable[_Tensor]]:
    """A network that may be a folder, in a file in Lightricks' layout or a .gguf file."""
    where = layout.place(name)
    if where.is_dir() or not where.exists():
        return _of_folder(where, "transformers" if name == "text_encoder" else "diffusers")
    if where.suffix == ".gguf":
        return config_of(layout, name), _of_gguf(where)
    file = single_file(where, name)
    described = {"version": file.version, "config": file.config_of(name)}
    tensors = _of_file(file, name)
    if name == "connectors":
        described["config"] = config_of(layout, name)
        projection = single_file(layout.place("text_projection"), "text_projection")
        tensors = [*tensors, *_of_file(projection, "text_projection")]
    elif name not in ("transformer", "vae", "audio_vae"):
        described["config"] = config_of(layout, name)
    return described, tensors


def _of_file(file: SingleFile, name: str) -> Iterable[_Tensor]:
    """The tensors of one component, by their names within it."""
    names = {key: own for own, key in file.names_of(name).items()}
    return (evolve(each, name=names[each.name]) for each in _stored([file.path], names.keys()))


def _tokenizer(place: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file of a tokenizer."""
    if not place.is_dir():
        yield from tokenizer_files(place).items()
        return
    for file in place.iterdir():
        if file.is_file() and file.suffix not in _NO_TOKENIZER:
            yield file.name, file.read_bytes()


def _of_folder(folder: Path, library: Library) -> tuple[Mapping[str, Any], Iterable[_Tensor]]:
    return read_json(folder / "config.json"), _stored(weight_files(folder, library))


def _stored(files: Iterable[Path], names: Collection[str] | None = None) -> Iterator[_Tensor]:
    """The tensors of .safetensors files; only those of ``names``, if there are some given."""
    for file in files:
        try:
            with file.open("rb", buffering=0) as opened:
                descriptor = opened.fileno()
                length = int.from_bytes(os.pread(descriptor, 8, 0), "little")
                header = json.loads(os.pread(descriptor, min(length, _LONGEST_HEADER), 8))
                header.pop("__metadata__", None)
                for name, entry in header.items():
                    if names is not None and name not in names:
                        continue
                    begin, end = (8 + length + offset for offset in entry["data_offsets"])
                    ends = _ends(descriptor, begin, end)
                    yield _Tensor(name, entry["dtype"], entry["shape"], ends)
        except FileNotFoundError:
            raise lt.CheckpointError(str(file), "missing; the checkpoint is incomplete") from None
        except (OSError, ValueError, TypeError, AttributeError, LookupError) as error:
            problem = f"is damaged ({error}); download it again"
            raise lt.CheckpointError(str(file), problem) from error


def _of_gguf(file: Path) -> Iterator[_Tensor]:
    if find_spec("gguf") is None:
        raise lt.MissingDependencyError("gguf", "a .gguf transformer")
    from gguf import GGUFReader

    try:
        tensors = GGUFReader(file).tensors
    except Exception as error:  # of a reader that takes any bytes for offsets
        raise lt.CheckpointError(str(file), f"is damaged ({error})") from error
    with file.open("rb", buffering=0) as opened:
        for tensor in tensors:
            begin = int(tensor.data_offset)
            ends = _ends(opened.fileno(), begin, begin + int(tensor.n_bytes))
            shape = [int(side) for side in tensor.shape]
            yield _Tensor(tensor.name, tensor.tensor_type.name, shape, ends)


def _add_network(
    digest: Any, name: str, described: Mapping[str, Any], tensors: Iterable[_Tensor]
) -> None:
    for part in (name, _canonical(described)):
        _add(digest, part.encode())
    for tensor in sorted(tensors, key=lambda tensor: tensor.name):
        _add(digest, _canonical([tensor.name, tensor.dtype, tensor.shape]).encode())
        _add(digest, tensor.ends)


def _ends(descriptor: int, begin: int, end: int) -> bytes:
    """The first and the last kilobyte of the bytes from ``begin`` to ``end``, none twice."""
    first = os.pread(descriptor, min(_END, end - begin), begin)
    rest = max(begin + len(first), end - _END)
    return first + os.pread(descriptor, end - rest, rest)


def _canonical(value: object) -> str:
    """JSON of one form, without what libraries note of themselves."""
    return json.dumps(_of_network(value), sort_keys=True, separators=(",", ":"))


def _of_network(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {
        key: _of_network(inner)
        for key, inner in value.items()
        if key == "_class_name" or not (key.startswith("_") or key in _OF_LIBRARIES)
    }


def _add(digest: Any, data: bytes) -> None:
    """With its length before it, so that no two lists of parts are one."""
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
