"""How the tests of ``longtake sessions`` run it, and look at what it did."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from attrs import frozen

import longtake as lt
from tests.sdk.cli.cli_support import Command, Outcome

URL = "sqlite:takes.db"
RATE = 24000


@frozen(kw_only=True)
class RiverState(lt.TakeState):
    """The take's place is all that a river knows of itself."""


def flow(span: lt.TakeSpan, run: lt.Run) -> tuple[lt.Frames, lt.Waveform, RiverState]:
    """Frame k of a take has the colour k, sample n is n / 2**20."""
    for _ in run.steps(1):
        pass
    shades = np.arange(span.first_frame, span.end_frame, dtype=np.uint8)
    size = (span.num_frames, span.height, span.width, 3)
    start, stop = (k * RATE // int(span.fps) for k in (span.first_frame, span.end_frame))
    sound = np.arange(start, stop, dtype=np.float32)[None] / np.float32(2**20)
    frames = np.broadcast_to(shades[:, None, None, None], size).copy()
    return lt.Frames(frames), lt.Waveform(sound, RATE), RiverState(span=span)


RIVER = lt.ModelFamily(
    "river",
    (lt.StageSpec("flow", flow),),
    defaults={"seed": 1, "height": 32, "width": 48, "num_frames": 13, "fps": 24},
    codecs=(lt.AttrsCodec("river.v1", RiverState, blob_from=1),),
)


@frozen
class Takes:
    """``longtake sessions`` over the file ``takes.db`` in the current folder."""

    longtake: Command
    model: str

    def run(self, *words: str) -> Outcome:
        """A command, with its store."""
        return self.longtake("sessions", *words, "--sessions", URL)

    def done(self, *words: str) -> Outcome:
        """A command that succeeds."""
        outcome = self.run(*words)
        assert outcome.code == 0, outcome.err
        return outcome

    def roll(self, *words: str) -> Outcome:
        """``roll`` that succeeds, with a model."""
        return self.done("roll", *words, "--model", self.model)

    def flow(self, *words: str) -> Outcome:
        """``roll`` that succeeds, with a family whose takes know their place."""
        return self.done("roll", *words, "--family", "river")

    def segments(self, session_id: str) -> list[dict[str, Any]]:
        """The segments as a program sees them."""
        shown = json.loads(self.done("show", session_id, "--json").out)
        segments: list[dict[str, Any]] = shown["segments"]
        return segments

    def prompts(self, session_id: str) -> list[str]:
        """Of the segments."""
        return [each["request"]["prompt"] for each in self.segments(session_id)]

    def store(self) -> lt.SessionStore:
        """The store itself."""
        return lt.open_session_store(URL)

    def blobs(self) -> lt.BlobStore:
        """The blobs that belong to it."""
        return lt.open_blob_store(f"file://{os.path.abspath('takes.db.blobs')}")
