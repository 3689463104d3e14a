"""What the first segment of a command is conditioned on, from files that the user names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from attrs import frozen

from longtake.cli.options.groups import with_options
from longtake.errors import ValidationError
from longtake.requests.inputs import AudioInput, ClipInput, ImageInput, Inputs
from longtake.requests.references import ReferenceInput
from longtake.requests.voices import VoiceInput

__all__ = ["InputChoice", "NamedInputs", "input_options", "read_inputs"]

F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P", ImageInput, ClipInput)

_FIRST_SEGMENT = "Of the first segment."
_OPTIONS = (
    click.option(
        "--image",
        "images",
        multiple=True,
        metavar="FILE[@FRAME[:STRENGTH]]",
        help="Show this picture at a frame; -1 is the last of the first segment. Repeatable.",
    ),
    click.option(
        "--clip",
        "clips",
        multiple=True,
        metavar="FILE[@FRAME[:STRENGTH]]",
        help=f"Show this video, frame by frame, from a frame on. {_FIRST_SEGMENT} Repeatable.",
    ),
    click.option(
        "--audio",
        "sound",
        metavar="FILE[@SECONDS[:STRENGTH]]",
        help=f"Let this sound be heard from a time on. {_FIRST_SEGMENT}",
    ),
    click.option(
        "--reference",
        "references",
        multiple=True,
        metavar="FILE[@STRENGTH[:ATTENTION]]",
        help=f"Follow this video without showing it, both from 0 to 1. {_FIRST_SEGMENT} "
        "Repeatable.",
    ),
    click.option(
        "--voice",
        metavar="FILE[@PLACE]",
        help="Voices are like those of this sound, which is not heard; the LoRA takes it to be "
        f"before the segment or alongside it. {_FIRST_SEGMENT}",
    ),
    click.option("--first-frame", metavar="FILE", help="Short for --image FILE@0."),
    click.option(
        "--last-frame", metavar="FILE", help=f"Short for --image FILE@-1. {_FIRST_SEGMENT}"
    ),
)
_FRAME = re.compile(r"(.+)@(-?\d{1,9})(?::(\d*\.?\d+))?", re.DOTALL)
_SHARE = re.compile(r"(.+)@(\d*\.?\d+)(?::(\d*\.?\d+))?", re.DOTALL)
_PLACE = re.compile(r"(.+)@(before|alongside)", re.DOTALL)
_SECONDS = re.compile(r"(.+)@(\d{1,6}(?:\.\d+)?)(?::(\d*\.?\d+))?", re.DOTALL)


def input_options(command: F) -> F:
    """The options that name input files, for a command."""
    return with_options(command, _OPTIONS)


@frozen
class InputChoice:
    """What the options of `input_options` say; None or empty where they say nothing."""

    images: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    sound: str | None = None
    first_frame: str | None = None
    last_frame: str | None = None
    references: tuple[str, ...] = ()
    voice: str | None = None


@frozen
class NamedInputs:
    """Inputs, and the option that each of them came from, by its path in a request."""

    inputs: Inputs
    options: Mapping[str, str]

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Where what is in a file is refused, say the option that named the file, or its part."""
        try:
            yield
        except ValidationError as error:
            whole = error.path.removesuffix(".data")
            option = self.options.get(whole)
            of_a_file = error.path.endswith(".data") or error.path.startswith("inputs.source.")
            if option is None or not of_a_file:
                raise
            raise ValidationError(option, error.problem) from None


def read_inputs(choice: InputChoice) -> NamedInputs:
    """Read all the files; nothing is decoded. Raises `ValidationError` naming option and file."""
    images = [("--image", text, *_placed("--image", text)) for text in choice.images]
    for name, text, frame in (
        ("--first-frame", choice.first_frame, 0),
        ("--last-frame", choice.last_frame, -1),
    ):
        if text is not None:
            images.append((name, text, text, frame, 1.0))
    clips = [("--clip", text, *_placed("--clip", text)) for text in choice.clips]
    named = {f"inputs.images[{n}]": f"{each[0]} {each[1]}" for n, each in enumerate(images)}
    named |= {f"inputs.clips[{n}]": f"{each[0]} {each[1]}" for n, each in enumerate(clips)}
    followed = [("--reference", text) for text in choice.references]
    named |= {f"inputs.references[{n}]": f"{o} {text}" for n, (o, text) in enumerate(followed)}
    named["inputs.audio"] = f"--audio {choice.sound}"
    named["inputs.voice"] = f"--voice {choice.voice}"
    inputs = Inputs(
        images=tuple(_read(ImageInput, *each) for each in images),
        clips=tuple(_read(ClipInput, *each) for each in clips),
        audio=None if choice.sound is None else _sound(choice.sound),
        references=tuple(_reference(text) for _, text in followed),
        voice=None if choice.voice is None else _voice(choice.voice),
    )
    return NamedInputs(inputs, named)


def _read(kind: type[P], option: str, text: str, path: str, frame: float, strength: float) -> P:
    with _named(option, text):
        return kind.from_file(path, frame=int(frame), strength=strength)


def _placed(option: str, text: str) -> tuple[str, float, float]:
    with _named(option, text):
        return _split(text, _FRAME, "FILE@FRAME[:STRENGTH]")


def _sound(text: str) -> AudioInput:
    with _named("--audio", text):
        path, start, strength = _split(text, _SECONDS, "FILE@SECONDS[:STRENGTH]")
        return AudioInput.from_file(path, start=start, strength=strength)


def _reference(text: str) -> ReferenceInput:
    with _named("--reference", text):
        path, strength, attention = _split(text, _SHARE, "FILE@STRENGTH[:ATTENTION]", place=1.0)
        return ReferenceInput.from_file(path, strength=strength, attention=attention)


def _voice(text: str) -> VoiceInput:
    with _named("--voice", text):
        match = None if os.path.isfile(text) else _PLACE.fullmatch(text)
        if match is None:
            return VoiceInput.from_file(text)
        return VoiceInput.from_file(match[1], place=match[2])


def _split(
    text: str, pattern: re.Pattern[str], form: str, place: float = 0
) -> tuple[str, float, float]:
    """Path, place and strength, ``place`` and 1 where they are not said.

    A file whose name has an @ in it is meant as a whole.
    """
    match = None if os.path.isfile(text) else pattern.fullmatch(text)
    if match is None:
        file, _, said = text.rpartition("@")
        if not os.path.exists(text) and os.path.isfile(file):
            what = "no place in time" if pattern is not _SHARE else "no strength"
            raise ValidationError(text, f"'@{said}' is {what}; write {form}")
        return text, place, 1.0
    path, said, strength = match.groups()
    return path, float(said), 1.0 if strength is None else float(strength)


@contextmanager
def _named(option: str, text: str) -> Iterator[None]:
    """Say which option is refused, with all that it said."""
    try:
        yield
    except ValidationError as error:
        what = "" if error.path in ("data", text) else f"{error.path}: "
        raise ValidationError(f"{option} {text}", f"{what}{error.problem}") from None
