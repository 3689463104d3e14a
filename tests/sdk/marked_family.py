"""A family whose model says what tells it from others, and whose states keep that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, frozen

import longtake as lt

MARK = "mark.txt"


@frozen(kw_only=True)
class MarkedState(lt.TakeState):
    model_fingerprint: str | None = None


class Paint:
    """Needs a network, so that a test sees when one is loaded."""

    def __init__(self, network: str) -> None:
        self._network = network

    def __call__(self, span: lt.TakeSpan) -> lt.Frames:
        return lt.Frames(np.zeros((span.num_frames, span.height, span.width, 3), np.uint8))


class Settle:
    def __call__(self, state: MarkedState) -> lt.Waveform:
        return lt.Waveform(np.zeros((1, 2400), np.float32), 24000)


def remember(span: lt.TakeSpan, run: lt.Run) -> MarkedState:
    return MarkedState(span=span, model_fingerprint=run.model_fingerprint)


@define
class Networks(Mapping[str, Any]):
    """Counts what is looked up."""

    loaded: int = 0

    def __getitem__(self, name: str) -> Any:
        self.loaded += 1
        return name

    def __contains__(self, name: object) -> bool:
        return name == "network"

    def __iter__(self) -> Iterator[str]:
        return iter(["network"])

    def __len__(self) -> int:
        return 1


def write_checkpoint(folder: Path, mark: str) -> Path:
    folder.mkdir()
    (folder / MARK).write_text(mark)
    return folder


def write_example(folder: Path) -> Path:
    return write_checkpoint(folder, "example")


def recognise(path: Path) -> lt.Recognition | None:
    return lt.Recognition() if (path / MARK).exists() else None


def load(source: lt.ModelSource) -> lt.LoadedModel:
    path = source.path
    assert path is not None
    return lt.LoadedModel(Networks(), fingerprint=lambda: (path / MARK).read_text())


MARKED = lt.ModelFamily(
    "marked",
    (Paint, remember),
    finish=(Settle,),
    defaults={"seed": 1, "height": 4, "width": 6, "num_frames": 4, "fps": 24},
    codecs=(lt.AttrsCodec("marked.v1", MarkedState),),
    recognise=recognise,
    load=load,
    example=write_example,
)

KEPT = lt.Output(return_state=True, last=False, overlap_frames=1)


def pipeline_of(mark: Any, networks: Networks | None = None) -> lt.Pipeline:
    """Of a model with this fingerprint."""
    model = lt.LoadedModel(Networks() if networks is None else networks, fingerprint=mark)
    return lt.Pipeline(MARKED, model=model)


def state_of(mark: Any) -> lt.ContinuationState:
    """After the first segment of a take."""
    state = pipeline_of(mark).generate(lt.GenerationRequest("fog", output=KEPT)).state
    assert state is not None
    return state
