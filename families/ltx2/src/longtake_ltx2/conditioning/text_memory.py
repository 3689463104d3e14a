"""Encoded prompts that are kept for the next time, in a bounded number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from longtake_ltx2.conditioning.encoded_text import EncodedText

__all__ = ["TextMemory"]


class TextMemory:
    """The encoded prompts that were used last, at most ``limit_bytes`` of them together."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._texts: OrderedDict[Hashable, EncodedText] = OrderedDict()
        self.num_bytes = 0

    def __len__(self) -> int:
        return len(self._texts)

    def get(self, key: Hashable) -> EncodedText | None:
        """What is kept under ``key``, which is then the newest; None when it is not there."""
        if key not in self._texts:
            return None
        self._texts.move_to_end(key)
        return self._texts[key]

    def keep(self, key: Hashable, text: EncodedText) -> None:
        """Keep ``text``; the ones used longest ago go, and one above the limit is not kept."""
        if (before := self._texts.pop(key, None)) is not None:
            self.num_bytes -= before.num_bytes
        if text.num_bytes > self._limit:
            return
        while self.num_bytes + text.num_bytes > self._limit:
            _, oldest = self._texts.popitem(last=False)
            self.num_bytes -= oldest.num_bytes
        self._texts[key] = text
        self.num_bytes += text.num_bytes
