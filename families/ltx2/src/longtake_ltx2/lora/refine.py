"""The LoRA of single passes, under a name of its own per file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from longtake_ltx2.lora.adapters import Adapters

__all__ = ["load_refine_lora"]


def load_refine_lora(transformer: Any, lora_path: str | Path) -> str:
    """Load the file into ``transformer`` unless it is there, switched off, and return its name.

    Whoever shares the transformer shares what is loaded: the name says which file it is. Raises
    `longtake.CheckpointError` as `Adapters.load`.
    """
    path = Path(lora_path).resolve()
    name = f"refine_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    adapters = Adapters(transformer)
    if name not in adapters.loaded:
        adapters.load(name, path)
    return name
