"""How a segment, and the end of a take, come about: from a prepared request, or a state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from longtake.blobs.protocol import BlobStore
from longtake.errors import StageError, ValidationError
from longtake.families.family import ModelFamily
from longtake.families.models import LoadedModel
from longtake.families.places import MeasuredTake, SegmentPlace
from longtake.families.presets import Preset
from longtake.families.stages import Recipe
from longtake.requests.request import Job
from longtake.runs.admission import Admission, makes_no_state
from longtake.runs.events import Event
from longtake.runs.execution import Execution, execute, run_checks
from longtake.runs.made import asked_problem
from longtake.runs.observers import ObservedRun
from longtake.runs.plans import Plans
from longtake.runs.prepared import PreparedRequest
from longtake.runs.resolution import naming_sampling, resolve_options
from longtake.runs.results import Frames, GenerationResult, Stills, UsedPrompt, Waveform
from longtake.runs.run import Run
from longtake.states.live import LiveState
from longtake.states.state import ContinuationCodec, ContinuationState

__all__ = ["SegmentMaker"]


class SegmentMaker:
    """Makes the segments and ends of one family, preset and model, one at a time.

    ``recipe``: the stages of a segment, as `ModelFamily.recipe` gives them. ``admission``: prepares
    its requests.
    """

    def __init__(
        self,
        family: ModelFamily,
        preset: Preset,
        recipe: Recipe,
        model: LoadedModel,
        admission: Admission,
    ) -> None:
        self._family = family
        self._recipe = recipe
        self._model = model
        self._admission = admission
        self._plans = Plans(family, preset, recipe, model)

    def prepare(self) -> None:
        """As `Pipeline.prepare`."""
        _ = self._admission.model_fingerprint  # of the files that the weights come from
        self._plans.check()

    def check(self, prepared: PreparedRequest) -> None:
        """Ask those stages that are built of no network; threads may do so at once."""
        run = Run(seed=prepared.job.segment_seed, device=self._model.device)
        with naming_sampling(prepared.request, self._recipe):
            run_checks(
                self._plans.first_checks,
                run=run,
                job=prepared.job,
                options=prepared.options,
                values=self._admission.values(prepared),
            )

    def segment(
        self,
        prepared: PreparedRequest,
        *,
        listener: Callable[[Event], None],
        is_cancelled: Callable[[], bool],
        observed: ObservedRun,
    ) -> GenerationResult:
        """As `Pipeline.generate`. ``listener`` gets every event but the last, the `Final`."""
        request, job, options = prepared.request, prepared.job, prepared.options
        blobs, codec, place = prepared.blobs, self._writing_codec(job), prepared.place
        continued = prepared.state is not None
        run = Run(
            seed=job.segment_seed,
            device=self._model.device,
            model_fingerprint=self._admission.model_fingerprint,
            listener=listener,
            is_cancelled=is_cancelled,
        )
        plan, values = self._plans.segment(), self._admission.values(prepared)
        place = prepared.place
        del prepared  # or its inputs would be alive until the segment is done
        with naming_sampling(request, self._recipe):
            done = execute(
                plan, run=run, job=job, options=options, values=values, observed=observed
            )
        _check_made(done, job, place, continued=continued)
        state = None
        if codec is not None:
            state = LiveState(codec, blobs, value=done.values[codec.state_type])
        result = _result(
            done,
            size=(job.sampling.height, job.sampling.width),
            fps=job.sampling.fps,
            segment_index=job.segment_index,
            first_frame=place.first_new_frame if isinstance(place, SegmentPlace) else None,
            job=job,
            options=options,
            state=state,
        )
        _tell(observed, result, job, continued=continued)
        return result

    def prompt(self, prepared: PreparedRequest, *, is_cancelled: Callable[[], bool]) -> str:
        """As `Pipeline.enhance`."""
        run = Run(
            seed=prepared.job.segment_seed, device=self._model.device, is_cancelled=is_cancelled
        )
        with naming_sampling(prepared.request, self._recipe):
            done = execute(
                self._plans.prompt(),
                run=run,
                job=prepared.job,
                options=prepared.options,
                values=self._admission.values(prepared),
            )
        used: UsedPrompt = done.values[UsedPrompt]
        return used.text

    def finish(
        self,
        state: ContinuationState | LiveState,
        blobs: BlobStore | None,
        *,
        is_cancelled: Callable[[], bool],
        observed: ObservedRun,
    ) -> GenerationResult:
        """As `Pipeline.finish`."""
        if not self._family.finish:
            raise ValidationError("state", f"takes of family {self._family.name!r} need no finish")
        restored = self._admission.restore(state, blobs).value()
        take = restored.take_defaults
        if not isinstance(take.get("fps"), Fraction):
            raise ValidationError(
                "state", "has no clock, so there is no telling where the take ends"
            )
        state_type = self._admission.state_type(state)
        done = execute(
            self._plans.finish(state_type),
            run=Run(device=self._model.device, is_cancelled=is_cancelled),
            options=resolve_options(self._family.finish),
            values={state_type: restored},
            observed=observed,
        )
        size = (take.get("height", 0), take.get("width", 0))
        return _result(
            done,
            size=size,
            fps=take["fps"],
            segment_index=restored.segment_index,
            first_frame=restored.end_frame if isinstance(restored, MeasuredTake) else None,
        )

    def _writing_codec(self, job: Job) -> ContinuationCodec[Any] | None:
        """The codec of the state that ``job`` asks for; None when it asks for none."""
        if not job.output.return_state:
            return None
        codec = self._plans.writing_codec(job.output.state_kind)
        if codec is None:
            raise makes_no_state(self._family)
        return codec


def _check_made(done: Execution, job: Job, place: object, *, continued: bool) -> None:
    """Raise `StageError` for a picture that is not the one that was asked for."""
    frames: Frames | None = done.values.get(Frames)
    if frames is None or not job.output.video:
        return
    if problem := asked_problem(frames, job, place, continued=continued):
        raise StageError(done.makers[Frames], f"it made {problem}")


def _result(
    done: Execution,
    *,
    size: tuple[int, int],
    fps: Fraction,
    segment_index: int,
    first_frame: int | None,
    job: Job | None = None,
    options: Mapping[str, Any] | None = None,
    state: LiveState | None = None,
) -> GenerationResult:
    """The values at the end of a plan; ``size``: height and width of a picture without frames."""
    import numpy as np

    frames: Frames | None = done.values.get(Frames)
    sound: Waveform | None = done.values.get(Waveform)
    used: UsedPrompt | None = done.values.get(UsedPrompt)
    prompt = used.text if used is not None else None if job is None else job.prompt
    stills: Stills | None = done.values.get(Stills)
    if job is not None:  # a family may make what was not asked for, on its way
        frames = frames if job.output.video else None
        sound = sound if job.output.audio else None
    return GenerationResult(
        frames=np.zeros((0, *size, 3), np.uint8) if frames is None else frames.pixels,
        audio=None if sound is None else sound.samples,
        audio_sample_rate=None if sound is None else sound.sample_rate,
        fps=fps,
        live_state=state,
        timings=done.timings,
        job=job,
        options={} if options is None else options,
        segment_index=segment_index,
        first_frame=first_frame,
        first_sample=None if sound is None else _first_sample(sound, first_frame, fps),
        prompt=prompt,
        stills=stills if stills is not None and len(stills.frames) else None,
    )


def _first_sample(sound: Waveform, first_frame: int | None, fps: Fraction) -> int | None:
    """Where in the take ``sound`` begins: as its family says, or at the frame it goes with."""
    if sound.first_sample is not None or first_frame is None:
        return sound.first_sample
    return int(first_frame * sound.sample_rate // fps)


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
