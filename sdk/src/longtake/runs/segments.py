"""How a segment, and the end of a take, come about: from a request, or a state, to the result."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from longtake.blobs.protocol import BlobStore
from longtake.errors import ValidationError
from longtake.families.family import ModelFamily
from longtake.families.models import LoadedModel
from longtake.families.presets import Preset
from longtake.families.stages import Recipe
from longtake.families.takes import TakeSpan
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.execution import Execution, execute, run_checks
from longtake.runs.observers import ObservedRun
from longtake.runs.plans import Plans
from longtake.runs.resolution import Resolved, naming_sampling, resolve_options, resolve_request
from longtake.runs.results import Event, Frames, GenerationResult, Waveform
from longtake.runs.run import Run
from longtake.states.state import ContinuationCodec, ContinuationState

__all__ = ["SegmentMaker"]


class SegmentMaker:
    """Makes the segments and ends of one family, preset and model, one at a time.

    ``recipe``: the stages of a segment, as `ModelFamily.recipe` gives them.
    """

    def __init__(
        self, family: ModelFamily, preset: Preset, recipe: Recipe, model: LoadedModel
    ) -> None:
        self._family = family
        self._preset = preset
        self._recipe = recipe
        self._model = model
        self._plans = Plans(family, preset, recipe, model)

    def prepare(self) -> None:
        """As `Pipeline.prepare`."""
        self._plans.check()

    def resolve(self, request: GenerationRequest, blobs: BlobStore | None) -> Job:
        """As `Pipeline.resolve`."""
        return self._resolved(request, blobs)[1].job

    def check(self, request: GenerationRequest, blobs: BlobStore | None) -> Job:
        """As `Pipeline.check`."""
        values, resolved = self._resolved(request, blobs)
        run = Run(seed=resolved.job.segment_seed, device=self._model.device)
        with naming_sampling(request):
            run_checks(
                self._plans.first_checks(),
                run=run,
                job=resolved.job,
                options=resolved.options,
                values=values,
            )
        return resolved.job

    def segment(
        self,
        request: GenerationRequest,
        blobs: BlobStore | None,
        *,
        listener: Callable[[Event], None],
        is_cancelled: Callable[[], bool],
        observed: ObservedRun,
    ) -> GenerationResult:
        """As `Pipeline.generate`. ``listener`` gets every event but the last, the `Final`."""
        values, resolved = self._resolved(request, blobs)
        job, codec = resolved.job, self._writing_codec(resolved.job)
        run = Run(
            seed=job.segment_seed,
            device=self._model.device,
            listener=listener,
            is_cancelled=is_cancelled,
        )
        plan = self._plans.segment()
        with naming_sampling(request):
            done = execute(
                plan, run=run, job=job, options=resolved.options, values=values, observed=observed
            )
        state = None if codec is None else codec.encode(done.values[codec.state_type], blobs)
        size = (job.sampling.height, job.sampling.width)
        result = _result(done, size=size, fps=job.sampling.fps, resolved=resolved, state=state)
        _tell(observed, result, job, continued=request.state is not None)
        return result

    def finish(
        self, state: ContinuationState, blobs: BlobStore | None, *, observed: ObservedRun
    ) -> GenerationResult:
        """As `Pipeline.finish`."""
        if not self._family.finish:
            raise ValidationError("state", f"takes of family {self._family.name!r} need no finish")
        codec = self._codec_of(state)
        decoded = codec.decode(state, blobs)
        take = decoded.take_defaults
        if not isinstance(take.get("fps"), Fraction):
            raise ValidationError(
                "state", "has no clock, so there is no telling where the take ends"
            )
        done = execute(
            self._plans.finish(codec.state_type),
            run=Run(device=self._model.device),
            options=resolve_options(self._family.finish),
            values={codec.state_type: decoded},
            observed=observed,
        )
        size = (take.get("height", 0), take.get("width", 0))
        return _result(done, size=size, fps=take["fps"])

    def _resolved(
        self, request: GenerationRequest, blobs: BlobStore | None
    ) -> tuple[dict[type, Any], Resolved]:
        """The restored state, if any, and the span of the segment; and the job."""
        values: dict[type, Any] = {}
        decoded, index, take_defaults = None, 0, {}
        if request.state is not None:
            codec = self._codec_of(request.state)
            decoded = values[codec.state_type] = codec.decode(request.state, blobs)
            index, take_defaults = decoded.segment_index + 1, decoded.take_defaults
        resolved = resolve_request(
            request,
            family=self._family,
            preset=self._preset,
            recipe=self._recipe,
            segment_index=index,
            take_defaults=take_defaults,
        )
        if self._plans.has_span:
            values[TakeSpan] = TakeSpan.of(resolved.job, decoded)
        return values, resolved

    def _codec_of(self, state: ContinuationState) -> ContinuationCodec[Any]:
        codec = self._family.codec(state.kind)
        if codec is None:
            known = ", ".join(repr(codec.kind) for codec in self._family.codecs) or "none"
            raise ValidationError(
                "state.kind",
                f"{state.kind!r} is not a state of family {self._family.name!r}; it reads {known}",
            )
        return codec

    def _writing_codec(self, job: Job) -> ContinuationCodec[Any] | None:
        """The codec of the state that ``job`` asks for; None when it asks for none."""
        if not job.output.return_state:
            return None
        codec = self._plans.writing_codec()
        if codec is None:
            raise ValidationError(
                "output.return_state", f"family {self._family.name!r} makes no state"
            )
        return codec


def _result(
    done: Execution,
    *,
    size: tuple[int, int],
    fps: Fraction,
    resolved: Resolved | None = None,
    state: ContinuationState | None = None,
) -> GenerationResult:
    """The values at the end of a plan; ``size``: height and width of a picture without frames."""
    import numpy as np

    frames: Frames | None = done.values.get(Frames)
    sound: Waveform | None = done.values.get(Waveform)
    if resolved is not None:  # a family may make what was not asked for, on its way
        frames = frames if resolved.job.output.video else None
        sound = sound if resolved.job.output.audio else None
    return GenerationResult(
        frames=np.zeros((0, *size, 3), np.uint8) if frames is None else frames.pixels,
        audio=None if sound is None else sound.samples,
        audio_sample_rate=None if sound is None else sound.sample_rate,
        fps=fps,
        state=state,
        timings=done.timings,
        job=None if resolved is None else resolved.job,
        options={} if resolved is None else resolved.options,
    )


def _tell(observed: ObservedRun, result: GenerationResult, job: Job, *, continued: bool) -> None:
    num_frames, height, width, _ = result.frames.shape
    observed.segment_done(
        segment_index=job.segment_index,
        continued=continued,
        num_frames=num_frames,
        height=height,
        width=width,
        fps=result.fps,
        num_samples=0 if result.audio is None else result.audio.shape[1],
        sample_rate=result.audio_sample_rate,
    )
