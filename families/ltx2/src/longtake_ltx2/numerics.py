"""Where the public implementations of LTX-2 disagree, and which one is followed.

``official``: Lightricks' ltx-core and ltx-pipelines. ``diffusers``: `LTX2ConditionPipeline` of
diffusers 0.42.
"""

from __future__ import annotations

from typing import Literal

from attrs import frozen

__all__ = ["DIFFUSERS", "NUMERICS", "OFFICIAL", "Numerics", "NumericsName"]

NumericsName = Literal["official", "diffusers"]


@frozen(kw_only=True)
class Numerics:
    """One set of choices.

    - ``schedule_tokens``: the token count that shifts the schedule, as ltx-core computes it; None
      means the actual one, as diffusers does.
    - ``noise_in_float32``: the initial noise is drawn in fp32, else in the networks' dtype.
    - ``per_token_sigma``: ``x0 = x - mask sigma v`` token by token, else one sigma for all.
    - ``rescale_whole_tensor``: one standard deviation over the whole tensor, else one a sample.
    - ``perturb_asking_stream_only``: STG perturbs only the stream whose scale asks for it.
    - ``any_scale_asks``: a guidance pass runs for any scale that has an effect, else for scales
      above neutral only.
    - ``gate_from_other_sigma``: the gates between picture and sound follow the other stream's sigma
      while scale and shift follow the own per-token timestep, in every generation; else both follow
      the own (2.0) or both the other's (2.3 on).
    - ``conditions_at_pixel_frames``: frames that a segment is conditioned on lie at any pixel
      frame, else at the start of the latent frame which that one belongs to.
    - ``conditions_after_noise``: a partly kept token is a mixture of what is known and of the noise
      level that a token beside it starts from, else one of what is known and noise.
    - ``marks_first_frame``: networks that learned a mark for tokens of a single pixel frame (2.5)
      see it on the segment's first latent frame.
    - ``ancestral_generations``: those whose distilled schedule is walked with fresh noise at every
      step, else always without.
    """

    name: NumericsName
    schedule_tokens: int | None
    noise_in_float32: bool
    per_token_sigma: bool
    rescale_whole_tensor: bool
    perturb_asking_stream_only: bool
    any_scale_asks: bool
    gate_from_other_sigma: bool
    conditions_at_pixel_frames: bool
    conditions_after_noise: bool
    marks_first_frame: bool
    ancestral_generations: tuple[str, ...]


OFFICIAL = Numerics(
    name="official",
    schedule_tokens=4096,
    noise_in_float32=False,
    per_token_sigma=True,
    rescale_whole_tensor=True,
    perturb_asking_stream_only=True,
    any_scale_asks=True,
    gate_from_other_sigma=True,
    conditions_at_pixel_frames=True,
    conditions_after_noise=True,
    marks_first_frame=True,
    ancestral_generations=("2.5",),
)
DIFFUSERS = Numerics(
    name="diffusers",
    schedule_tokens=None,
    noise_in_float32=True,
    per_token_sigma=False,
    rescale_whole_tensor=False,
    perturb_asking_stream_only=False,
    any_scale_asks=False,
    gate_from_other_sigma=False,
    conditions_at_pixel_frames=False,
    conditions_after_noise=False,
    marks_first_frame=False,
    ancestral_generations=(),
)
NUMERICS: dict[NumericsName, Numerics] = {"official": OFFICIAL, "diffusers": DIFFUSERS}
