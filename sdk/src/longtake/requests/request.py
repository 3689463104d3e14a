"""What a caller asks for, and the job that stages see: the request with nothing left out."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

from attrs import Attribute, field, frozen

from longtake.errors import ValidationError, shown
from longtake.requests.inputs import Inputs
from longtake.schema.bounds import finite, integer_from, is_a, positive_ratio
from longtake.schema.ratios import as_ratio
from longtake.schema.texts import check_texts, text, texts
from longtake.states.state import ContinuationState

__all__ = ["GenerationRequest", "Job", "Output", "ResolvedSampling", "Sampling"]


def _to_ratio(value: object) -> object:
    """24, 24.0, "24000/1001" and Fraction all mean a ratio; anything else is refused below."""
    try:
        return as_ratio(value)
    except ValueError:
        return value


@frozen(kw_only=True)
class Sampling:
    """How to sample. What is None comes from the take's state, the preset, or the family.

    - ``seed``: of the whole take, 0 to 2**64 - 1.
    - ``height``, ``width``: pixels.
    - ``num_frames``: of this segment, with those it repeats.
    - ``fps``: frames per second, an int, a float or a ratio such as ``"24000/1001"``.
    - ``num_inference_steps``, ``guidance_scale``: of the stages that follow the sampling; the scale
      is the picture's text guidance (CFG), 1.0 is off.
    - ``enhance_prompt``: whether a model rewrites the prompt in more words first, in families that
      have one for it; `longtake.GenerationResult` has in ``prompt`` what it wrote.

    Raises `ValidationError` with a path such as ``sampling.num_frames``.
    """

    PATH: ClassVar[str] = "sampling"

    seed: int | None = field(default=None, validator=integer_from(0, 2**64 - 1))
    height: int | None = field(default=None, validator=integer_from(1))
    width: int | None = field(default=None, validator=integer_from(1))
    num_frames: int | None = field(default=None, validator=integer_from(1))
    fps: Fraction | None = field(default=None, converter=_to_ratio, validator=positive_ratio)
    num_inference_steps: int | None = field(default=None, validator=integer_from(1))
    guidance_scale: float | None = field(default=None, validator=finite)
    enhance_prompt: bool | None = field(default=None, validator=is_a(bool, what="true or false"))


@frozen(kw_only=True)
class ResolvedSampling:
    """`Sampling` with every value present, but for what the stages' options have."""

    PATH: ClassVar[str] = "sampling"

    seed: int = field(validator=integer_from(0, 2**64 - 1))
    height: int = field(validator=integer_from(1))
    width: int = field(validator=integer_from(1))
    num_frames: int = field(validator=integer_from(1))
    fps: Fraction = field(converter=_to_ratio, validator=positive_ratio)


