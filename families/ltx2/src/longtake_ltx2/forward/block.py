"""One block of diffusers' ``LTX2VideoTransformer3DModel``, computed with less work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from attrs import frozen

from longtake_ltx2.forward.attending import attend, attended, keys_and_values
from longtake_ltx2.forward.block_levels import CrossLevels, StreamLevels, rows_of
from longtake_ltx2.forward.feeding import fed
from longtake_ltx2.forward.kept import Kept
from longtake_ltx2.forward.levels import MOST_KEPT, AdaLN, Levels, Modulation
from longtake_ltx2.forward.norms import normed
from longtake_ltx2.forward.protocol import Both
from longtake_ltx2.forward.rotating import Rotation, Rotations
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

T = TypeVar("T")


@frozen(eq=False)
class _Stream:
    """The half of a block that is one stream's, at the levels of a step."""

    name: str
    levels: StreamLevels
    norm1: Any
    self_attention: Any
    norm2: Any
    text_attention: Any
    norm3: Any
    feed_forward: Any

    @classmethod
    def of(cls, block: Any, name: str, levels: StreamLevels) -> _Stream:
        parts = block.audio_norm1, block.audio_attn1, block.audio_norm2, block.audio_attn2
        ends = block.audio_norm3, block.audio_ff
        if name == "video":
            parts = block.norm1, block.attn1, block.norm2, block.attn2
            ends = block.norm3, block.ff
        return cls(name, levels, *parts, *ends)

    def attend_to_itself(
        self, x: torch.Tensor, rotation: Rotation, perturbed: dict[str, Any]
    ) -> torch.Tensor:
        of_itself = self.levels.itself
        given = _entering(self.norm1, x, of_itself)
        change = attend(self.self_attention, given, rotation, perturbed=perturbed)
        return of_itself.gate.of_tokens(x, change)

    def attend_to_text(self, x: torch.Tensor, text: Any) -> torch.Tensor:
        of_text = self.levels.text
        if of_text is None:
            return self._gathered(normed(self.norm2, x), text).add_(x)
        given = _entering(self.norm2, x, of_text)
        return of_text.gate.of_tokens(x, self._gathered(given, text))

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

    def feed(self, x: torch.Tensor) -> torch.Tensor:
        of_feed = self.levels.feed
        given = _entering(self.norm3, x, of_feed)
        return of_feed.gate.of_tokens(x, fed(self.feed_forward, given))


def _entering(norm: Any, x: torch.Tensor, levels: AdaLN) -> torch.Tensor:
    given = normed(norm, x)
    return levels.modulation.of_tokens(given, out=given)


class ExactBlock:
    """Stands in for the forward of ``block``, number ``number``, in a pass of ``prompt``.

    ``levels``: of the tokens of each stream, once they are known. ``rotations``: of the loop.
    """

    def __init__(
        self,
        block: Any,
        number: int,
        kept: Kept,
        prompt: PromptContext,
        levels: dict[str, Levels],
        rotations: Rotations,
    ) -> None:
        self._block, self._number, self._kept, self._prompt = block, number, kept, prompt
        self._levels, self._rotations = levels, rotations

    def __call__(self, **given: Any) -> Both:
        """As the block's own forward, all arguments by name."""
        if any(given[name] is not None for name in _NOT_FOLLOWED):
            raise NotImplementedError("a mask of attention, in the exact forward")
        block = self._block
        video = self._stream("video", block.scale_shift_table, given["temb"])
        audio = self._stream("audio", block.audio_scale_shift_table, given["temb_audio"])
        both = self._after_text(video, audio, given)
        if given["use_a2v_cross_attention"]:
            both = self._crossed(both, given)
        return video.feed(both[0]), audio.feed(both[1])

    def _stream(self, name: str, table: torch.Tensor, temb: torch.Tensor) -> _Stream:
        def make() -> _Stream:
            return _Stream.of(
                self._block, name, StreamLevels.of(table, temb, self._levels.get(name))
            )

        return self._of_step(name, temb, make)

    def _of_step(self, name: str, temb: torch.Tensor, make: Callable[[], T]) -> T:
        """What ``make`` gives for the levels of a step, which all of its passes are at."""
        if temb.shape[1] > MOST_KEPT:
            return make()
        return self._kept.over_step((name, self._number), None, make)

    def _after_text(self, video: _Stream, audio: _Stream, given: dict[str, Any]) -> Both:
        """Both streams behind their attention to the text.

        All passes of a step enter block 0 with the same, and part where they are perturbed, or
        where their prompts differ.
        """

        def after_self() -> Both:
            perturbed = {}
            if self._block.perturbed_attn:
                perturbed = {name: given[name] for name in ("perturbation_mask", "all_perturbed")}
            of_video = self._rotations.of(given["video_rotary_emb"])
            of_audio = self._rotations.of(given["audio_rotary_emb"])
            return (
                video.attend_to_itself(given["hidden_states"], of_video, perturbed),
                audio.attend_to_itself(given["audio_hidden_states"], of_audio, perturbed),
            )

        def after_text(both: Both) -> Both:
            text, audio_text = self._text(video, given), self._text(audio, given)
            return video.attend_to_text(both[0], text), audio.attend_to_text(both[1], audio_text)

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
                table[None, None].to(text).unbind(2) if temb is None else rows_of(table, temb)
            )
            return stream.of_text(Modulation.of(scale, shift, None).of_tokens(text))

        if temb is None:
            return self._kept.over_loop(key, make)
        return self._kept.over_step(key, self._prompt, make)

    def _crossed(self, both: Both, given: dict[str, Any]) -> Both:
        """Picture and sound attend to each other, both as they were before."""
        block, (video, audio) = self._block, both
        of_video = self._cross_levels(
            "video",
            block.video_a2v_cross_attn_scale_shift_table,
            given["temb_ca_scale_shift"],
            given["temb_ca_gate"],
        )
        of_audio = self._cross_levels(
            "audio",
            block.audio_a2v_cross_attn_scale_shift_table,
            given["temb_ca_audio_scale_shift"],
            given["temb_ca_audio_gate"],
        )
        x, y = normed(block.audio_to_video_norm, video), normed(block.video_to_audio_norm, audio)
        rotation = self._rotations.of(given["ca_video_rotary_emb"])
        audio_rotation = self._rotations.of(given["ca_audio_rotary_emb"])
        to_video = attend(
            block.audio_to_video_attn,
            of_video.into_video.of_tokens(x),
            rotation,
            (of_audio.into_video.of_tokens(y), audio_rotation),
        )
        to_audio = attend(
            block.video_to_audio_attn,
            of_audio.into_audio.of_tokens(y, out=y),
            audio_rotation,
            (of_video.into_audio.of_tokens(x, out=x), rotation),
        )
        return of_video.gate.of_tokens(video, to_video), of_audio.gate.of_tokens(audio, to_audio)

    def _cross_levels(
        self, name: str, table: torch.Tensor, temb: torch.Tensor, temb_gate: torch.Tensor
    ) -> CrossLevels:
        def make() -> CrossLevels:
            return CrossLevels.of(table, temb, temb_gate, self._levels.get(name))

        return self._of_step(f"{name} across", temb, make)
