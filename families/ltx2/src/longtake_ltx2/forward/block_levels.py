"""What the noise levels of a step do to the tokens of each stream in one block."""

from __future__ import annotations

import torch
from attrs import frozen

from longtake_ltx2.forward.levels import AdaLN, Gate, Levels, Modulation

__all__ = ["CrossLevels", "StreamLevels", "rows_of"]


@frozen(eq=False)
class StreamLevels:
    """Of the sub-layers that one stream has to itself. Up to 2.0 the text's has none."""

    itself: AdaLN
    feed: AdaLN
    text: AdaLN | None

    @classmethod
    def of(cls, table: torch.Tensor, temb: torch.Tensor, levels: Levels | None) -> StreamLevels:
        """Of the block's ``table`` ``[6 or 9, D]``; ``temb``: ``[1, levels or 1, rows D]``."""
        rows = rows_of(table, temb)
        of_layers = [
            AdaLN(Modulation.of(scale, shift, levels), Gate.of(gate, levels))
            for shift, scale, gate in zip(rows[::3], rows[1::3], rows[2::3], strict=True)
        ]
        itself, feed, *text = of_layers
        return cls(itself, feed, text[0] if text else None)


@frozen(eq=False)
class CrossLevels:
    """Of one stream where picture and sound attend to each other.

    ``into_video``, ``into_audio``: before the attention into either; ``gate``: behind its own.
    """

    into_video: Modulation
    into_audio: Modulation
    gate: Gate

    @classmethod
    def of(
        cls,
        table: torch.Tensor,
        temb: torch.Tensor,
        temb_gate: torch.Tensor,
        levels: Levels | None,
    ) -> CrossLevels:
        """Of the block's ``table`` ``[5, D]``, whose last row is the gate's."""
        of_video, video_shift, of_audio, audio_shift = rows_of(table[:4], temb)
        (gate,) = rows_of(table[4:], temb_gate)
        return cls(
            Modulation.of(of_video, video_shift, levels),
            Modulation.of(of_audio, audio_shift, levels),
            Gate.of(gate, levels),
        )


def rows_of(table: torch.Tensor, temb: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """``[1, levels or 1, D]`` each, in diffusers' order: of ``table`` ``[rows, D]`` and what the
    levels add, ``temb`` ``[1, levels or 1, rows D]``."""
    added = temb.reshape(1, temb.shape[1], table.shape[0], -1)
    return (table.to(temb.device) + added).unbind(2)
