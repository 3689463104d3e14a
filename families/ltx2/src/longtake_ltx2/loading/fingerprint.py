"""What tells one checkpoint from another, made of few of its bytes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import frozen

import longtake as lt
from longtake_ltx2.checkpoints.folder import find_upsampler, read_json
from longtake_ltx2.checkpoints.single_file import single_file
from longtake_ltx2.loading.asked import upsampler_folder
from longtake_ltx2.loading.weight_files import weight_files
from longtake_ltx2.lora.adapters import LoRA
from longtake_ltx2.lora.file import lora_file
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["fingerprint_of", "fingerprint_of_text", "fingerprint_of_vae"]

_END = 1024
"""Bytes of a tensor that are looked at, from its beginning and from its end."""

_LONGEST_HEADER = 100_000_000
"""Bytes; what safetensors allows."""

_OPTIONAL = ("duration_head", "diffusion_decoder")
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
    path = Path(config.model_path or "")
    described, tensors = _network(Path(config.vae_path or path / "vae"), "vae", path)
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
    digest, folder = hashlib.sha256(), path / "text_encoder"
    stored = _stored(weight_files(folder, "transformers"))
    _add_network(digest, "text_encoder", read_json(folder / "config.json"), stored)
    _add_network(digest, "connectors", *_of_folder(path / "connectors"))
    for file in sorted((path / "tokenizer").iterdir()):
        if file.is_file():
            _add(digest, file.name.encode())
            _add(digest, file.read_bytes())
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
    for name, given in (
        ("transformer", config.transformer_path),
        ("vae", config.vae_path),
        ("audio_vae", config.audio_vae_path),
    ):
        yield name, *_network(Path(given or path / name), name, path)
    for name in ("connectors", "vocoder"):
        yield name, *_of_folder(path / name)
    folder = path / "text_encoder"
    files = weight_files(folder, "transformers")
    yield "text_encoder", read_json(folder / "config.json"), _stored(files)
    for name in _OPTIONAL:
        if (path / name).is_dir():
            yield name, *_of_folder(path / name)
    given = config.upsampler_weights
    weights = find_upsampler(path) if given is None else Path(given)
    if weights is not None and weights.is_dir():
        yield "upsampler", *_of_folder(weights)
    elif weights is not None:
        described = read_json(upsampler_folder(weights) / "config.json")
        yield "upsampler", described, _stored([weights])


def _network(
    where: Path, name: str, checkpoint: Path
) -> tuple[Mapping[str, Any], Iterable[_Tensor]]:
    """A network that may be a folder, a file in Lightricks' layout or a .gguf file."""
    if where.is_dir():
        return _of_folder(where)
    if where.suffix == ".gguf":
        return read_json(checkpoint / name / "config.json"), _of_gguf(where)
    file = single_file(where, name)
    described = {"version": file.version, "config": file.config_of(name)}
    return described, _stored([where], file.prefixes[name])


def _of_folder(folder: Path) -> tuple[Mapping[str, Any], Iterable[_Tensor]]:
    return read_json(folder / "config.json"), _stored(weight_files(folder))


def _stored(files: Iterable[Path], prefix: str = "") -> Iterator[_Tensor]:
    """The tensors of .safetensors files whose names start with ``prefix``, without it."""
    for file in files:
        try:
            with file.open("rb", buffering=0) as opened:
                descriptor = opened.fileno()
                length = int.from_bytes(os.pread(descriptor, 8, 0), "little")
                header = json.loads(os.pread(descriptor, min(length, _LONGEST_HEADER), 8))
                header.pop("__metadata__", None)
                for name, entry in header.items():
                    if not name.startswith(prefix):
                        continue
                    begin, end = (8 + length + offset for offset in entry["data_offsets"])
                    ends = _ends(descriptor, begin, end)
                    yield _Tensor(name.removeprefix(prefix), entry["dtype"], entry["shape"], ends)
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
