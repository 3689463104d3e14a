"""What the training of every part has in common: steps, averaged weights, going on after a stop."""

from __future__ import annotations

import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from training.learned_tiny.orthogonal import Orthogonal, matrices
from training.learned_tiny.team import ALONE, Team

__all__ = ["Part", "learn"]

_WARM = 20
"""Steps in which the learning rate rises."""
_FALLS, _LAST = 0.35, 0.02
"""The share of the steps at whose end the rate falls, and what is left of it."""
_AVERAGED = 0.995
"""Of the averaged weights, what a step leaves as it was."""


class Part(ABC):
    """Networks that learn together. ``seed``: of everything that is drawn."""

    name: str
    rate = 1e-3
    """The highest learning rate."""
    decay = 0.01

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.team = ALONE

    @abstractmethod
    def networks(self) -> Mapping[str, nn.Module]:
        """Those that learn, by the names under which their weights are kept."""

    @abstractmethod
    def loss(self, step: int, share: float) -> tuple[torch.Tensor, dict[str, float]]:
        """What is made smaller, and figures for the curves. ``share``: of the steps that are done.

        All that is drawn at random comes from `drawn`, so that a step is the same step whenever it
        is made.
        """

    def judged(self) -> dict[str, float]:
        """Figures of the averaged weights on what is not learned; none unless there are some."""
        return {}

    def drawn(self, step: int) -> tuple[np.random.Generator, torch.Generator]:
        """The random numbers of a step, of each member of the team its own."""
        whose = [self.team.rank] if self.team.rank else []
        source = np.random.SeedSequence([self.seed, *self.name.encode(), step, *whose])
        first = int(source.generate_state(1, np.uint64)[0] >> 1)
        return np.random.default_rng(source), torch.Generator().manual_seed(first)


def learn(
    part: Part,
    folder: Path,
    steps: int,
    *,
    report_every: int = 50,
    save_every: int = 250,
    team: Team = ALONE,
) -> None:
    """Make all steps that are not made yet; weights, averages and curves are in ``folder``.

    Stopped at any moment, it goes on from the last save, and gives the same weights.
    ``report_every``, ``save_every``: steps. ``team``: this process's place among those that learn
    as one.
    """
    part.team = team
    learning = _Learning(part, folder, steps)
    for step in range(learning.begin(), steps):
        learning.step(step)
        done = step + 1
        if done % report_every == 0 and not team.rank:
            learning.report(done)
        if (done % save_every == 0 or done == steps) and not team.rank:
            learning.save(done)


class _Learning:
    def __init__(self, part: Part, folder: Path, steps: int) -> None:
        self._part, self._steps = part, steps
        self._file, self._curve = folder / f"{part.name}.pt", folder / f"{part.name}.jsonl"
        self._networks = dict(part.networks())
        self._weights = [
            each for network in self._networks.values() for each in network.parameters()
        ]
        turned = matrices(self._networks.values())
        known = {id(each) for each in turned}
        others = [each for each in self._weights if id(each) not in known]
        self._optimizers: list[torch.optim.Optimizer] = [
            Orthogonal(turned, part.rate, part.decay),
            torch.optim.AdamW(others, lr=part.rate, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self._average = [each.detach().clone() for each in self._weights]
        self._seen: list[dict[str, float]] = []

    def begin(self) -> int:
        """The first step that is to be made."""
        if not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            return 0
        kept = torch.load(self._file, weights_only=True)
        for name, network in self._networks.items():
            network.load_state_dict(kept["weights"][name])
        for optimizer, state in zip(self._optimizers, kept["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self._average = kept["average"]
        return int(kept["step"])

    def step(self, step: int) -> None:
        share = step / self._steps
        rate = self._part.rate * min(1.0, (step + 1) / _WARM, (1 - share) / _FALLS + _LAST)
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        loss, figures = self._part.loss(step, share)
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._average_team()
        nn.utils.clip_grad_norm_(self._weights, 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
        kept = min(_AVERAGED, step / (step + 20))
        torch._foreach_mul_(self._average, kept)
        current = [each.detach() for each in self._weights]
        torch._foreach_add_(self._average, current, alpha=1 - kept)
        self._seen.append({"loss": float(loss.detach()), **figures})

    def _average_team(self) -> None:
        given = [each.grad for each in self._weights if each.grad is not None]
        for network in self._networks.values():
            given += [each for each in network.buffers() if each.is_floating_point()]
        self._part.team.average(given)

    def report(self, done: int) -> None:
        """Add the means of what was seen to the curve, and say them."""
        names = {name for each in self._seen for name in each}
        means = {
            name: float(np.mean([each[name] for each in self._seen if name in each]))
            for name in sorted(names)
        }
        self._seen.clear()
        self._write({"step": done, "cpu_seconds": round(time.process_time(), 1), **means})

    def save(self, done: int) -> None:
        with self._averaged():
            if judged := self._part.judged():
                self._write({"step": done, **judged})
        kept = {
            "step": done,
            "weights": {name: each.state_dict() for name, each in self._networks.items()},
            "optimizers": [each.state_dict() for each in self._optimizers],
            "average": self._average,
            "averaged": self._averages(),
        }
        fresh = self._file.with_suffix(".new")
        torch.save(kept, fresh)
        os.replace(fresh, self._file)

    def _averages(self) -> dict[str, dict[str, torch.Tensor]]:
        with self._averaged():
            return {
                name: {key: value.clone() for key, value in each.state_dict().items()}
                for name, each in self._networks.items()
            }

    def _averaged(self) -> _Swapped:
        return _Swapped(self._weights, self._average)

    def _write(self, figures: dict[str, Any]) -> None:
        line = json.dumps(figures)
        with self._curve.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        sys.stdout.write(f"{self._part.name} {line}\n")
        sys.stdout.flush()


class _Swapped:
    """``with _Swapped(weights, others):`` the weights have the others' values."""

    def __init__(self, weights: list[nn.Parameter], others: list[torch.Tensor]) -> None:
        self._weights, self._others = weights, others

    def __enter__(self) -> None:
        self._own = [each.detach().clone() for each in self._weights]
        self._set(self._others)

    def __exit__(self, *raised: object) -> None:
        self._set(self._own)

    def _set(self, values: list[torch.Tensor]) -> None:
        with torch.no_grad():
            for each, value in zip(self._weights, values, strict=True):
                each.copy_(value)
