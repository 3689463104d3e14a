"""FLOPs, weights and memory of LTX-2's transformer, from its configuration alone.

The structure is that of diffusers ``LTX2VideoTransformer3DModel``: two streams, picture and sound,
whose blocks attend to themselves, to the text and to each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from attrs import field, frozen

from longtake_ltx2.estimating.attention import Attention
from longtake_ltx2.estimating.forward_pass import ForwardPass, StreamSize

__all__ = ["STREAMED_BLOCKS", "TransformerConfig"]

STREAMED_BLOCKS = 2
"""Blocks on the device at once with ``offload="block"``: one that computes, and the next."""

_TIMESTEP_CHANNELS = 256
_FEED_FORWARD = 4
"""Width of the feed-forward's hidden layer, in widths of the stream."""
_HELD = 7 + 2 * _FEED_FORWARD
"""Video tensors that a block holds while it feeds forward: the hidden layer before and after its
activation, the residual, its norm, and what its attentions leave behind."""
_ROTARY_BYTES = 4
"""The cosines and sines of the rotary embedding are fp32."""


@frozen(kw_only=True)
class TransformerConfig:
    """The fields of the network's configuration that its cost depends on; diffusers' defaults."""

    in_channels: int = 128
    out_channels: int = 128
    num_attention_heads: int = 32
    attention_head_dim: int = 128
    cross_attention_dim: int = 4096
    gated_attn: bool = False
    cross_attn_mod: bool = False
    audio_in_channels: int = 128
    audio_out_channels: int = 128
    audio_num_attention_heads: int = 32
    audio_attention_head_dim: int = 64
    audio_cross_attention_dim: int = 2048
    audio_gated_attn: bool = False
    audio_cross_attn_mod: bool = False
    num_layers: int = 48
    caption_channels: int = 3840
    attention_bias: bool = True
    attention_out_bias: bool = True
    use_prompt_embeddings: bool = True
    perturbed_attn: bool = False
    ff_bias: bool = True
    audio_ff_bias: bool = True
    use_prompt_adaln_single: bool = True
    use_keyframes_abs_pos_embedding: bool = False
    video_width: int = field(init=False)
    audio_width: int = field(init=False)

    @video_width.default
    def _video_width(self) -> int:
        return self.num_attention_heads * self.attention_head_dim

    @audio_width.default
    def _audio_width(self) -> int:
        return self.audio_num_attention_heads * self.audio_attention_head_dim

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TransformerConfig:
        """From the content of ``transformer/config.json``."""
        known = {each.name for each in attrs.fields(cls) if each.init}
        return cls(**{name: value for name, value in config.items() if name in known})

    @property
    def parameters(self) -> int:
        """How many numbers the weights are."""
        width, audio = self.video_width, self.audio_width
        ends = (self.in_channels + 1) * width + (width + 1) * self.out_channels
        ends += (self.audio_in_channels + 1) * audio + (audio + 1) * self.audio_out_channels
        tables = 2 * (width + audio) + width * self.use_keyframes_abs_pos_embedding
        modulations = sum(
            (_TIMESTEP_CHANNELS + 1) * dim + (1 + rows) * (dim + 1) * dim
            for dim, rows, _ in self._modulations(_NO_TOKENS)
        )
        captions = sum(
            (self.caption_channels + 1) * dim + (dim + 1) * dim for dim in self._caption_widths
        )
        return ends + tables + modulations + captions + self.num_layers * self._block_parameters

    @property
    def streamed_parameters(self) -> int:
        """How many of them are on the device while its blocks are streamed: two blocks' and the
        rest.
        """
        away = max(self.num_layers - STREAMED_BLOCKS, 0)
        return self.parameters - away * self._block_parameters

    def flops(self, run: ForwardPass) -> int:
        """Of one forward pass of one sample."""
        blocks = range(run.first_block, self.num_layers)
        return self._outer_flops(run) + sum(self._block_flops(run, block) for block in blocks)

    def activation_bytes(self, run: ForwardPass, element_size: int) -> int:
        """What a forward pass holds at most beside the weights, attention scores never kept.

        That is in the feed-forward of a block: `_HELD` tensors of the picture's width, the
        modulations as they are for all blocks and as they are for this one, and the rotations.
        """
        width, video = self.video_width, run.video
        crossing = 4 * video.cross + video.gate
        rows = self._rows(self.cross_attn_mod) * video.own + crossing
        picture = width * (_HELD * video.tokens + 2 * rows + video.own)
        sound_rows = self._rows(self.audio_cross_attn_mod) * run.audio.own
        sound = self.audio_width * (_HELD * run.audio.tokens + 2 * sound_rows)
        rotations = video.tokens * (width + self.audio_width) * _ROTARY_BYTES
        return (picture + sound) * element_size + rotations

    @property
    def _caption_widths(self) -> tuple[int, ...]:
        return (self.video_width, self.audio_width) if self.use_prompt_embeddings else ()

    def _rows(self, modulates_text: bool) -> int:
        """Scale, shift and gate of self-attention and feed-forward, and of the text's attention."""
        return 9 if modulates_text else 6

    def _modulations(self, run: ForwardPass) -> list[tuple[int, int, int]]:
        """Width, rows and number of timesteps of every adaptive norm."""
        width, audio = self.video_width, self.audio_width
        modulations = [
            (width, self._rows(self.cross_attn_mod), run.video.own),
            (audio, self._rows(self.audio_cross_attn_mod), run.audio.own),
            (width, 4, run.video.cross),
            (audio, 4, run.audio.cross),
            (width, 1, run.video.gate),
            (audio, 1, run.audio.gate),
        ]
        if self._modulates_prompt and self.use_prompt_adaln_single:
            modulations += [(width, 2, 1), (audio, 2, 1)]
        return modulations

    @property
    def _modulates_prompt(self) -> bool:
        return self.cross_attn_mod or self.audio_cross_attn_mod

    def level_flops(self, run: ForwardPass) -> int:
        """Of the embeddings of noise levels, which passes at the same levels have in common."""
        return 2 * sum(
            count * (_TIMESTEP_CHANNELS * dim + (1 + rows) * dim * dim)
            for dim, rows, count in self._modulations(run)
        )

    def _outer_flops(self, run: ForwardPass) -> int:
        width, audio = self.video_width, self.audio_width
        ends = run.video.tokens * width * (self.in_channels + self.out_channels)
        ends += run.audio.tokens * audio * (self.audio_in_channels + self.audio_out_channels)
        captions = sum(
            run.text_tokens * (self.caption_channels * dim + dim * dim)
            for dim in self._caption_widths
        )
        return 2 * (ends + captions) + self.level_flops(run)

    def _block_flops(self, run: ForwardPass, block: int) -> int:
        video, audio, text = run.video.tokens, run.audio.tokens, run.text_tokens
        perturbed = block in run.perturbed_blocks
        total = self._to_itself(self._video_self, video, perturbed and run.perturbs_video)
        total += self._to_itself(self._audio_self, audio, perturbed and run.perturbs_audio)
        total += self._video_text.flops(video, text) + self._audio_text.flops(audio, text)
        if run.negated:
            total += self._video_text.beside_flops(video, text)
            total += self._audio_text.beside_flops(audio, text)
        if not run.isolated:
            total += self._video_to_audio.flops(audio, video)
            total += self._audio_to_video.flops(video, audio)
        fed = video * self.video_width**2 + audio * self.audio_width**2
        return total + 2 * 2 * _FEED_FORWARD * fed

    @staticmethod
    def _to_itself(attention: Attention, tokens: int, perturbed: bool) -> int:
        return attention.perturbed_flops(tokens) if perturbed else attention.flops(tokens, tokens)

    @property
    def projections(self) -> int:
        """Of a block's parameters, those of its attentions' projections and its feed-forwards."""
        width, audio = self.video_width, self.audio_width
        fed = 2 * _FEED_FORWARD * (width**2 + audio**2)
        fed += (_FEED_FORWARD + 1) * (width * self.ff_bias + audio * self.audio_ff_bias)
        return sum(each.projections for each in self._attentions) + fed

    @property
    def _block_parameters(self) -> int:
        width, audio = self.video_width, self.audio_width
        tables = (self._rows(self.cross_attn_mod) + 5) * width
        tables += (self._rows(self.audio_cross_attn_mod) + 5) * audio
        tables += 2 * (width + audio) * self._modulates_prompt
        beside = sum(each.parameters - each.projections for each in self._attentions)
        return self.projections + beside + tables

    @property
    def _attentions(self) -> tuple[Attention, ...]:
        return (
            self._video_self,
            self._audio_self,
            self._video_text,
            self._audio_text,
            self._audio_to_video,
            self._video_to_audio,
        )

    @property
    def _video_self(self) -> Attention:
        return self._of_video(self.video_width, self.video_width, self.num_attention_heads)

    @property
    def _video_text(self) -> Attention:
        return self._of_video(self.cross_attention_dim, self.video_width, self.num_attention_heads)

    @property
    def _audio_to_video(self) -> Attention:
        heads = self.audio_num_attention_heads
        return self._of_video(self.audio_width, self.audio_width, heads)

    @property
    def _audio_self(self) -> Attention:
        return self._of_audio(self.audio_width)

    @property
    def _audio_text(self) -> Attention:
        return self._of_audio(self.audio_cross_attention_dim)

    @property
    def _video_to_audio(self) -> Attention:
        return self._of_audio(self.video_width)

    def _of_video(self, key: int, inner: int, heads: int) -> Attention:
        """Queries from the picture; keys may be the sound's."""
        biases = self.attention_bias, self.attention_out_bias
        return Attention(self.video_width, key, inner, heads, self.gated_attn, *biases)

    def _of_audio(self, key: int) -> Attention:
        """Queries from the sound; keys may be the picture's."""
        width, heads = self.audio_width, self.audio_num_attention_heads
        biases = self.attention_bias, self.attention_out_bias
        return Attention(width, key, width, heads, self.audio_gated_attn, *biases)


_NO_TOKENS = ForwardPass(StreamSize(0), StreamSize(0), 0)
