"""The parts of the measurement: each a document of figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

import longtake as lt
from longtake_ltx2.denoising.schedule import DISTILLED_SIGMAS
from longtake_ltx2_tiny import shifted
from training.learned_tiny.sounds import RATE
from training.quality.drift import drift_of, stretches
from training.quality.hearing import belongs, bends, heights
from training.quality.judging import judged, rates
from training.quality.measuring import measure
from training.quality.seams import medians, seams
from training.quality.sheets import sheet
from training.quality.takes import USUAL, Told, Way, held_out, roll
from training.quality.truth import through_vae, true_takes

__all__ = ["PARTS", "Asked"]

_CEILING, _CEILING_SEGMENTS = 40, 3
_COMPARED, _COMPARED_SEGMENTS = 12, 4
_QUARTER_TONE = 0.5


WAYS = {
    "as the preset says": USUAL,
    "ltx2.v2: latents in the state": Way(kind="ltx2.v2"),
    "17 repeated frames": Way(overlap=17),
    "25 repeated frames": Way(overlap=25),
    "without the sound before": Way(hears=False),
    "without guidance": Way(guidance=1.0),
    "the eight distilled steps": Way(sigmas=DISTILLED_SIGMAS),
    "8 steps": Way(sigmas=shifted(8)),
    "32 steps": Way(sigmas=shifted(32)),
}


@frozen
class Asked:
    """What is measured: ``model``, a folder, with ``preset``. Pictures of takes go to ``out``."""

    model: Path
    preset: str
    out: Path
    seed: int = 0
    prompts: int = 60
    segments: int = 3
    true: int = 200
    long_takes: int = 10
    long_segments: int = 100

    @contextmanager
    def pipeline(self) -> Iterator[lt.Pipeline]:
        with lt.load(self.model, preset=self.preset, device="cpu") as pipeline:
            yield pipeline


@frozen(eq=False)
class _Shown:
    """What a take showed: the pictures of each segment, 0 to 1, and its sound, mono.

    ``seams``: the seconds at which the segments' sounds are joined.
    """

    told: Told
    parts: tuple[NDArray[np.float32], ...]
    sound: NDArray[np.float32]
    rate: int = RATE
    seams: tuple[float, ...] = ()

    @property
    def pictures(self) -> NDArray[np.float32]:
        return np.concatenate(self.parts)


def _script(asked: Asked) -> dict[str, Any]:
    """How often the script is right about true pictures and sounds."""
    takes = [
        _Shown(each.told, each.parts, each.sound) for each in true_takes(asked.true, 1, asked.seed)
    ]
    return {"takes": len(takes), **_adherence(takes), **_sound(takes)}


def _ceiling(asked: Asked) -> dict[str, Any]:
    """True takes, cut into segments, and the same through the VAE."""
    takes = list(true_takes(_CEILING, _CEILING_SEGMENTS, asked.seed))
    coded = [_Shown(each.told, through_vae(asked.model, each), each.sound) for each in takes]
    errors = [
        np.square(np.concatenate(one.parts) - each.pictures).mean()
        for one, each in zip(takes, coded, strict=True)
    ]
    return {
        "takes": len(takes),
        "psnr": round(float(-10 * np.log10(np.mean(errors))), 2),
        "true": {"seams": medians([seams(each.parts) for each in takes])},
        "through the VAE": {
            **_adherence(coded),
            "seams": medians([seams(each.parts) for each in coded]),
        },
    }


def _takes(asked: Asked) -> dict[str, Any]:
    """Takes of held-out prompts: what they show, their seams, their sound."""
    told = held_out(asked.prompts, asked.seed)
    takes = list(_rolled(asked, told, asked.segments))
    sheet([(each.told.prompt, each.pictures) for each in takes[:20]]).save(
        asked.out / "takes.webp", quality=85, method=6
    )
    wrong = [
        {"prompt": each.told.prompt, "wrong": [name for name, right in seen.items() if not right]}
        for each in takes
        if not all((seen := judged(each.told, measure(each.pictures))).values())
    ]
    figures = {**_adherence(takes), **_sound(takes)}
    joined = medians([seams(each.parts) for each in takes])
    return {"takes": len(takes), **figures, "seams": joined, "not as told": wrong}


def _ways(asked: Asked) -> dict[str, Any]:
    """The same prompts and seeds, going on in other ways."""
    told = held_out(_COMPARED, asked.seed + 1)
    found = {}
    for name, way in WAYS.items():
        takes = list(_rolled(asked, told, _COMPARED_SEGMENTS, way))
        joined = medians([seams(each.parts) for each in takes])
        found[name] = {**_adherence(takes), **_sound(takes), "seams": joined}
    return {"takes": _COMPARED, "segments": _COMPARED_SEGMENTS, "ways": found}


def _drift(asked: Asked) -> dict[str, Any]:
    """Long takes of one prompt each."""
    takes = []
    with asked.pipeline() as pipeline:
        for number, told in enumerate(held_out(asked.long_takes, asked.seed + 2)):
            prompts = [told.prompt] * asked.long_segments
            takes.append(drift_of(told, stretches(roll(pipeline, prompts, number))))
    return {"takes": takes}


def _rolled(
    asked: Asked, told: Sequence[Told], segments: int, way: Way = USUAL
) -> Iterator[_Shown]:
    with asked.pipeline() as pipeline:
        for number, each in enumerate(told):
            results = list(roll(pipeline, [each.prompt] * segments, number, way))
            parts = tuple((one.frames / 255).astype(np.float32) for one in results)
            sounds = [one.audio for one in results if one.audio is not None]
            rate = results[0].audio_sample_rate
            assert rate is not None
            joins = tuple(float(n) / rate for n in np.cumsum([one.shape[1] for one in sounds])[:-1])
            yield _Shown(each, parts, np.concatenate(sounds, axis=1).mean(0), rate, joins)


def _adherence(takes: Sequence[_Shown]) -> dict[str, float]:
    """What is right, and the share of the pictures in which something is."""
    seen = [measure(each.pictures) for each in takes]
    right = rates([judged(each.told, one) for each, one in zip(takes, seen, strict=True)])
    return {**right, "something there": round(float(np.mean([one.there for one in seen])), 3)}


def _sound(takes: Sequence[_Shown]) -> dict[str, Any]:
    """Bends of the pitch, and whether it is the picture's; beside the sound of another take."""
    single = [each for each in takes if each.told.count == 1]
    where = [heights(each.pictures) for each in single]
    own, others = (
        [belongs(at, each.sound, each.rate) for at, each in zip(where, sounding, strict=True)]
        for sounding in (single, [*single[1:], *single[:1]])
    )
    bent = [bends(each.sound, each.rate, each.seams) for each in takes]
    return {
        "pitch bends": [_semitones([each[place] for each in bent]) for place in (0, 1)],
        "pitch off the picture": _semitones(own),
        "pitch off another picture": _semitones(others),
    }


def _semitones(found: Sequence[NDArray[np.float64]]) -> dict[str, float]:
    """The median, and the share within a quarter tone."""
    known = np.concatenate([*found, np.zeros(0)])
    if not len(known):
        return {}
    return {
        "median": round(float(np.median(known)), 3),
        "within a quarter tone": round(float((known < _QUARTER_TONE).mean()), 3),
    }


PARTS: Mapping[str, Callable[[Asked], dict[str, Any]]] = {
    "script": _script,
    "ceiling": _ceiling,
    "takes": _takes,
    "ways": _ways,
    "drift": _drift,
}
"""By name, in their order."""
