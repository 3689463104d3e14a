"""From a network's files to the network, whole and aligned."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import longtake as lt
from longtake_ltx2.checkpoints.folder import read_json
from longtake_ltx2.loading.contents import Contents, contents_of, few
from longtake_ltx2.loading.floats import torch_dtype
from longtake_ltx2.loading.quantised import is_quantised, says_scaled
from longtake_ltx2.loading.scales import is_scaled, read_tensors, scales_of
from longtake_ltx2.loading.weight_files import has_stale_index, weight_files
from longtake_ltx2.quiet import quiet_libraries

__all__ = [
    "align",
    "assembled",
    "check_names",
    "empty",
    "for_computing",
    "from_file",
    "from_folder",
    "ready",
    "text_encoder_from_contents",
    "text_encoder_from_folder",
    "whole",
]

logger = logging.getLogger(__name__)

Tensors = Mapping[str, Any]

_ALIGNMENT = 16
_RECOMPUTED = re.compile(r"(^|[._])(position_ids|inv_freq|embed_scale)$")
"""Buffers that some versions of transformers save, and that the configuration says anyway."""


def from_folder(cls: Any, folder: Path, precision: str, **changes: Any) -> Any:
    """A network of a diffusers class. ``changes``: to what its ``config.json`` says.

    Raises `longtake.CheckpointError` naming the folder.
    """
    from diffusers.utils import is_accelerate_available

    config = read_json(folder / "config.json")
    if not is_quantised(config):
        contents = contents_of(folder, weight_files(folder))
        if is_scaled(contents) or says_scaled(config) or has_stale_index(folder):
            return _from_contents(cls, config | changes, contents, precision)
    return whole(
        folder,
        lambda: cls.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,  # never unpickle
            torch_dtype=torch_dtype(precision),
            low_cpu_mem_usage=is_accelerate_available(),
            output_loading_info=True,
            **changes,
        ),
        quantised=is_quantised(config),
    )


def from_file(cls: Any, config: dict[str, Any], file: Path, precision: str) -> Any:
    """A network of a diffusers class from its configuration and one file of any name.

    Raises `longtake.CheckpointError` naming the file.
    """
    return _from_contents(cls, config, contents_of(file, [file]), precision)


def _from_contents(cls: Any, config: dict[str, Any], contents: Contents, precision: str) -> Any:
    logger.info("loading %s", contents.path)
    dtype = torch_dtype(precision)
    tensors = read_tensors(contents, scales_of(contents, config), dtype)
    with quiet_libraries():
        return ready(assembled(cls, config, tensors, contents.path, dtype))


def text_encoder_from_folder(cls: Any, folder: Path, precision: str) -> Any:
    """A network of a transformers class.

    Raises `longtake.CheckpointError` naming the folder.
    """
    dtype = torch_dtype(precision)
    config = read_json(folder / "config.json")
    given: dict[str, Any] = {"pretrained_model_name_or_path": folder, "use_safetensors": True}
    if not is_quantised(config):
        contents = contents_of(folder, weight_files(folder, "transformers"))
        if is_scaled(contents) or says_scaled(config):
            tensors = read_tensors(contents, scales_of(contents, config), dtype)
            described = cls.config_class.from_pretrained(folder, local_files_only=True)
            vars(described).pop("quantization_config", None)  # done already
            given = {"pretrained_model_name_or_path": None, "config": described}
            given["state_dict"] = tensors
    return whole(
        folder,
        lambda: cls.from_pretrained(
            **given, local_files_only=True, dtype=dtype, output_loading_info=True
        ),
        quantised=is_quantised(config),
    )


def text_encoder_from_contents(
    cls: Any, config: dict[str, Any], contents: Contents, precision: str
) -> Any:
    """A network of a transformers class from its configuration and the tensors of a file.

    Raises `longtake.CheckpointError` naming the file.
    """
    dtype = torch_dtype(precision)
    tensors = read_tensors(contents, scales_of(contents, config), dtype)

    def load() -> tuple[Any, Any]:
        described = cls.config_class.from_dict(dict(config))
        vars(described).pop("quantization_config", None)  # done already
        made: tuple[Any, Any] = cls.from_pretrained(
            None,
            config=described,
            state_dict=tensors,
            local_files_only=True,
            dtype=dtype,
            output_loading_info=True,
        )
        return made

    return whole(contents.path, load)


def whole(
    path: Path, load_with_info: Callable[[], tuple[Any, Any]], *, quantised: bool = False
) -> Any:
    """The network that ``load_with_info`` gives, ready to compute, with just the weights it has.

    ``quantised``: the library's own quantisation has read what lies beside the weights.

    Raises `longtake.CheckpointError` naming ``path``.
    """
    logger.info("loading %s", path)
    try:
        with quiet_libraries():
            network, info = load_with_info()
    except Exception as error:  # the libraries raise all sorts for what makes no sense
        raise lt.CheckpointError(str(path), f"cannot be loaded: {error}") from error
    unknown = set(info["unexpected_keys"])
    if unknown and quantised:
        known = network.state_dict()
        unknown = {name for name in unknown if _weight_beside(name) not in known}
    _refuse_names(path, info["missing_keys"], unknown)
    return ready(network)


def assembled(
    cls: Any, config: Mapping[str, Any], tensors: Tensors, path: Path, dtype: torch.dtype
) -> Any:
    """The network of a configuration with just these weights, for computing only.

    Raises `longtake.CheckpointError` naming ``path``.
    """
    network = empty(cls, config, path)
    wanted = network.state_dict()
    check_names(wanted, tensors, path)
    if other := sorted(key for key in wanted if wanted[key].shape != tensors[key].shape):
        key = other[0]
        problem = f"{key!r} is {list(tensors[key].shape)}, not {list(wanted[key].shape)}"
        raise lt.CheckpointError(str(path), f"its config and its weights disagree: {problem}")
    if len(list(network.buffers())) + len(list(network.parameters())) > len(wanted):
        with _default_dtype(dtype):  # some of its buffers are in no file, but made with it
            network = cls.from_config(dict(config))
    network.load_state_dict(tensors, strict=True, assign=True)
    return for_computing(network)


def empty(cls: Any, config: Mapping[str, Any], path: Path) -> Any:
    """The network of a configuration without numbers: no memory, no random numbers.

    Raises `longtake.CheckpointError` naming ``path`` for a configuration that makes no sense.
    """
    try:
        with torch.device("meta"):
            return cls.from_config(dict(config))
    except Exception as error:  # diffusers raises all sorts for what makes no sense
        raise lt.CheckpointError(str(path), f"its config makes no sense: {error}") from error


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """As diffusers makes a network; its own methods do not see other threads either."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def check_names(wanted: Iterable[str], given: Iterable[str], path: Path) -> None:
    """Refuse weights that are missing or that the network has no place for.

    Raises `longtake.CheckpointError` naming ``path``.
    """
    expected, found = set(wanted), set(given)
    _refuse_names(path, expected - found, found - expected)


