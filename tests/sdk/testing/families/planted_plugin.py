"""Families that are broken on purpose, each in one way that one test of the contract names."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import attrs
from attrs import field, frozen

import longtake as lt
from tests.sdk.testing.families import fog as healthy
from tests.sdk.testing.families.fog import Clean, DenoiseOptions, FogState, Noisy, fog

THIN, THICK = lt.Preset("thin"), lt.Preset("thick", defaults={"num_inference_steps": 7})


class ForgetfulOfTheSeed:
    """Numbers of the process, not of the run."""

    def __call__(self, job: lt.Job, state: FogState | None) -> Noisy:
        new = job.sampling.num_frames - (state.overlap if state else 0)
        return Noisy(tuple(random.random() for _ in range(new)))


class Unstoppable:
    """Reports its steps and never asks whether to go on."""

    def __call__(self, noisy: Noisy, options: DenoiseOptions, run: lt.Run) -> Clean:
        for step in range(options.num_inference_steps):
            run.emit(lt.Progress("denoise", step + 1, options.num_inference_steps))
        return Clean(noisy.values)


@frozen(kw_only=True)
class PolishOptions:
    coats: int = attrs.field(default=2, validator=lt.between(1, 100))


class Polish:
    """Its loop is as long as a request says, and nobody hears of it or can stop it."""

    def __call__(self, frames: lt.Frames, options: PolishOptions) -> lt.Frames:
        pixels = frames.pixels
        for _ in range(options.coats):
            pixels = pixels // 2 + pixels // 2
        return lt.Frames(pixels)


class CountedPolish:
    def __call__(self, frames: lt.Frames, options: PolishOptions, run: lt.Run) -> lt.Frames:
        pixels = frames.pixels
        for _ in run.steps(options.coats):
            pixels = pixels // 2 + pixels // 2
        return lt.Frames(pixels)


class AtomicPolish:
    def __call__(self, frames: lt.Frames, options: PolishOptions) -> lt.Frames:
        return lt.Frames(frames.pixels // (1 + options.coats % 2))


def polished(name: str, stage: Any) -> lt.ModelFamily:
    """The family with one more stage, beside the one that counts its steps."""
    whole = fog(name)
    return whole.evolve(
        stages=(*whole.stages, lt.StageSpec("polish", stage, options=PolishOptions))
    )


class LuckyContinuation(healthy.Prepare):
    """The first segment is the run's, the others are the process's."""

    def __call__(self, job: lt.Job, state: FogState | None, run: lt.Run) -> Noisy:
        noisy = super().__call__(job, state, run)
        return noisy if state is None else Noisy(tuple(random.random() for _ in noisy.values))


class Numbered(healthy.Prepare):
    """Every pipeline has a number, and shows it."""

    made = count()

    def __init__(self) -> None:
        self.number = next(self.made)

    def __call__(self, job: lt.Job, state: FogState | None, run: lt.Run) -> Noisy:
        noisy = super().__call__(job, state, run)
        return Noisy(tuple((value + self.number / 7) % 1 for value in noisy.values))


class Residue(healthy.Denoise):
    """What a cancelled run leaves behind is taken up by the next one."""

    def __init__(self) -> None:
        self.left: tuple[float, ...] = ()

    def __call__(self, noisy: Noisy, options: DenoiseOptions, run: lt.Run) -> Clean:
        before, self.left = self.left or noisy.values, noisy.values
        values = tuple(v / 2 for v in before) if before is not noisy.values else before
        clean = super().__call__(Noisy(values), options, run)
        self.left = ()
        return clean


class Unfinished:
    """What was painted, until the run is over."""

    painted: tuple[float, ...] = ()


class PaintUnfinished(healthy.Paint):
    """A run that failed after this is painted over the next one."""

    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Frames:
        shown = Clean(Unfinished.painted[::-1] or clean.values)
        Unfinished.painted = clean.values
        return super().__call__(shown, job, state)


class RememberFinished(healthy.Remember):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> FogState:
        Unfinished.painted = ()
        return super().__call__(clean, job, state)


class OneFrameMore(healthy.Paint):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Frames:
        more = () if state else clean.values[:1]
        return super().__call__(Clean(more + clean.values), job, state)


class RepeatedFramesToo(healthy.Paint):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Frames:
        repeated = clean.values[:1] * state.overlap if state else ()
        return super().__call__(Clean(repeated + clean.values), job, state)


class FloatFrames(healthy.Paint):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Frames:
        pixels = super().__call__(clean, job, state).pixels
        return lt.Frames(pixels / 255)  # type: ignore[arg-type]


class NothingWithoutPicture(healthy.Paint):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Frames:
        if not job.output.video:
            raise RuntimeError("there is always a picture")
        return super().__call__(clean, job, state)


class NothingThick(healthy.Denoise):
    def __call__(self, noisy: Noisy, options: DenoiseOptions, run: lt.Run) -> Clean:
        if options.num_inference_steps == 7:
            raise RuntimeError("too thick")
        return super().__call__(noisy, options, run)


class Loud(healthy.Sing):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Waveform:
        sound = super().__call__(clean, job, state)
        return lt.Waveform(sound.samples * 40, sound.sample_rate)


class Short(healthy.Sing):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Waveform:
        sound = super().__call__(clean, job, state)
        half = sound.samples.shape[1] // 2 if job.output.last else None
        return lt.Waveform(sound.samples[:, :half], sound.sample_rate)


class Late(healthy.Sing):
    """Keeps half of a segment's sound back, and its finish does not know."""

    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Waveform:
        sound = super().__call__(clean, job, state)
        half = None if job.output.last else sound.samples.shape[1] // 2
        return lt.Waveform(sound.samples[:, :half], sound.sample_rate)


