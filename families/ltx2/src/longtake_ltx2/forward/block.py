"""One block of diffusers' ``LTX2VideoTransformer3DModel``, computed with less work."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from attrs import frozen

from longtake_ltx2.forward.attending import attend, attended, keys_and_values
from longtake_ltx2.forward.feeding import fed
from longtake_ltx2.forward.levels import Levels, gated, modulated, normed
from longtake_ltx2.forward.protocol import Both
from longtake_ltx2.forward.text_keys import Kept
from longtake_ltx2.values import PromptContext

__all__ = ["ExactBlock"]

_NOT_FOLLOWED = (
    "encoder_attention_mask",
    "audio_encoder_attention_mask",
    "self_attention_mask",
    "audio_self_attention_mask",
    "a2v_cross_attention_mask",
    "v2a_cross_attention_mask",
)


Rows: TypeAlias = tuple[torch.Tensor, ...]
"""Scales, shifts and gates ``[1, levels or 1, D]``, in diffusers' order."""


@frozen(eq=False)
class _Stream:
    """The half of a block that is one stream's."""

    name: str
    levels: Levels | None
    norm1: Any
    self_attention: Any
    norm2: Any
    text_attention: Any
    norm3: Any
    feed_forward: Any

    @classmethod
    def of(cls, block: Any, name: str, levels: Levels | None) -> _Stream:
        parts = block.audio_norm1, block.audio_attn1, block.audio_norm2, block.audio_attn2
        ends = block.audio_norm3, block.audio_ff
        if name == "video":
            parts = block.norm1, block.attn1, block.norm2, block.attn2
            ends = block.norm3, block.ff
        return cls(name, levels, *parts, *ends)

    def attend_to_itself(
        self, x: torch.Tensor, rows: Rows, rope: Any, perturbed: dict[str, Any]
    ) -> torch.Tensor:
        shift, scale, gate = rows[:3]
        given = self._normed(self.norm1, x, scale, shift)
        change = attend(self.self_attention, given, rope, perturbed=perturbed)
        return gated(x, change, gate, self.levels)

    def attend_to_text(self, x: torch.Tensor, rows: Rows, text: Any) -> torch.Tensor:
        if len(rows) == 6:
            return self._gathered(normed(self.norm2, x), text).add_(x)
        shift, scale, gate = rows[6:9]
        given = self._normed(self.norm2, x, scale, shift)
        return gated(x, self._gathered(given, text), gate, self.levels)

    def _gathered(self, x: torch.Tensor, text: Any) -> torch.Tensor:
        """``text``: keys and values; or the text itself for an attention that is replaced."""
        if isinstance(text, torch.Tensor):
            replaced: torch.Tensor = self.text_attention(x, encoder_hidden_states=text)
            return replaced
        return attended(self.text_attention, x, text)

    def of_text(self, text: torch.Tensor) -> Any:
        """What `attend_to_text` takes of the text as it is modulated."""
        if "forward" in vars(self.text_attention):
            return text
        return keys_and_values(self.text_attention, text)

    def feed(self, x: torch.Tensor, rows: Rows) -> torch.Tensor:
        shift, scale, gate = rows[3:6]
        given = self._normed(self.norm3, x, scale, shift)
        return gated(x, fed(self.feed_forward, given), gate, self.levels)

    def _normed(
        self, norm: Any, x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor
    ) -> torch.Tensor:
        given = normed(norm, x)
        return modulated(given, scale, shift, self.levels, out=given)


