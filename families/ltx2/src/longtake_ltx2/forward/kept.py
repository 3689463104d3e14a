"""What several passes have in common, as keys and values of the text: computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

from longtake_ltx2.values import PromptContext

__all__ = ["Kept"]

T = TypeVar("T")


class Kept:
    """What passes share: over the whole loop, or over the passes of one step.

    What no later pass of the step can need is not kept.
    """

    def __init__(self) -> None:
        self._of_loop: dict[Hashable, Any] = {}
        self._of_step: dict[Hashable, Any] = {}
        self._to_come: Counter[PromptContext] = Counter()

    def begin_step(self, prompts: Sequence[PromptContext]) -> None:
        """Forget the step before; ``prompts``: of the passes to come."""
        self._of_step.clear()
        self._to_come = Counter(prompts)

    def begin_pass(self, prompt: PromptContext) -> None:
        """One of the passes to come is at work."""
        self._to_come[prompt] -= 1

    def over_loop(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once in a loop."""
        if key not in self._of_loop:
            self._of_loop[key] = make()
        found: T = self._of_loop[key]
        return found

    def over_step(self, key: Hashable, prompt: PromptContext | None, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once in a step; for passes of ``prompt``, or of any."""
        if key in self._of_step:
            found: T = self._of_step[key]
            return found
        made = make()
        to_come = self._to_come.total() if prompt is None else self._to_come[prompt]
        if to_come > 0:
            self._of_step[key] = made
        return made
