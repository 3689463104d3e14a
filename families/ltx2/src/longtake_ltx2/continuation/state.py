"""The state of an LTX-2 take, and how it is written as an ``ltx2.v1`` document and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
from attrs import Attribute, field, frozen
from attrs.validators import deep_iterable, instance_of, optional

import longtake as lt
from longtake_ltx2.continuation.checks import (
    SCALARS,
    blob_id,
    object_,
    open_json,
    refuse,
)
from longtake_ltx2.continuation.prefix import EncodedPrefix
from longtake_ltx2.continuation.texts import CarriedText
from longtake_ltx2.continuation.v1.document import PAYLOAD_KEYS, read_document
from longtake_ltx2.continuation.v1.metadata import clock_of, model_of, seed_of
from longtake_ltx2.continuation.v1.names import DEFAULT_INLINE_THRESHOLD_BYTES
from longtake_ltx2.continuation.v1.writing import write_document

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from longtake_ltx2.clock import TakeClock

__all__ = ["LTX2ContinuationState"]


def _check_scalar(instance: object, attribute: Attribute[Any], value: object) -> None:
    SCALARS[attribute.name](value, f"state.payload.{attribute.name}")


def _check_blob_id(instance: object, attribute: Attribute[Any], value: object) -> None:
    blob_id(value, f"state.{attribute.name}")


def _check_metadata(instance: object, attribute: Attribute[Any], value: object) -> None:
    metadata = object_(value, "state.payload.metadata")
    open_json(metadata, "state.payload.metadata")
    clock_of(metadata)
    seed_of(metadata)
    model_of(metadata)


def _check_unknown(instance: object, attribute: Attribute[Any], value: object) -> None:
    fields = object_(value, "state.unknown_fields")
    known = sorted(PAYLOAD_KEYS & fields.keys())
    if known:
        refuse(f"state.unknown_fields.{known[0]}", "is a field of its own")
    for name, kept in fields.items():
        open_json(kept, f"state.payload.{name}")


@frozen(eq=False)
class LTX2ContinuationState:
    """What the next segment of an LTX-2 take is conditioned on.

    - ``segment_index``: of the segment just completed.
    - ``video_frames``: its last frames, each uint8 RGB ``[H, W, 3]``; None when unset or still in
      the blob store as ``video_frames_blob_id``.
    - ``video_latents``: what those frames encode to, which states of kind ``ltx2.v2`` carry instead
      of them or, when they are portable, beside them; None when unset or still in the blob store as
      ``video_latents_blob_id``.
    - ``video_conditioning_frame_idx``: the frame of the next segment that they align with.
    - ``video_conditioning_strength``: 1 keeps them as they are, 0 ignores them.

    - ``audio_latents``: denoised latents ``[B, C, T, mel]`` in normalised model space; None when
      unset or still in the blob store as ``audio_latents_blob_id``.
    - ``audio_sample_rate``: Hz.
    - ``audio_conditioning_num_frames``: how many of the last latents are clean context.
    - ``audio_conditioning_strength``: the other way round than the video's, 0 keeps them, 1 makes
      them anew.
    - ``video_position_offset_sec``: seconds by which the video's RoPE times shift, so that audio
      context longer than the video's starts at 0.

    - ``texts``: the prompts of the segment, encoded; written only into a blob store.

    ``metadata``: open to everybody; Longtake's is under ``"longtake"``. ``unknown_fields``: of the
    payload, kept and written back. Raises `longtake.ValidationError` for values out of range.
    """

    segment_index: int = field(default=0, validator=_check_scalar)
    video_frames: Sequence[NDArray[np.uint8]] | None = field(default=None, repr=False)
    video_frames_blob_id: str | None = field(default=None, validator=optional(_check_blob_id))
    video_conditioning_frame_idx: int = field(default=0, validator=_check_scalar)
    video_conditioning_strength: float = field(default=1.0, validator=_check_scalar)
    audio_latents: torch.Tensor | None = field(default=None, repr=False)
    audio_latents_blob_id: str | None = field(default=None, validator=optional(_check_blob_id))
    audio_sample_rate: int | None = field(default=None, validator=optional(_check_scalar))
    audio_conditioning_num_frames: int = field(default=0, validator=_check_scalar)
    audio_conditioning_strength: float = field(default=1.0, validator=_check_scalar)
    video_position_offset_sec: float = field(default=0.0, validator=_check_scalar)
    metadata: dict[str, Any] = field(factory=dict, validator=_check_metadata)
    video_latents: EncodedPrefix | None = field(
        default=None, kw_only=True, repr=False, validator=optional(instance_of(EncodedPrefix))
    )
    video_latents_blob_id: str | None = field(
        default=None, kw_only=True, validator=optional(_check_blob_id)
    )
    texts: tuple[CarriedText, ...] = field(
        default=(), kw_only=True, repr=False, validator=deep_iterable(instance_of(CarriedText))
    )
    unknown_fields: Mapping[str, Any] = field(
        factory=dict, kw_only=True, repr=False, validator=_check_unknown
    )

    def __attrs_post_init__(self) -> None:
        if self.video_frames is not None and self.video_frames_blob_id is not None:
            refuse("state.video_frames_blob_id", "is given together with video_frames")
        if self.audio_latents is not None and self.audio_latents_blob_id is not None:
            refuse("state.audio_latents_blob_id", "is given together with audio_latents")
        if self.video_latents is not None and self.video_latents_blob_id is not None:
            refuse("state.video_latents_blob_id", "is given together with video_latents")

    @property
    def clock(self) -> TakeClock | None:
        """How far the take has come; None when the state does not say."""
        return clock_of(self.metadata)

    @property
    def end_frame(self) -> int | None:
        """How many frames the take has; None when the state does not say."""
        return None if self.clock is None else self.clock.frames

    @property
    def model_fingerprint(self) -> str | None:
        """Of the model that made the segment; None when the state does not say."""
        return model_of(self.metadata)

    @property
    def take_defaults(self) -> dict[str, Any]:
        """The sampling fields that the take fixes, as far as the state says them."""
        defaults: dict[str, Any] = {}
        if self.video_frames is not None and len(self.video_frames):
            defaults["height"], defaults["width"] = self.video_frames[0].shape[:2]
        elif self.video_latents is not None:
            defaults["height"], defaults["width"] = self.video_latents.size
        clock, seed = self.clock, seed_of(self.metadata)
        if clock is not None:
            defaults["fps"] = clock.fps
        if seed is not None:
            defaults["seed"] = seed
        return defaults

    def to_continuation_state(
        self,
        *,
        blob_store: lt.BlobStore | None = None,
        inline_threshold_bytes: int = DEFAULT_INLINE_THRESHOLD_BYTES,
    ) -> lt.ContinuationState:
        """Write the state as ``ltx2.v1``.

        A part that is larger than ``inline_threshold_bytes`` when encoded goes to ``blob_store``
        when one is given; a part that was never fetched stays a reference. Raises
        `longtake.ValidationError` for frames or latents of another form than the fields say, and
        for a state that has ``video_latents`` without the frames; with them the latents are left
        out, for the frames encode to them again.
        """
        fields = attrs.asdict(self, recurse=False)
        return write_document(fields, blob_store, inline_threshold_bytes)

    @classmethod
    def from_continuation_state(
        cls, state: lt.ContinuationState, *, blob_store: lt.BlobStore | None = None
    ) -> LTX2ContinuationState:
        """Read a state that may come from anywhere.

        Without ``blob_store``, parts that are blobs stay ids. Raises `longtake.ValidationError`
        with the path of the wrong field; a blob store's other errors pass through.
        """
        return cls(**read_document(state, blob_store).fields)
