"""Where a process of a run of several takes its part: rank 0 leads, the others serve."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import torch
import torch.distributed as dist

import longtake as lt
import longtake_ltx2
from longtake_ltx2.parallel.group import TensorGroup
from longtake_ltx2.parallel.leader import Leader
from longtake_ltx2.parallel.rendezvous import Facts, find_rendezvous, gather_ranks, join_rank_0
from longtake_ltx2.parallel.server import Server
from longtake_ltx2.pipeline_configs import LTX2T2VConfig

__all__ = ["device_of_rank", "digest_of_weights", "on_ranks"]

_SAMPLE_BYTES = 1 << 20

_OF_THE_MACHINE = (
    "model_path",
    "pipeline_config_path",
    "transformer_path",
    "vae_path",
    "audio_vae_path",
    "vocoder_path",
    "text_encoder_path",
    "tokenizer_path",
)
"""Options that may differ: a machine may have its files elsewhere."""

Makers = Mapping[str, Callable[[], Any]]

_joined = threading.Lock()
"""Taken for good by the pipeline that the other ranks serve."""


def device_of_rank(source: lt.ModelSource) -> str | None:
    """The device to ask for: on several ranks each takes the GPU of its number on its machine.

    Raises `longtake.ValidationError` for one GPU named for all, or too few of them.
    """
    asked = source.device
    if source.world_size == 1 or asked == "cpu" or not (asked or torch.cuda.is_available()):
        return asked
    if asked not in (None, "cuda"):
        problem = f"is {asked!r}; with several ranks say 'cuda' or 'cpu': each takes its own GPU"
        raise lt.ValidationError("device", problem)
    local, there = dist.get_node_local_rank(source.rank), torch.cuda.device_count()
    if local >= there:
        raise lt.ValidationError(
            "device", f"there are {there} GPUs for {local + 1} or more ranks; start as many as GPUs"
        )
    return f"cuda:{local}"


def on_ranks(
    source: lt.ModelSource, makers: Makers, *, config: LTX2T2VConfig, device: str, weights: Path
) -> tuple[Makers, Callable[[], None]]:
    """Take this process's part in the run; one process has the whole of it.

    Returns the makers of the components by name, as rank 0 is to use them, and what ends the
    other ranks. On these it never returns: they serve rank 0, and raise `SystemExit` with status 0
    when they are ended. ``weights``: of the transformer, file or folder.

    Raises `longtake.ValidationError` when the ranks do not have the same, or have served a
    pipeline already, and `RankError` when they do not come together.
    """
    if source.world_size == 1:
        return makers, _nothing
    if config.compile:
        raise lt.ValidationError("compile", "is not possible when several ranks share the work")
    if not _joined.acquire(blocking=False):
        raise lt.ValidationError(
            "torchrun", "these ranks have served a pipeline already; they serve one in their life"
        )
    facts = _facts(config, device, weights)
    rendezvous = find_rendezvous(source.rank, source.world_size)
    join = functools.partial(TensorGroup, rendezvous, torch.device(device))
    if source.rank:
        Server(join_rank_0(rendezvous, facts), join, makers).serve()
    leader = Leader(gather_ranks(rendezvous, facts), join)
    transformer = functools.partial(leader.load, makers["transformer"])
    return {**makers, "transformer": transformer, "leader": lambda: leader}, leader.close


def _nothing() -> None:
    """What there is to end when there is one process."""


def _facts(config: LTX2T2VConfig, device: str, weights: Path) -> Facts:
    """What must be the same on every rank, in the words of an error."""
    fields = (field for field in attrs.fields(type(config)) if field.name not in _OF_THE_MACHINE)
    options = {f"{field.name}": repr(vars(config)[field.name]) for field in fields}
    return {
        "longtake-ltx2": longtake_ltx2.__version__,
        "torch": str(torch.__version__),
        "a device of type": torch.device(device).type,
        "a transformer whose weights are": digest_of_weights(weights),
        **options,
    }


def digest_of_weights(path: Path) -> str:
    """What tells checkpoints apart at a glance: names, sizes, both ends of each file.

    ``path``: a file, or a folder whose files count.
    """
    digest = hashlib.sha256()
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.name}:{size}\n".encode())
        with file.open("rb") as content:
            digest.update(content.read(_SAMPLE_BYTES))
            content.seek(max(0, size - _SAMPLE_BYTES))
            digest.update(content.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:16]