class Memory:
    """What the last segments were like, in this process."""

    levels: dict[int, float] = {}  # noqa: RUF012


class PaintFromMemory(healthy.Paint):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> lt.Frames:
        if state is not None:
            level = Memory.levels.get(job.sampling.seed, 0.0)
            state = attrs.evolve(state, level=level)
        else:
            Memory.levels[job.sampling.seed] = 0.75
        return super().__call__(clean, job, state)


class CountlessRemember(healthy.Remember):
    def __call__(self, clean: Clean, job: lt.Job, state: FogState | None) -> FogState:
        return attrs.evolve(super().__call__(clean, job, state), segment_index=0)


class SettleWithFrames(healthy.Settle):
    def __call__(  # type: ignore[override]
        self, state: FogState
    ) -> tuple[lt.Frames, lt.Waveform]:
        import numpy as np

        pixels = np.zeros((1, state.height, state.width, 3), np.uint8)
        return lt.Frames(pixels), super().__call__(state)


@frozen
class SizelessState(FogState):
    @property
    def take_defaults(self) -> dict[str, Any]:
        return {"seed": self.seed, "fps": self.fps}


class RememberSizeless:
    def __call__(self, clean: Clean, job: lt.Job, state: SizelessState | None) -> SizelessState:
        return SizelessState(**attrs.asdict(healthy.Remember()(clean, job, state)))


class PaintSizeless:
    def __call__(self, clean: Clean, job: lt.Job, state: SizelessState | None) -> lt.Frames:
        return healthy.Paint()(clean, job, state)


class PrepareSizeless:
    def __call__(self, job: lt.Job, state: SizelessState | None, run: lt.Run) -> Noisy:
        return healthy.Prepare()(job, state, run)


class SingSizeless:
    def __call__(self, clean: Clean, job: lt.Job, state: SizelessState | None) -> lt.Waveform:
        return healthy.Sing()(clean, job, state)


class SettleSizeless:
    def __call__(self, state: SizelessState) -> lt.Waveform:
        return healthy.Settle()(state)


@frozen(kw_only=True)
class AnyOptions(DenoiseOptions):
    tint: Any = None


@frozen
class FamilyOptions:
    shade: Any = None
    depth: int = field(default=1, validator=lt.between(1, 9))


def thick_recipe(haze: AnyOptions) -> tuple[lt.StageSpec, ...]:
    return fog().stages


def unwired() -> tuple[lt.StageSpec, ...]:
    """Nothing is denoised, so nothing can be painted."""
    return tuple(spec for spec in fog().stages if spec.name != "denoise")


def write_example(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "fog.json").write_text(json.dumps({"fog": 1}))
    return folder


def recognise(path: Path) -> lt.Recognition | None:
    file = path / "fog.json"
    if not file.is_file():
        return None
    try:
        document = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise lt.CheckpointError(str(file), f"cannot be read: {error}") from error
    is_fog = isinstance(document, dict) and document.get("fog") == 1
    return lt.Recognition("thin") if is_fog else None


def recognise_everything(path: Path) -> lt.Recognition | None:
    return lt.Recognition()


def recognise_nothing(path: Path) -> lt.Recognition | None:
    return None


def recognise_carelessly(path: Path) -> lt.Recognition | None:
    file = path / "fog.json"
    if not file.is_file():
        return None
    return lt.Recognition() if json.loads(file.read_bytes())["fog"] == 1 else None


def load(source: lt.ModelSource) -> lt.LoadedModel:
    return lt.LoadedModel()


def load_marked(source: lt.ModelSource) -> lt.LoadedModel:
    return lt.LoadedModel(fingerprint="fog-7")


def estimated(request: lt.EstimateRequest) -> lt.RunEstimate:
    stages = [lt.estimate_stage(spec, None) for spec in request.recipe]
    return lt.RunEstimate((lt.SegmentEstimate(stages),) * request.segments)


def estimate_one_segment(request: lt.EstimateRequest) -> lt.RunEstimate:
    return lt.RunEstimate(estimated(request).segments[:1])


def estimate_own_stages(request: lt.EstimateRequest) -> lt.RunEstimate:
    """Knows the stages of its own recipe, and no others."""
    own = {spec.name for spec in fog().recipe(THIN)}
    known = tuple(spec for spec in request.recipe if spec.name in own)
    return estimated(attrs.evolve(request, recipe=known))


def predict_nothing(components: Mapping[str, Any], prompt: str, fps: Fraction) -> int:
    return 0


