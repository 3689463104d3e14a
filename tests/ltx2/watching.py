"""Pipelines whose networks can be reached, and are counted while they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import longtake as lt
from longtake_ltx2.loading.model import load as load_networks
from tests.ltx2.support import NO_GUIDANCE, SOUND_FOLLOWS, family


class Watched:
    """A pipeline of LTX-2, its components by name, and how often each network ran."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.components: Mapping[str, Any] = {}
        self.forwards: Counter[str] = Counter()
        declared = family().evolve(load=self._load)
        self.pipeline = lt.load(path, family=declared, **options)

    def _load(self, source: lt.ModelSource) -> lt.LoadedModel:
        model = load_networks(source)
        self.components = model.components
        return model

    def networks(self) -> dict[str, Any]:
        """Everything that computes. A VAE's halves run on their own."""
        found = {name: self.components[name] for name in ("connectors", "transformer", "vocoder")}
        found["text_encoder"] = self.components["text_encoders"][0]
        for name in ("vae", "audio_vae"):
            found[f"{name}.encoder"] = self.components[name].encoder
            found[f"{name}.decoder"] = self.components[name].decoder
        return found

    @contextmanager
    def counted(self) -> Iterator[Counter[str]]:
        """How often each network runs meanwhile."""
        self.forwards.clear()
        handles = [
            network.register_forward_pre_hook(self._counter(name))
            for name, network in self.networks().items()
        ]
        try:
            yield self.forwards
        finally:
            for handle in handles:
                handle.remove()

    def _counter(self, name: str) -> Any:
        def count(module: Any, args: Any) -> None:
            self.forwards[name] += 1

        return count


def quick(**overrides: Any) -> dict[str, dict[str, Any]]:
    """Stage overrides of two steps with the least guidance, and what else is asked."""
    neutral = {"num_inference_steps": 2, **NO_GUIDANCE, **SOUND_FOLLOWS}
    return {"denoise": neutral | overrides}
