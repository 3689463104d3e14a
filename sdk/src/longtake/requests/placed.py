"""What the inputs of a request have in common: a file's bytes, and where in the segment they go."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import Attribute, field, frozen

from longtake.errors import ValidationError
from longtake.schema.bounds import Described, integer_from

__all__ = ["MAX_MEDIA_BYTES", "Placed", "data_of", "shown_data"]

MAX_MEDIA_BYTES = 2**30


def data_of(maximum: int) -> Any:
    """A validator: a file's bytes, at most so many."""

    def check(instance: Any, attribute: Attribute[Any], value: object) -> None:
        if not isinstance(value, bytes):
            raise ValidationError("data", f"is a {type(value).__name__}; must be a file's bytes")
        if not value:
            raise ValidationError("data", "is empty; must be a file's bytes")
        if len(value) > maximum:
            raise ValidationError("data", f"has {len(value)} bytes; at most {maximum} are taken")

    return Described(check, {"minLength": 4})  # of one byte in base64


def shown_data(data: bytes) -> str:
    """Bytes as a repr shows them."""
    return f"<{len(data)} bytes>"


@frozen
class Placed:
    """What stands at a frame of the segment."""

    PATH: ClassVar[str] = ""

    frame: int = field(default=0, kw_only=True, validator=integer_from(-(2**31), 2**31))

    def frame_in(self, num_frames: int) -> int:
        """The frame from 0 at which it stands, or begins, in a segment of ``num_frames``.

        Raises `ValidationError` with the path ``frame`` when the segment has no such frame.
        """
        if not -num_frames <= self.frame < num_frames:
            raise ValidationError(
                "frame",
                f"is {self.frame}; this segment has {num_frames} frames, so must be from "
                f"{-num_frames} to {num_frames - 1}",
            )
        return self.frame % num_frames
