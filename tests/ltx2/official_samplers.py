"""Lightricks' own sampling loops, masks of references and single functions of ltx-pipelines.

The package as a whole needs more to be imported than they use, so the files are loaded by their
paths, with stand-ins for the few names that they take from the rest of the package.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

__all__ = ["official_names", "official_references", "official_samplers", "result"]

_UTILS = "ltx_pipelines.utils"


def official_samplers(checkout: Path) -> Any:
    """The module ``ltx_pipelines.utils.samplers``; ltx-core must be importable."""
    if f"{_UTILS}.samplers" not in sys.modules:
        folder = _folder(checkout)
        for name in ("ltx_pipelines", _UTILS):
            sys.modules[name] = ModuleType(name)
        state = import_module("ltx_core.types").LatentState
        _put("helpers", post_process_latent=_kept, timesteps_from_mask=_timesteps)
        _put("types", DenoisedLatentResult=object, Denoiser=object, LatentState=state)
        for name in ("res2s", "samplers"):
            _load(f"{_UTILS}.{name}", folder / "utils" / f"{name}.py")
    return sys.modules[f"{_UTILS}.samplers"]


def official_references(checkout: Path) -> Any:
    """The module ``ltx_pipelines.iclora_utils``; ltx-core must be importable."""
    name = "ltx_pipelines.iclora_utils"
    if name not in sys.modules:
        official_samplers(checkout)
        read = ("decode_video_by_frame", "is_exr_dir", "load_exr_folder_conditioning_hdr")
        _put("media_io", ResizeMode=object, video_preprocess=None, **dict.fromkeys(read))
        _put("media_io.color_config", HDRColorSpace=object)
        _load(name, _folder(checkout) / "iclora_utils.py")
    return sys.modules[name]


def official_names(checkout: Path, file: str, names: Sequence[str], **known: Any) -> dict[str, Any]:
    """Functions and constants of a file that needs more to be imported than they use.

    ``known``: what they take from the rest of it.
    """
    tree = ast.parse((_folder(checkout) / file).read_text("utf-8"))
    tree.body = [each for each in tree.body if _named(each) in names]
    found: dict[str, Any] = dict(known)
    exec(compile(tree, file, "exec"), found)  # of a checkout that was asked for
    return found


def _named(statement: ast.stmt) -> str | None:
    if isinstance(statement, ast.FunctionDef):
        return statement.name
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return None


def _folder(checkout: Path) -> Path:
    return checkout / "packages" / "ltx-pipelines" / "src" / "ltx_pipelines"


def _load(name: str, path: Path) -> None:
    spec = spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


def result(x0: torch.Tensor) -> Any:
    """What a denoiser gives for one stream."""
    return SimpleNamespace(denoised=x0)


def _put(name: str, **names: Any) -> None:
    module = ModuleType(f"{_UTILS}.{name}")
    vars(module).update(names)
    sys.modules[module.__name__] = module


def _kept(latent: torch.Tensor, mask: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    return (latent * mask + clean.float() * (1 - mask)).to(latent.dtype)


def _timesteps(mask: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return mask * sigma
