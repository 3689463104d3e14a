"""What a LoRA says of its ranks and alphas beside its weights, as PEFT writes it.

Files of diffusers carry it as JSON in their metadata, by network; PEFT's own lie beside an
``adapter_config.json``. Read is what changes a scale; what would make another thing of the weights
is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

import longtake as lt
from longtake_ltx2.lora.layers import LoRALayer, checked_scale

__all__ = ["LoRASettings", "settings_beside", "settings_inside"]

_METADATA = "lora_adapter_metadata"
_BESIDE = "adapter_config.json"
_NAME = re.compile(r"\^?((?:\w|\\?\.)+)\$?")
"""A pattern that is a name. PEFT takes any regular expression; nobody writes others."""

_OF_TRAINING = {
    *("task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path"),
    *("revision", "inference_mode", "target_modules", "exclude_modules", "lora_dropout"),
    *("layers_to_transform", "layers_pattern", "megatron_config", "megatron_core"),
    *("loftq_config", "eva_config", "corda_config", "lora_ga_config", "qalora_group_size"),
    *("runtime_config", "ensure_weight_tying", "init_lora_weights", "lora_bias"),
}
"""Settings that say nothing about the weights, or nothing that these do not show."""
_HARMLESS_BEGINNINGS = (True, False, "gaussian", "eva", "orthogonal", "default")
"""Ways to begin a training that leave the network's own weights alone."""


@frozen
class LoRASettings:
    """Ranks and alphas. ``source``: where they stand. The defaults are PEFT's."""

    source: str
    r: int = 8
    lora_alpha: float = 8
    rank_pattern: Mapping[str, int] = field(factory=dict)
    alpha_pattern: Mapping[str, float] = field(factory=dict)
    use_rslora: bool = False
    use_dora: bool = False

    def scale(self, layer: LoRALayer) -> float:
        """Of one layer. Raises `longtake.CheckpointError` when the settings and it disagree."""
        rank = self._of(layer, self.rank_pattern, self.r)
        if rank != layer.rank or self.use_dora != layer.is_dora:
            raise lt.CheckpointError(
                self.source, f"settings and weights disagree about {layer.layer.written!r}"
            )
        alpha = self._of(layer, self.alpha_pattern, self.lora_alpha)
        divisor = math.sqrt(layer.rank) if self.use_rslora else layer.rank
        return checked_scale(self.source, "lora_alpha", alpha, divisor)

    def _of(self, layer: LoRALayer, patterns: Mapping[str, Any], default: Any) -> Any:
        """The value of the first pattern that is the layer's name or ends it, as PEFT has it."""
        for pattern, value in patterns.items():
            match = _NAME.fullmatch(pattern)
            if match is None:
                problem = f"has the pattern {pattern!r}; only names of layers are read"
                raise lt.CheckpointError(self.source, problem)
            name = match[1].replace("\\", "")
            for own in (layer.layer.written, layer.layer.name):
                if own == name or own.endswith(f".{name}"):
                    return value
        return default


def settings_inside(path: Path, metadata: Mapping[str, str], part: str) -> LoRASettings | None:
    """Those in a file's metadata for one network; None when it has none.

    Raises `longtake.CheckpointError` for what is damaged or has no meaning here.
    """
    if _METADATA not in metadata:
        return None
    document = _document(str(path), _METADATA, metadata[_METADATA])
    prefix = f"{part}."
    own = {k.removeprefix(prefix): v for k, v in document.items() if k.startswith(prefix)}
    return _checked(str(path), own) if own else None


def settings_beside(path: Path) -> LoRASettings | None:
    """Those in the ``adapter_config.json`` in the same folder; None when there is none.

    Raises as `settings_inside`.
    """
    file = path.with_name(_BESIDE)
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise lt.CheckpointError(str(file), f"cannot be read: {error}") from error
    return _checked(str(file), _document(str(file), "JSON", text))


def _document(source: str, what: str, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise lt.CheckpointError(source, f"has unreadable {what}: {error}") from error
    if not isinstance(document, dict):
        raise lt.CheckpointError(source, f"has {what} that is not a JSON object")
    return document


def _checked(source: str, document: Mapping[str, Any]) -> LoRASettings:
    known = {name: document[name] for name in _TYPES if name in document}
    for name, value in known.items():
        kind = _TYPES[name]
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            raise lt.CheckpointError(source, f"has {name} {value!r}, which makes no sense")
    begun = document.get("init_lora_weights", True)
    if begun not in _HARMLESS_BEGINNINGS:
        problem = f"was begun with {begun!r}, which changes the network's own weights"
        raise lt.CheckpointError(source, f"{problem}; convert it to a plain LoRA with PEFT")
    if document.get("peft_type", "LORA") not in ("LORA", None):
        raise lt.CheckpointError(source, f"is of the type {document['peft_type']!r}, no LoRA")
    for name in sorted(document.keys() - _TYPES.keys() - _OF_TRAINING):
        if (value := document[name]) and value != "none":
            problem = f"has the setting {name} = {value!r}, which is not read here"
            raise lt.CheckpointError(source, problem)
    return LoRASettings(source, **known)


_TYPES: Mapping[str, Any] = {
    "r": int,
    "lora_alpha": int | float,
    "rank_pattern": dict,
    "alpha_pattern": dict,
    "use_rslora": bool,
    "use_dora": bool,
}
"""Settings that are read."""
