"""A clip that a user names to be remade in part, or extended: what its first segment is."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import click
from attrs import evolve, field, frozen

from longtake.cli.options.inputs import NamedInputs
from longtake.errors import ValidationError
from longtake.families.family import ModelFamily
from longtake.requests.masks import MaskInput, White
from longtake.requests.request import GenerationRequest, Sampling
from longtake.requests.sources import ClipFacts, SourceInput
from longtake.runs.resolution import present
from longtake.schema.references import resolve

__all__ = ["Begun", "Extension", "Retake", "SourceChoice", "begin_with"]


@frozen(kw_only=True)
class Retake:
    """What of a clip is remade, as `SourceInput` says it.

    ``mask``: a file. ``pad``: pixels above, right, below and left. ``skip_frames``: pictures of the
    file before the clip.
    """

    remake_from: float | None = None
    remake_to: float | None = None
    remake_video: bool = True
    remake_audio: bool = True
    mask: Path | None = None
    white: White = "remade"
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    strength: float = 1.0
    skip_frames: int = 0

    @property
    def remakes(self) -> bool:
        """Whether a time or a place is said."""
        times = (self.remake_from, self.remake_to)
        return any(time is not None for time in times) or self.mask is not None or any(self.pad)


@frozen(kw_only=True)
class Extension:
    """How much is added to a clip, in seconds, and how much of it is gone on from.

    ``by``: None is a segment of the preset. ``keep``: None is the whole clip.
    """

    backward: bool = False
    by: float | None = None
    keep: float | None = None


@frozen
class SourceChoice:
    """A clip, and what is to become of it."""

    clip: Path
    wish: Retake | Extension


@frozen
class Begun:
    """The first segment of a take that begins with a clip.

    ``sampling``: its size, length and frame rate. ``notes``: what is not as the clip has it, a
    line each.
    """

    source: SourceInput = field(repr=False)
    sampling: Sampling
    notes: tuple[str, ...]
    name: str
    mask: Path | None = None

    def named(self, others: NamedInputs) -> NamedInputs:
        """The clip among the inputs, under the name that the user gave."""
        inputs = evolve(others.inputs, source=self.source)
        own = {f"inputs.source.{field}": option for field, option in _OF_OPTIONS.items()}
        own["inputs.source.mask"] = "--mask" if self.mask is None else f"--mask {self.mask}"
        return NamedInputs(inputs, {**others.options, "inputs.source": self.name, **own})


def begin_with(
    choice: SourceChoice, family: ModelFamily, request: GenerationRequest, preset: str | None
) -> Begun:
    """The first segment of ``request`` that is made of a clip. The file is decoded once.

    A retake is as long as the clip, or as the request says. Raises `ValidationError` naming the
    file or the option.
    """
    name = str(choice.clip)
    fit: Any = resolve(family.fit_clip)
    if fit is None:
        problem = f"family {family.name!r} makes nothing of a clip that is there already"
        raise ValidationError(name, problem)
    mask = choice.wish.mask if isinstance(choice.wish, Retake) else None
    try:
        source = SourceInput.from_file(choice.clip)
        if isinstance(choice.wish, Retake):
            source = _remade(source, choice.wish)
        facts = source.facts()
    except ValidationError as error:
        whose = {**_OF_OPTIONS, "mask.data": f"--mask {mask}"}
        raise ValidationError(whose.get(error.path, name), error.problem) from None
    if isinstance(choice.wish, Retake):
        taken, count = _as_long(facts, fit, request.sampling.num_frames)
    else:
        kept, count = _lengths(choice.wish, facts, fit, _usual_frames(family, request, preset))
        source, taken = _placed(source, choice.wish, facts, kept, count), kept
    if taken < facts.num_frames:
        source = evolve(source, num_frames=taken)
    asked = {key: each for key, each in present(request.sampling).items() if key in _OF_THE_CLIP}
    sampling = evolve(fit(evolve(facts, num_frames=count)), num_frames=count, **asked)
    sampling = evolve(request.sampling, **present(sampling))
    notes = tuple(_notes(name, facts, source, taken, sampling))
    return Begun(source, sampling, notes, name, mask)


_OF_OPTIONS = {
    "remake_from": "--from",
    "remake_to": "--to",
    "remake_video": "--only",
    "remake_audio": "--only",
    "mask": "--mask",
    "strength": "--strength",
    "skip_frames": "--skip-frames",
    **{f"pad_{side}": "--pad" for side in ("top", "right", "bottom", "left")},
}
_OF_THE_CLIP = ("height", "width", "fps")


def _remade(source: SourceInput, wish: Retake) -> SourceInput:
    top, right, bottom, left = wish.pad
    return evolve(
        source,
        remake_from=wish.remake_from,
        remake_to=wish.remake_to,
        remake_video=wish.remake_video,
        remake_audio=wish.remake_audio,
        mask=None if wish.mask is None else _mask(wish.mask, wish.white),
        pad_top=top,
        pad_right=right,
        pad_bottom=bottom,
        pad_left=left,
        strength=wish.strength,
        skip_frames=wish.skip_frames,
    )


def _as_long(facts: ClipFacts, fit: Any, asked: int | None) -> tuple[int, int]:
    """Frames that are taken of the clip, and those of the segment: as many unless it is asked."""
    wanted = facts.num_frames if asked is None else min(asked, facts.num_frames)
    taken: int = fit(evolve(facts, num_frames=wanted)).num_frames
    return taken, taken if asked is None else asked


def _mask(path: Path, white: White) -> MaskInput:
    try:
        return MaskInput.from_file(path, white=white)
    except ValidationError as error:
        raise ValidationError("mask.data", error.problem) from None


def _usual_frames(family: ModelFamily, request: GenerationRequest, preset: str | None) -> int:
    """Of a segment of the preset."""
    known = {**family.defaults, **family.preset(preset).defaults, **present(request.sampling)}
    if "num_frames" not in known:
        raise click.UsageError("The preset has no length of its own: say --by SECONDS.")
    frames: int = known["num_frames"]
    return frames


def _lengths(wish: Extension, facts: ClipFacts, fit: Any, usual: int) -> tuple[int, int]:
    """Frames that are kept of the clip, and those of the segment."""
    wanted = facts.num_frames
    if wish.keep is not None:
        wanted = min(wanted, max(1, ceil(wish.keep * facts.fps)))
    kept: int = fit(evolve(facts, num_frames=wanted)).num_frames
    added = usual if wish.by is None else max(1, round(wish.by * facts.fps))
    whole: int = fit(evolve(facts, num_frames=kept + added)).num_frames
    if whole <= kept:
        raise ValidationError("--by", f"is {wish.by}; this family adds nothing as short as that")
    return kept, whole


def _placed(
    source: SourceInput, wish: Extension, facts: ClipFacts, kept: int, whole: int
) -> SourceInput:
    if wish.backward:
        return evolve(source, frame=whole - kept)
    return evolve(source, skip_frames=facts.num_frames - kept)


def _notes(
    name: str, facts: ClipFacts, source: SourceInput, taken: int, sampling: Sampling
) -> Iterator[str]:
    if taken < facts.num_frames:
        end = "last" if source.skip_frames else "first"
        yield f"{name}: of its {facts.num_frames} frames the {end} {taken} are in the take"
    if (facts.height, facts.width) != (sampling.height, sampling.width):
        yield (
            f"{name}: is {facts.height}x{facts.width}; the take is "
            f"{sampling.height}x{sampling.width}, resized to cover it and cut at the centre"
        )