class ExactBlock:
    """Stands in for the forward of ``block``, number ``number``, in a pass of ``prompt``."""

    def __init__(
        self, block: Any, number: int, kept: Kept, prompt: PromptContext, levels: dict[str, Levels]
    ) -> None:
        self._block, self._number, self._kept, self._prompt = block, number, kept, prompt
        self._levels = levels

    def __call__(self, **given: Any) -> Both:
        """As the block's own forward, all arguments by name."""
        if any(given[name] is not None for name in _NOT_FOLLOWED):
            raise NotImplementedError("a mask of attention, in the exact forward")
        block = self._block
        video = _Stream.of(block, "video", self._levels.get("video"))
        audio = _Stream.of(block, "audio", self._levels.get("audio"))
        rows = (
            _rows(block.scale_shift_table, given["temb"]),
            _rows(block.audio_scale_shift_table, given["temb_audio"]),
        )
        both = self._after_text(video, audio, rows, given)
        if given["use_a2v_cross_attention"]:
            both = self._crossed(both, given)
        return video.feed(both[0], rows[0]), audio.feed(both[1], rows[1])

    def _after_text(
        self, video: _Stream, audio: _Stream, rows: tuple[Rows, Rows], given: dict[str, Any]
    ) -> Both:
        """Both streams behind their attention to the text.

        All passes of a step enter block 0 with the same, and part where they are perturbed, or
        where their prompts differ.
        """

        def after_self() -> Both:
            perturbed = {}
            if self._block.perturbed_attn:
                perturbed = {name: given[name] for name in ("perturbation_mask", "all_perturbed")}
            return (
                video.attend_to_itself(
                    given["hidden_states"], rows[0], given["video_rotary_emb"], perturbed
                ),
                audio.attend_to_itself(
                    given["audio_hidden_states"], rows[1], given["audio_rotary_emb"], perturbed
                ),
            )

        def after_text(both: Both) -> Both:
            text, audio_text = self._text(video, given), self._text(audio, given)
            return (
                video.attend_to_text(both[0], rows[0], text),
                audio.attend_to_text(both[1], rows[1], audio_text),
            )

        if self._number or given["perturbation_mask"] is not None:
            return after_text(after_self())
        kept, prompt = self._kept, self._prompt
        return kept.over_step(
            ("behind the text", prompt),
            prompt,
            lambda: after_text(kept.over_step("behind itself", None, after_self)),
        )

    def _text(self, stream: _Stream, given: dict[str, Any]) -> Any:
        """Keys and values, which depend on the noise level where the prompt is modulated by it."""
        block, prefix = self._block, "" if stream.name == "video" else "audio_"
        text = given[f"{prefix}encoder_hidden_states"]
        temb = given["temb_prompt" if stream.name == "video" else "temb_prompt_audio"]
        key = (stream.name, self._number, self._prompt)

        def make() -> Any:
            if not block.cross_attn_adaln:
                return stream.of_text(text)
            tables = {
                "video": lambda: block.prompt_scale_shift_table,
                "audio": lambda: block.audio_prompt_scale_shift_table,
            }
            table = tables[stream.name]()
            shift, scale = (
                table[None, None].to(text).unbind(2) if temb is None else _rows(table, temb)
            )
            return stream.of_text(modulated(text, scale, shift, None))

        if temb is None:
            return self._kept.over_loop(key, make)
        return self._kept.over_step(key, self._prompt, make)

    def _crossed(self, both: Both, given: dict[str, Any]) -> Both:
        """Picture and sound attend to each other, both as they were before."""
        block, (video, audio) = self._block, both
        tables = (
            block.video_a2v_cross_attn_scale_shift_table,
            block.audio_a2v_cross_attn_scale_shift_table,
        )
        in_video, in_video_shift, from_video, from_video_shift = _rows(
            tables[0][:4], given["temb_ca_scale_shift"]
        )
        from_audio, from_audio_shift, in_audio, in_audio_shift = _rows(
            tables[1][:4], given["temb_ca_audio_scale_shift"]
        )
        (video_gate,) = _rows(tables[0][4:], given["temb_ca_gate"])
        (audio_gate,) = _rows(tables[1][4:], given["temb_ca_audio_gate"])
        of_video, of_audio = self._levels.get("video"), self._levels.get("audio")
        x, y = normed(block.audio_to_video_norm, video), normed(block.video_to_audio_norm, audio)
        ropes = given["ca_video_rotary_emb"], given["ca_audio_rotary_emb"]
        to_video = attend(
            block.audio_to_video_attn,
            modulated(x, in_video, in_video_shift, of_video),
            ropes[0],
            (modulated(y, from_audio, from_audio_shift, of_audio), ropes[1]),
        )
        to_audio = attend(
            block.video_to_audio_attn,
            modulated(y, in_audio, in_audio_shift, of_audio, out=y),
            ropes[1],
            (modulated(x, from_video, from_video_shift, of_video, out=x), ropes[0]),
        )
        return (
            gated(video, to_video, video_gate, of_video),
            gated(audio, to_audio, audio_gate, of_audio),
        )


def _rows(table: torch.Tensor, temb: torch.Tensor) -> Rows:
    """``table`` ``[rows, D]`` and what the noise levels add ``[1, levels, rows D]``."""
    added = temb.reshape(1, temb.shape[1], table.shape[0], -1)
    return (table.to(temb.device) + added).unbind(2)
