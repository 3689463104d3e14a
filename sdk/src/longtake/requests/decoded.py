"""What the inputs of a request show and sound like: each is decoded once, when first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from longtake.errors import ValidationError
from longtake.requests.inputs import Inputs, located
from longtake.requests.masks import HALF_WHITE
from longtake.requests.sources import SourceInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DecodedInputs"]


class DecodedInputs:
    """The pictures, clips and sound of `Inputs`, decoded once for all checks and stages of a run.

    Checks and stages ask for it by this type. The arrays are shared, so they cannot be written to.
    Everything raises `ValidationError` with the whole path, such as ``inputs.images[0].data``.

    ``inputs``: the files and their places.
    """

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self._lock = threading.Lock()
        self._pictures: dict[str, NDArray[np.uint8]] = {}
        self._sounds: dict[str, NDArray[np.float32]] = {}

    def image(self, index: int) -> NDArray[np.uint8]:
        """Image number ``index``: uint8 RGB ``[H, W, 3]``, upright."""
        image = self.inputs.images[index]
        return self._once(self._pictures, f"images[{index}]", image.pixels)

    def clip(self, index: int) -> NDArray[np.uint8]:
        """All pictures of clip number ``index``: uint8 RGB ``[T, H, W, 3]``, upright."""
        clip = self.inputs.clips[index]
        return self._once(self._pictures, f"clips[{index}]", clip.frames)

    def reference(self, index: int) -> NDArray[np.uint8]:
        """All pictures of reference number ``index``: uint8 RGB ``[T, H, W, 3]``, upright."""
        reference = self.inputs.references[index]
        return self._once(self._pictures, f"references[{index}]", reference.frames)

    def reference_mask(self, index: int) -> NDArray[np.uint8] | None:
        """All pictures of its mask, likewise; None without one."""
        reference = self.inputs.references[index]
        if reference.mask is None:
            return None
        return self._once(self._pictures, f"references[{index}]", reference.mask_frames, "mask")

    def audio(self, sample_rate: int) -> NDArray[np.float32]:
        """The sound: float32 ``[2, n]`` at ``sample_rate`` Hz, decoded once for each rate."""
        audio = self.inputs.audio
        if audio is None:
            raise ValidationError("inputs.audio", "is left out; there is no sound to decode")
        rate = f"{sample_rate} Hz"
        return self._once(self._sounds, "audio", lambda: audio.samples(sample_rate), rate)

    def voice(self, sample_rate: int) -> NDArray[np.float32]:
        """The sound that voices are like: float32 ``[2, n]`` at ``sample_rate`` Hz."""
        voice = self.inputs.voice
        if voice is None:
            raise ValidationError("inputs.voice", "is left out; there is no sound to decode")
        rate = f"{sample_rate} Hz"
        return self._once(self._sounds, "voice", lambda: voice.samples(sample_rate), rate)

    def source_frames(self) -> NDArray[np.uint8]:
        """The pictures of the clip that the segment is made of: uint8 RGB ``[T, H, W, 3]``."""
        return self._once(self._pictures, "source", self._source().frames)

    def source_places(self) -> NDArray[np.bool_] | None:
        """Where that clip's mask has it remade: bool ``[1 or T, H, W]``; None without a mask."""
        shares = self.source_shares()
        return None if shares is None else shares >= HALF_WHITE

    def source_shares(self) -> NDArray[np.uint8] | None:
        """How much that mask has it remade, 0 to 255: uint8 ``[1 or T, H, W]``; None without."""
        source = self._source()
        if source.mask is None:
            return None
        frames, height, width = self.source_frames().shape[:3]
        return self._once(
            self._pictures, "source", lambda: source.remade_shares(frames, height, width), "mask"
        )

    def source_sound(self, sample_rate: int) -> NDArray[np.float32] | None:
        """The sound of that clip: float32 ``[2, n]`` at ``sample_rate`` Hz; None without any."""
        source = self._source()

        def samples() -> NDArray[np.float32]:
            sound = source.samples(sample_rate)
            return np.zeros((2, 0), np.float32) if sound is None else sound

        import numpy as np  # late: a request is looked at without it

        sound = self._once(self._sounds, "source", samples, f"{sample_rate} Hz")
        return sound if sound.shape[1] else None

    def _source(self) -> SourceInput:
        if self.inputs.source is None:
            raise ValidationError("inputs.source", "is left out; there is no clip to decode")
        return self.inputs.source

    def _once(
        self,
        decoded: dict[str, NDArray[Any]],
        place: str,
        decode: Callable[[], Any],
        part: str = "",
    ) -> NDArray[Any]:
        key = f"{place} {part}"
        with self._lock:
            if key not in decoded:
                with located(place):
                    decoded[key] = decode()
                decoded[key].flags.writeable = False
            return decoded[key]