def weighted(
    name: str,
    recognise: Callable[[Path], lt.Recognition | None],
    load: Callable[[lt.ModelSource], lt.LoadedModel] = load,
) -> lt.ModelFamily:
    return fog(name, recognise=recognise, load=load, example=write_example)


def denoising(stage: Any, options: type = DenoiseOptions) -> lt.StageSpec:
    return lt.StageSpec("denoise", stage, options=options)


def with_level(fields: dict[str, Any]) -> dict[str, Any]:
    """An earlier kind had another name for it."""
    return {**{key: fields[key] for key in fields if key != "shade"}, "level": fields["shade"]}


def with_shade(fields: dict[str, Any]) -> dict[str, Any]:
    return {**{key: fields[key] for key in fields if key != "level"}, "shade": fields["level"]}


def with_the_default_level(fields: dict[str, Any]) -> dict[str, Any]:
    """Forgets what the earlier kind said, so that it can hardly be written any more."""
    return {**with_level(fields), "level": 0.5}


class ForgetsLevels(lt.AttrsCodec[FogState]):
    """Reads another level than was written, though not of the first segment."""

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> FogState:
        value = super().decode(state, blobs)
        return attrs.evolve(value, level=0.0) if value.segment_index else value


Codecs = tuple[lt.AttrsCodec[Any], ...]


def two_kinds(name: str, older: type[lt.AttrsCodec[FogState]] = lt.AttrsCodec) -> Codecs:
    newest = lt.AttrsCodec(f"{name}.v2", FogState)
    before = older("", FogState).older(f"{name}.v1", upgrade=with_level, downgrade=with_shade)
    return (newest, before)


def resetting(name: str) -> Codecs:
    newest = lt.AttrsCodec(f"{name}.v2", FogState)
    before = lt.AttrsCodec("", FogState).older(
        f"{name}.v1", upgrade=with_the_default_level, downgrade=with_shade
    )
    return (newest, before)


def two_states(name: str) -> Codecs:
    return lt.AttrsCodec(f"{name}.v2", FogState), lt.AttrsCodec(f"{name}.v1", SizelessState)


@lt.hookimpl
def longtake_families() -> list[lt.ModelFamily]:
    without_fps = {name: value for name, value in healthy.DEFAULTS.items() if name != "fps"}
    return [
        fog("healthy"),
        weighted("weighted", recognise),
        weighted("forgets_its_model", recognise, load_marked),
        weighted("claims_everything", recognise_everything),
        weighted("claims_nothing", recognise_nothing),
        weighted("fails_to_look", recognise_carelessly),
        fog("ignores_seed", prepare=ForgetfulOfTheSeed),
        fog("continues_by_luck", prepare=LuckyContinuation),
        fog("numbered", prepare=Numbered),
        fog("predicts_nothing", predict_num_frames=predict_nothing),
        fog("ignores_cancellation", denoise=denoising(Unstoppable)),
        fog("keeps_cancelled", denoise=denoising(Residue)),
        fog("keeps_failed", paint=PaintUnfinished, remember=RememberFinished),
        fog("one_frame_more", paint=OneFrameMore),
        fog("repeated_frames", paint=RepeatedFramesToo),
        fog("float_frames", paint=FloatFrames),
        fog("always_picture", paint=NothingWithoutPicture),
        fog("fails_thick", denoise=denoising(NothingThick)),
        fog("loud", sing=Loud),
        fog("short", sing=Short),
        fog("late", sing=Late),
        fog("remembers", paint=PaintFromMemory),
        fog("countless", remember=CountlessRemember),
        fog("frames_at_the_end", finish=(SettleWithFrames,)),
        fog(
            "sizeless",
            prepare=PrepareSizeless,
            paint=PaintSizeless,
            sing=SingSizeless,
            remember=RememberSizeless,
            finish=(SettleSizeless,),
            codecs=(lt.AttrsCodec("sizeless.v1", SizelessState),),
        ),
        fog("takes_anything", denoise=denoising(healthy.Denoise, AnyOptions)),
        fog(
            "loads_anything",
            options=FamilyOptions,
            load=load,
            example=write_example,
            recognise=recognise,
        ),
        fog(
            "builds_anything",
            presets=(THIN, lt.Preset("hazy", stages=thick_recipe, overrides={"haze": AnyOptions})),
        ),
        fog("unwired", presets=(THIN, lt.Preset("torn", stages=unwired()))),
        fog(
            "needs_fps",
            defaults=without_fps,
            presets=(lt.Preset("thin", defaults={"fps": 24}), THICK),
        ),
        fog("estimates", estimate=estimated),
        fog("estimates_one", estimate=estimate_one_segment),
        fog("estimates_its_own", estimate=estimate_own_stages),
        fog("two_kinds", codecs=two_kinds("two_kinds")),
        fog("forgets_a_level", codecs=two_kinds("forgets_a_level", ForgetsLevels)),
        fog("resets_a_level", codecs=resetting("resets_a_level")),
        polished("polishes_uncounted", Polish),
        polished("polishes_counted", CountedPolish),
        polished("polishes_at_once", AtomicPolish),
        fog("two_states", codecs=two_states("two_states")),
    ]
