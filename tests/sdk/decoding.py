"""Counting how often inputs from outside are decoded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from longtake.media import clips, sounds, stills

__all__ = ["counted_decodes"]

_DECODERS = ((stills, "decode_still"), (clips, "decode_clip"), (clips, "check_clip"))
_OF_SOUND = ((sounds, "decode_sound"), (sounds, "check_sound"))


@contextmanager
def counted_decodes() -> Iterator[Counter[str]]:
    """How often each decoder of files runs meanwhile, by its name; checking decodes, too."""
    counts: Counter[str] = Counter()

    def counting(name: str, decode: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            counts[name] += 1
            return decode(*arguments)

        return counted

    with ExitStack() as patches:
        for module, name in (*_DECODERS, *_OF_SOUND):
            decode = getattr(module, name)
            patches.enter_context(patch.object(module, name, counting(name, decode)))
        yield counts
