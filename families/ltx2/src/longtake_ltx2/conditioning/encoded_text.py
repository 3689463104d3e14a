"""An encoded prompt in the computer's memory, and as one safetensors file."""

from __future__ import annotations

import hashlib
from functools import cached_property

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from longtake_ltx2.values import PromptContext

__all__ = ["EncodedText", "read_text"]

Form = tuple[torch.dtype, tuple[int, int, int], tuple[int, int, int]]
"""The dtype, and the shapes of ``video`` and ``audio``."""


class EncodedText:
    """What a prompt was encoded to, in the computer's memory, wherever the networks are."""

    def __init__(self, context: PromptContext) -> None:
        video = context.video.cpu()
        is_one = context.audio is context.video
        self.context = PromptContext(video, video if is_one else context.audio.cpu())

    @property
    def num_bytes(self) -> int:
        """Of memory."""
        tensors = {id(each): each for each in (self.context.video, self.context.audio)}
        return sum(each.nbytes for each in tensors.values())

    @cached_property
    def sha256(self) -> str:
        """Of `file`, in hexadecimal digits."""
        return hashlib.sha256(self.file()).hexdigest()

    def file(self) -> bytes:
        """A safetensors file of ``video`` and ``audio``, dtype kept."""
        tensors = {"video": self.context.video, "audio": self.context.audio}
        # Tensors of their own: safetensors refuses two that share memory.
        whole: bytes = save({name: each.contiguous().clone() for name, each in tensors.items()})
        return whole

    def on(self, device: torch.device | str) -> PromptContext:
        """The context where it is computed with."""
        return PromptContext(self.context.video.to(device), self.context.audio.to(device))


def read_text(file: bytes | memoryview, form: Form) -> EncodedText | None:
    """What a file holds that may come from anywhere; None unless it is of ``form`` and finite."""
    dtype, video, audio = form
    try:
        tensors = load(bytes(file))
    except (SafetensorError, ValueError, KeyError):
        return None
    expected = {"video": (dtype, video), "audio": (dtype, audio)}
    if {name: (each.dtype, tuple(each.shape)) for name, each in tensors.items()} != expected:
        return None
    if not all(bool(each.isfinite().all()) for each in tensors.values()):
        return None
    # Memory of torch's own: a loaded tensor may be unaligned, and kernels then round otherwise.
    return EncodedText(PromptContext(tensors["video"].clone(), tensors["audio"].clone()))