def _something(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if not (instance.video or instance.audio):
        raise ValidationError(
            "output", "video and audio are both false, so nothing would be made; leave one on"
        )


@frozen(kw_only=True)
class Output:
    """What to return.

    - ``last``: nobody will continue this segment, so all its sound is returned; False holds back
      what the next segment still changes.
    - ``return_state``: give the state for the next segment.
    - ``state_kind``: the wire format that the state is written in, one of the kinds of the family's
      codecs; None for the first of them.
    - ``overlap_frames``: how many of the last frames the *next* segment will repeat.
    - ``video``, ``audio``: whether to make a picture, and a sound; at least one of them.
    """

    PATH: ClassVar[str] = "output"

    last: bool = field(default=True, validator=is_a(bool, what="true or false"))
    return_state: bool = field(default=False, validator=is_a(bool, what="true or false"))
    state_kind: str | None = field(default=None, validator=is_a(str, what="a string"))
    overlap_frames: int = field(default=9, validator=integer_from(0))
    video: bool = field(default=True, validator=is_a(bool, what="true or false"))
    audio: bool = field(default=True, validator=[is_a(bool, what="true or false"), _something])


def _stage_overrides(instance: Any, attribute: Attribute[Any], value: object) -> None:
    path = attribute.name
    if not isinstance(value, dict):
        raise ValidationError(path, f"is {shown(value)}; must be {{stage: {{field: value}}}}")
    for stage, overrides in value.items():
        if not isinstance(stage, str) or not isinstance(overrides, dict):
            raise ValidationError(
                f"{path}.{stage}", f"is {shown(overrides)}; must be {{field: value}}"
            )


def _state_texts(instance: Any, attribute: Attribute[Any], value: Any) -> None:
    if value is not None:
        check_texts({"kind": value.kind, "payload": value.payload}, attribute.name)


def _said(instance: Any, attribute: Attribute[Any], allowed: bool) -> None:
    if not allowed and not instance.prompt.strip():
        raise ValidationError(
            "prompt",
            "is empty; say what is to be seen and heard, or set allow_empty_prompt to let the "
            "model make what it likes",
        )


@frozen
class GenerationRequest:
    """One segment to generate. What is left out comes from the preset.

    ``stage_overrides``: ``{stage: {field: value}}``; wins over ``sampling``, which wins over the
    preset, which wins over the family. ``state`` continues a take: only the new frames and samples
    are returned, ready to be joined. ``allow_empty_prompt``: take a prompt of nothing but spaces,
    which is refused otherwise, for it is seldom meant.

    Raises `ValidationError` with the path of the wrong field.
    """

    PATH: ClassVar[str] = ""

    prompt: str = field(validator=text)
    negative_prompt: str | None = field(default=None, kw_only=True, validator=text)
    inputs: Inputs = field(
        factory=Inputs, kw_only=True, validator=is_a(Inputs, what="longtake.Inputs")
    )
    sampling: Sampling = field(
        factory=Sampling, kw_only=True, validator=is_a(Sampling, what="longtake.Sampling")
    )
    stage_overrides: dict[str, dict[str, Any]] = field(
        factory=dict, kw_only=True, validator=[_stage_overrides, texts]
    )
    output: Output = field(
        factory=Output, kw_only=True, validator=is_a(Output, what="longtake.Output")
    )
    state: ContinuationState | None = field(
        default=None,
        kw_only=True,
        validator=[is_a(ContinuationState, what="longtake.ContinuationState"), _state_texts],
    )
    allow_empty_prompt: bool = field(
        default=False, kw_only=True, validator=[is_a(bool, what="true or false"), _said]
    )

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> GenerationRequest:
        """A request from a JSON-like document of the same shape, for forms and HTTP.

        Raises `ValidationError` naming the first unknown key, wrong type or missing field.
        """
        from longtake.schema.wire import structure

        return structure(document, cls)

    def to_dict(self) -> dict[str, Any]:
        """The plain JSON-like document of this request; the inverse of `from_dict`."""
        from longtake.schema.wire import unstructure

        document: dict[str, Any] = unstructure(self)
        return document


@frozen(kw_only=True)
class Job:
    """The request with every optional resolved: what stages see.

    ``segment_index``: 0 for the first segment of a take. ``segment_seed``: the seed of this
    segment's noise. ``negative_prompt`` is empty when there is none.
    """

    prompt: str
    negative_prompt: str
    inputs: Inputs
    sampling: ResolvedSampling
    output: Output
    segment_index: int
    segment_seed: int

    @classmethod
    def example(cls, prompt: str = "", **sampling: Any) -> Job:
        """A small job of a first segment, for trying a stage alone.

        Keywords replace the sampling ``seed=0, height=64, width=96, num_frames=25, fps=24``.
        """
        from longtake.requests.seeds import segment_seed

        values = {"seed": 0, "height": 64, "width": 96, "num_frames": 25, "fps": 24} | sampling
        resolved = ResolvedSampling(**values)
        return cls(
            prompt=prompt,
            negative_prompt="",
            inputs=Inputs(),
            sampling=resolved,
            output=Output(),
            segment_index=0,
            segment_seed=segment_seed(resolved.seed, 0),
        )