def _weight_beside(name: str) -> str:
    """The weight that something like ``to_q.weight.absmax`` or ``to_q.weight_scale`` is about."""
    layer, found, _ = name.rpartition(".weight")
    return layer + found


def _refuse_names(path: Path, missing: Iterable[str], unknown: Iterable[str]) -> None:
    if lacking := set(missing):
        first = min(lacking)
        problem = f"lacks {len(lacking)} weights, the first is {first!r}"
        raise lt.CheckpointError(str(path), f"{problem}; download it again")
    if foreign := {name for name in unknown if not _RECOMPUTED.search(name)}:
        problem = f"has unknown weights ({len(foreign)}), of a newer version or another network"
        raise lt.CheckpointError(str(path), f"{problem}: {few(foreign)}")


def ready(network: Any) -> Any:
    """The same network for computing only, its weights its own and aligned."""
    network = for_computing(network)
    align(network)
    return network


def for_computing(network: Any) -> Any:
    """The same network in evaluation mode, without gradients."""
    return network.eval().requires_grad_(False)


def align(network: torch.nn.Module) -> None:
    """Copy weights that are mapped from a file, or do not start on a 16-byte boundary.

    What is mapped is the file's as long as it is used: whoever writes into the file changes the
    weights of this process. On what is not aligned MKL's matrix products of three or fewer rows
    give other bits, so two workers with the same weights would differ. Those of quantised weights,
    which are no plain tensors, stay.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        if type(tensor.data) is not torch.Tensor:
            continue
        is_mapped = not tensor.data.untyped_storage().resizable()  # whose memory is another's
        if is_mapped or tensor.data_ptr() % _ALIGNMENT:
            tensor.data = tensor.data.clone()
