"""LoRAs: small weights that change a network, switched on and off without touching its own.

Files are read and converted here, whoever wrote them, and put in by diffusers and peft. What they
would pass over with a warning (keys that fit nothing, layers that get no weights) is refused.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen

import longtake as lt
from longtake_ltx2.lora.file import LoRAFile, lora_file
from longtake_ltx2.lora.fit import check_fits, linear_layers
from longtake_ltx2.lora.layouts import Part

__all__ = ["Adapters", "LoRA", "add_loras", "check_loras", "require_peft"]


def _finite(_: Any, attribute: Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise lt.ValidationError(attribute.name, f"is {value!r}; must be a finite number")


@frozen
class LoRA:
    """A file with a LoRA (or a folder with one such file), and how strongly it counts."""

    path: Path = field(converter=Path)
    weight: float = field(default=1.0, validator=_finite)

    @classmethod
    def parse(cls, text: str) -> LoRA:
        """From ``"PATH"`` or ``"PATH=WEIGHT"``.

        What follows the last ``=`` is the weight if it is a number, else part of the path. Raises
        `longtake.ValidationError` for an empty path or a weight that is not finite.
        """
        path, separator, tail = text.rpartition("=")
        weight = _number(tail) if separator else None
        if weight is None:
            path, weight = text, 1.0
        if not path:
            raise lt.ValidationError("loras", f"{text!r} has no path; give PATH or PATH=WEIGHT")
        if not math.isfinite(weight):
            raise lt.ValidationError("loras", f"{text!r} has a weight that is not a finite number")
        return cls(path, weight)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def require_peft() -> None:
    """Raises `longtake.MissingDependencyError` when peft, which puts LoRAs in, is not installed."""
    if find_spec("peft") is None:
        raise lt.MissingDependencyError("longtake-ltx2[lora]", "a LoRA")


def check_loras(loras: Sequence[LoRA]) -> None:
    """Refuse, before any network is loaded, what will not work whatever the network.

    Reads headers alone. Raises `longtake.CheckpointError` naming the file that is no LoRA for
    LTX-2, `longtake.MissingDependencyError` without peft.
    """
    if loras:
        require_peft()
    for lora in loras:
        if _read(lora).is_dora and len(loras) > 1:
            raise lt.CheckpointError(str(lora.path), _ALONE)


_ALONE = "is a DoRA, which has no agreed meaning together with another LoRA; load it alone"


def _read(lora: LoRA) -> LoRAFile:
    file = lora_file(lora.path)
    if file.is_dora and lora.weight != 1:
        problem = f"is a DoRA, and implementations disagree about the weight {lora.weight:g}"
        raise lt.CheckpointError(str(file.path), f"{problem}; only the weight 1 is taken")
    return file


def add_loras(network: Any, loras: Sequence[LoRA], part: Part = "transformer") -> None:
    """Put the LoRAs of a user into ``network`` and leave them on.

    ``part``: which network it is; a file without weights for it is skipped. Raises as
    `Adapters.load`.
    """
    adapters, weights = Adapters(network, part), {}
    for index, lora in enumerate(loras):
        if part in _read(lora).parts:
            adapters.load(f"user_{index}", lora.path)
            weights[f"user_{index}"] = lora.weight
    if weights:
        adapters.activate(weights)


class Adapters:
    """The LoRAs of one network: loaded once by name, then switched.

    What is loaded and what is on is kept by the network alone, so several of these may look after
    the same one. A LoRA that is off changes no bit of what the network computes.
    """

    def __init__(self, network: Any, part: Part = "transformer") -> None:
        self._network = network
        self._part: Part = part

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the LoRAs that the network has, on or off."""
        return tuple(self._network.peft_config) if self._has_layers() else ()

    @property
    def active(self) -> tuple[str, ...]:
        """Names of those that are on."""
        return tuple(self._network.active_adapters()) if self._has_layers() else ()

    def load(self, name: str, path: str | Path) -> None:
        """Put the part of a LoRA file that is for this network into it, switched off.

        ``name``: without dots. Weights take the dtype and the device of the layers they change.
        Nothing of a file that is refused stays in the network.

        Raises:
            ValueError: the name is taken.
            longtake.MissingDependencyError: peft is not installed.
            longtake.CheckpointError: not a LoRA of this network: damaged, pickled, foreign keys,
                layers that the network lacks, other shapes, no weights for this network; a DoRA
                beside another LoRA; a network that is kept in float8 already.
        """
        if name in self.loaded:
            raise ValueError(f"a LoRA named {name!r} is loaded already")
        require_peft()
        file = lora_file(Path(path))
        if self._part not in file.parts:
            raise lt.CheckpointError(str(file.path), f"has no weights for the {self._part}")
        self._check_alone(file)
        layers = linear_layers(self._network)
        weights = file.weights(self._part, layers)
        check_fits(file, weights, self._part, layers)
        before = self.active
        try:
            self._inject(name, weights)
        except Exception as error:  # diffusers and peft raise all sorts
            self._remove(name)
            cause = error.__context__ or error  # cleaning up, diffusers may raise another
            raise lt.CheckpointError(str(file.path), f"cannot be loaded: {cause}") from error
        finally:
            self._switch(before)
        self._check_complete(name, weights, file)

    def activate(self, weights: Mapping[str, float]) -> None:
        """These LoRAs are on, each with its weight, and no others."""
        if weights or self.loaded:
            self._network.set_adapters(list(weights), list(weights.values()))
            self._network.requires_grad_(False)  # peft makes the active ones trainable

    @property
    def weights(self) -> dict[str, float]:
        """Those that are on, and how strongly each counts."""
        scales: dict[str, float] = {}
        for module in self._layers() if self.active else ():
            for name in module.scaling.keys() & set(self.active):
                full = module.lora_alpha[name] / module.r[name]
                scales.setdefault(name, module.scaling[name] / full)
        return {name: scales[name] for name in self.active}

    @contextmanager
    def also_active(self, name: str, weight: float = 1.0) -> Iterator[None]:
        """``name`` is on too, on top of those that are; as before when the block is left."""
        if name not in self.loaded:
            raise ValueError(f"no LoRA named {name!r} is loaded")
        before = self.active
        self._switch(tuple(dict.fromkeys((*before, name))))
        for module in self._layers():
            module.set_scale(name, weight)
        try:
            yield
        finally:
            self._switch(before)

    def _check_alone(self, file: LoRAFile) -> None:
        """peft scales what other LoRAs have added too, so the order would count."""
        if not self.loaded:
            return
        if file.is_dora or any(each.use_dora for each in self._network.peft_config.values()):
            raise lt.CheckpointError(str(file.path), f"{_ALONE}; loaded: {', '.join(self.loaded)}")

    def _has_layers(self) -> bool:
        return "peft_config" in vars(self._network) and bool(self._network.peft_config)

    def _layers(self) -> Iterator[Any]:
        from peft.tuners.tuners_utils import BaseTunerLayer

        for module in self._network.modules():
            if isinstance(module, BaseTunerLayer):
                yield module

    def _switch(self, names: Sequence[str]) -> None:
        if self._has_layers():
            self._network.set_adapter(list(names))
            self._network.requires_grad_(False)

    def _inject(self, name: str, weights: Mapping[str, Any]) -> None:
        from diffusers.loaders.lora_pipeline import LTX2LoraLoaderMixin

        with warnings.catch_warnings():
            # Several LoRAs in one network are what is wanted.
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
            # A layer without a bias of its own gets one with the LoRA's, which is what it says.
            warnings.filterwarnings("ignore", "`lora_bias=True` was passed")
            LTX2LoraLoaderMixin.load_lora_into_transformer(
                dict(weights),
                transformer=self._network,
                adapter_name=name,
                low_cpu_mem_usage=True,  # draws no random numbers for weights that are replaced
                prefix=self._part,
            )

    def _remove(self, name: str) -> None:
        if "peft_config" in vars(self._network):
            self._network.delete_adapters(name)

    def _check_complete(self, name: str, weights: Mapping[str, Any], file: LoRAFile) -> None:
        """Refuse when the layers that changed are not those of the file."""
        changed = {
            key.replace(f".{name}.", ".", 1): tensor.shape
            for key, tensor in self._network.named_parameters()
            if f".{name}." in key
        }
        wanted = {
            key.removeprefix(f"{self._part}."): tensor.shape for key, tensor in weights.items()
        }
        if changed != wanted:
            self._remove(name)
            first = sorted(changed.items() ^ wanted.items())[0][0]
            raise lt.CheckpointError(
                str(file.path), f"cannot be loaded: peft has made something else of {first!r}"
            )
