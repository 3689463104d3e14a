"""The configurations of the published checkpoints, as diffusers' conversion writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from longtake_ltx2.checkpoints.published import published_configs

__all__ = ["published_config", "write_published"]


def published_config(generation: str, component: str) -> dict[str, Any]:
    """What ``component/config.json`` says in a checkpoint of this generation."""
    return published_configs(generation)[component]


def write_published(folder: Path, generation: str) -> Path:
    """A checkpoint of real size that has its configurations and nothing else."""
    for component, config in published_configs(generation).items():
        (folder / component).mkdir(parents=True)
        (folder / component / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder
