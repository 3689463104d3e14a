"""Options of loading LTX-2, and the precision of each network."""

from __future__ import annotations

from attrs import evolve, frozen

from longtake_ltx2.numerics import NumericsName

__all__ = ["LTX2LoadOptions", "Precisions"]


@frozen(kw_only=True)
class LTX2LoadOptions:
    """Keyword arguments of `longtake.load` for this family.

    ``numerics``: which public implementation is followed where they disagree, ``"official"``
    (ltx-core) or ``"diffusers"``.
    """

    numerics: NumericsName = "official"


@frozen(kw_only=True)
class Precisions:
    """Dtype names of the networks; the defaults are those the checkpoints are published for."""

    dit_precision: str = "bfloat16"
    vae_precision: str = "bfloat16"
    text_encoder_precision: str = "bfloat16"
    audio_decoder_precision: str = "bfloat16"
    vocoder_precision: str = "bfloat16"

    @classmethod
    def choose(cls, dtype: str | None, device: str) -> Precisions:
        """``dtype`` everywhere when given; else fp32 on a CPU and the published ones elsewhere."""
        chosen = "float32" if dtype is None and device.startswith("cpu") else dtype
        return cls() if chosen is None else cls().everywhere(chosen)

    def everywhere(self, dtype: str) -> Precisions:
        """The same dtype for every network."""
        return evolve(
            self,
            dit_precision=dtype,
            vae_precision=dtype,
            text_encoder_precision=dtype,
            audio_decoder_precision=dtype,
            vocoder_precision=dtype,
        )
