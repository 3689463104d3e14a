"""The configurations of the published checkpoints, as diffusers' conversion writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

__all__ = ["published_config", "write_published"]

_CONFIGS: dict[str, dict[str, dict[str, Any]]] = json.loads(
    Path(__file__).with_name("published_configs.json").read_text(encoding="utf-8")
)


def published_config(generation: str, component: str) -> dict[str, Any]:
    """What ``component/config.json`` says in a checkpoint of this generation."""
    return dict(_CONFIGS[generation][component])


def write_published(folder: Path, generation: str) -> Path:
    """A checkpoint of real size that has its configurations and nothing else."""
    for component, config in _CONFIGS[generation].items():
        (folder / component).mkdir(parents=True)
        (folder / component / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
