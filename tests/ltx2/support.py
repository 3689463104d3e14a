"""What several tests of LTX-2 need: checkpoints, pipelines that can be looked into."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import conv_flop_count, flop_registry

import longtake as lt
from longtake_ltx2.loading.model import load
from longtake_ltx2.plugin import longtake_families
from longtake_ltx2.recipes import BASE_RECIPE
from longtake_ltx2.tiny import LARGER, TINY, Generation, write_tiny_checkpoint
from longtake_ltx2.values import CleanLatents, NoisyLatents

Size = Literal["tiny", "larger"]

NO_GUIDANCE: dict[str, Any] = {
    "guidance_scale": 1.0,
    "audio_guidance_scale": 1.0,
    "stg_scale": 0.0,
    "audio_stg_scale": 0.0,
    "modality_scale": 1.0,
    "audio_modality_scale": 1.0,
    "guidance_rescale": 0.0,
    "audio_guidance_rescale": 0.0,
}
ALL_GUIDANCE: dict[str, Any] = {
    "guidance_scale": 3.0,
    "audio_guidance_scale": 7.0,
    "stg_scale": 1.0,
    "audio_stg_scale": 0.5,
    "modality_scale": 3.0,
    "audio_modality_scale": 2.0,
    "guidance_rescale": 0.7,
    "audio_guidance_rescale": 0.6,
}
SOUND_FOLLOWS: dict[str, Any] = {name: None for name in NO_GUIDANCE if name.startswith("audio_")}
"""Every audio scale takes the value of the picture's."""


class Checkpoints:
    """Random checkpoints by generation and size, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Path, frozenset[tuple[str, int]]] = {}

    @functools.cache  # noqa: B019  (one instance per test run)
    def path(self, generation: Generation = "2.0", size: Size = "tiny") -> Path:
        sizes = {"tiny": TINY, "larger": LARGER}
        target = self._folder / f"{generation}-{size}"
        written = write_tiny_checkpoint(target, generation=generation, size=sizes[size])
        self._made[written] = _files_of(written)
        return written

    def changed(self) -> list[Path]:
        """The checkpoints that tests, which share them, have added to or taken from."""
        return [path for path, files in self._made.items() if _files_of(path) != files]


def _files_of(folder: Path) -> frozenset[tuple[str, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return frozenset((str(path.relative_to(folder)), path.stat().st_mtime_ns) for path in files)


class LatentProbe:
    """A last stage that keeps the latents of every run."""

    def __init__(self) -> None:
        self.noisy: list[NoisyLatents] = []
        self.clean: list[CleanLatents] = []

    def __call__(self, noisy: NoisyLatents, clean: CleanLatents) -> None:
        self.noisy.append(noisy)
        self.clean.append(clean)


def family() -> lt.ModelFamily:
    """LTX-2 as its plugin declares it."""
    (declared,) = longtake_families()
    return declared


def probed_pipeline(path: Path, **options: Any) -> tuple[lt.Pipeline, LatentProbe]:
    """A pipeline of the tiny preset whose latents can be looked at."""
    probe = LatentProbe()
    declared = family()
    preset = declared.preset("ltx2_tiny").evolve(
        stages=(*BASE_RECIPE, lt.StageSpec("probe", probe))
    )
    probed = declared.evolve(presets=(preset,))
    return lt.load(path, family=probed, preset="ltx2_tiny", **options), probe


def probed_passes(path: Path, preset: str, **options: Any) -> tuple[lt.Pipeline, LatentProbe]:
    """A pipeline of a preset; the probe sees each of its passes."""
    probe, declared = LatentProbe(), family()
    own = declared.preset(preset)

    def stages(**overrides: Any) -> Iterator[lt.StageSpec]:
        for spec in declared.recipe(own, overrides):
            yield spec
            if str(spec.stage).endswith(":LTX2DenoisingStage"):
                yield lt.StageSpec("probe", probe)

    probed = declared.evolve(presets=(own.evolve(stages=stages),))
    return lt.load(path, family=probed, preset=preset, **options), probe


def networks(path: Path) -> Mapping[str, Any]:
    """The networks of a checkpoint, by the names that stages use."""
    return load(lt.ModelSource(path=path, device="cpu")).components


def moving_frames(count: int, height: int = 64, width: int = 96) -> list[np.ndarray[Any, Any]]:
    """A bright square that moves over a gradient: uint8 ``[H, W, 3]`` each."""
    rows, columns = np.mgrid[0:height, 0:width]
    frames = []
    for index in range(count):
        frame = np.stack([rows * 2, columns * 2, (rows + columns) % 256], axis=-1).astype(np.uint8)
        frame[8 : 8 + height // 4, 4 * index : 4 * index + width // 6] = 255
        frames.append(frame)
    return frames


def relative_error(expected: torch.Tensor, actual: torch.Tensor) -> float:
    """max |a - b| / max |a|."""
    assert expected.shape == actual.shape
    return float((expected - actual).abs().max() / expected.abs().max())


class FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's is not typed
    """What `FlopCounterMode` of torch counts, by its formulas, in less time.

    It does not tell modules apart; ``inside`` has what ran in networks of the class ``network``.
    """

    def __init__(self, network: str = "") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = self.inside = self._depth = 0
        self._network = network
        self._hooks = ExitStack()

    def __enter__(self) -> Self:
        for register, by in (
            (register_module_forward_pre_hook, 1),
            (register_module_forward_hook, -1),
        ):
            handle = register(partial(self._passed, by))
            self._hooks.callback(handle.remove)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)  # type: ignore[no-untyped-call]
        self._hooks.close()

    def _passed(self, by: int, module: Any, *_: Any) -> None:
        if type(module).__name__ == self._network:
            self._depth += by

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        formula = _FORMULAS.get(func.overloadpacket)
        if formula is not None:
            flops = formula(*args, **(kwargs or {}), out_val=made)
            self.total += flops
            self.inside += flops if self._depth else 0
        return made


def _of_convolution(x: Any, weight: Any, *options: Any, out_val: Any) -> int:
    return conv_flop_count(x.shape, weight.shape, out_val.shape)


_FORMULAS = {**flop_registry, torch.ops.aten.mkldnn_convolution: _of_convolution}
"""Also of the convolutions that go to oneDNN by name."""
