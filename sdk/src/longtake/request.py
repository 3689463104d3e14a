"""What a caller asks for, and the job that stages see: the request with nothing left out."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

from attrs import Attribute, field, frozen

from longtake.continuation import ContinuationState
from longtake.errors import ValidationError
from longtake.ratios import as_ratio

__all__ = ["GenerationRequest", "Inputs", "Job", "Output", "ResolvedSampling", "Sampling"]


def _to_ratio(value: object) -> object:
    """24, 24.0, "24000/1001" and Fraction all mean a ratio; anything else is refused below."""
    try:
        return as_ratio(value)
    except ValueError:
        return value


def _where(instance: Any, attribute: Attribute[Any]) -> str:
    prefix = type(instance).PATH
    return f"{prefix}.{attribute.name}" if prefix else attribute.name


def _integer_from(minimum: int, maximum: int | None = None) -> Any:
    bounds = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def check(instance: Any, attribute: Attribute[Any], value: object) -> None:
        if value is None and attribute.default is None:
            return
        wrong = isinstance(value, bool) or not isinstance(value, int)
        if wrong or value < minimum or (maximum is not None and value > maximum):  # type: ignore[operator]
            raise ValidationError(
                _where(instance, attribute), f"is {value!r}; must be an integer {bounds}"
            )

    return check


def _is(*types: type, what: str) -> Any:
    def check(instance: Any, attribute: Attribute[Any], value: object) -> None:
        if value is None and attribute.default is None:
            return
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise ValidationError(_where(instance, attribute), f"is {value!r}; must be {what}")

    return check


def _positive_ratio(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if value is None and attribute.default is None:
        return
    if not isinstance(value, Fraction) or not 0 < value <= 1000:
        raise ValidationError(
            _where(instance, attribute),
            f"is {value!r}; must be a rate in frames per second such as 24 or '24000/1001'",
        )


def _finite(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if value is None:
        return
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not number or not abs(value) < 1e6:  # type: ignore[arg-type]
        raise ValidationError(_where(instance, attribute), f"is {value!r}; must be a number")


@frozen(kw_only=True)
class Sampling:
    """How to sample. What is None comes from the take's state, the preset, or the family.

    ``seed``: of the whole take, 0 to 2**64 - 1. ``height``, ``width``: pixels. ``num_frames``: of
    this segment, with those it repeats. ``fps``: frames per second, an int, a float or a ratio
    such as ``"24000/1001"``. ``num_inference_steps``, ``guidance_scale``: of the stages that
    follow the sampling; the scale is the picture's text guidance (CFG), 1.0 is off.

    Raises `ValidationError` with a path such as ``sampling.num_frames``.
    """

    PATH: ClassVar[str] = "sampling"

    seed: int | None = field(default=None, validator=_integer_from(0, 2**64 - 1))
    height: int | None = field(default=None, validator=_integer_from(1))
    width: int | None = field(default=None, validator=_integer_from(1))
    num_frames: int | None = field(default=None, validator=_integer_from(1))
    fps: Fraction | None = field(default=None, converter=_to_ratio, validator=_positive_ratio)
    num_inference_steps: int | None = field(default=None, validator=_integer_from(1))
    guidance_scale: float | None = field(default=None, validator=_finite)


@frozen(kw_only=True)
class ResolvedSampling:
    """`Sampling` with every value present. Steps and guidance are in the stages' options."""

    PATH: ClassVar[str] = "sampling"

    seed: int = field(validator=_integer_from(0, 2**64 - 1))
    height: int = field(validator=_integer_from(1))
    width: int = field(validator=_integer_from(1))
    num_frames: int = field(validator=_integer_from(1))
    fps: Fraction = field(converter=_to_ratio, validator=_positive_ratio)


@frozen
class Inputs:
    """Conditioning besides the prompt. A continued take is conditioned by its state alone."""


@frozen(kw_only=True)
class Output:
    """What to return.

    ``last``: nobody will continue this segment, so all its sound is returned; False holds back
    what the next segment still changes. ``return_state``: give the state for the next segment.
    ``overlap_frames``: how many of the last frames the *next* segment will repeat.
    """

    PATH: ClassVar[str] = "output"

    last: bool = field(default=True, validator=_is(bool, what="true or false"))
    return_state: bool = field(default=False, validator=_is(bool, what="true or false"))
    overlap_frames: int = field(default=9, validator=_integer_from(0))


def _stage_overrides(instance: Any, attribute: Attribute[Any], value: object) -> None:
    path = attribute.name
    if not isinstance(value, dict):
        raise ValidationError(path, f"is {value!r}; must be {{stage: {{field: value}}}}")
    for stage, overrides in value.items():
        if not isinstance(stage, str) or not isinstance(overrides, dict):
            raise ValidationError(f"{path}.{stage}", f"is {overrides!r}; must be {{field: value}}")


@frozen
class GenerationRequest:
    """One segment to generate. What is left out comes from the preset.

    ``stage_overrides``: ``{stage: {field: value}}``; wins over ``sampling``, which wins over the
    preset, which wins over the family. ``state`` continues a take: only the new frames and samples
    are returned, ready to be joined.

    Raises `ValidationError` with the path of the wrong field.
    """

    PATH: ClassVar[str] = ""

    prompt: str = field(validator=_is(str, what="a string"))
    negative_prompt: str | None = field(
        default=None, kw_only=True, validator=_is(str, what="a string")
    )
    inputs: Inputs = field(
        factory=Inputs, kw_only=True, validator=_is(Inputs, what="longtake.Inputs")
    )
    sampling: Sampling = field(
        factory=Sampling, kw_only=True, validator=_is(Sampling, what="longtake.Sampling")
    )
    stage_overrides: dict[str, dict[str, Any]] = field(
        factory=dict, kw_only=True, validator=_stage_overrides
    )
    output: Output = field(
        factory=Output, kw_only=True, validator=_is(Output, what="longtake.Output")
    )
    state: ContinuationState | None = field(
        default=None,
        kw_only=True,
        validator=_is(ContinuationState, what="longtake.ContinuationState"),
    )

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> GenerationRequest:
        """A request from a JSON-like document of the same shape, for forms and HTTP.

        Raises `ValidationError` naming the first unknown key, wrong type or missing field.
        """
        from longtake.wire import structure

        return structure(document, cls)

    def to_dict(self) -> dict[str, Any]:
        """The plain JSON-like document of this request; the inverse of `from_dict`."""
        from longtake.wire import unstructure

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
        from longtake.seeds import segment_seed

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
