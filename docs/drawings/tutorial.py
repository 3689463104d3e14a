"""The tutorial's family: the module that ``longtake new family`` writes, and what it draws."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import longtake as lt

__all__ = ["draw_segments", "tutorial_family"]

_SIZE = lt.Sampling(height=144, width=256, num_frames=41, seed=3)
_SHOWN = 4  # frames of each segment
_EDGE = 2  # pixels

_TEMPLATE = Path("scaffolding", "templates", "family", "src", "longtake_untitled", "__init__.py")


def tutorial_family() -> lt.ModelFamily:
    """The family that the template declares."""
    path = Path(lt.__file__).parent / _TEMPLATE
    spec = spec_from_file_location("longtake_untitled", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where its annotations are looked up
    try:
        spec.loader.exec_module(module)
        (family,) = module.longtake_families()
    finally:
        del sys.modules[spec.name]
    assert isinstance(family, lt.ModelFamily)
    return family


def draw_segments(path: Path, *, num_segments: int = 3) -> None:
    """Some frames of each segment of a take of the family, one row for each, as PNG."""
    rows = []
    with lt.load(family=tutorial_family()) as pipeline:
        session = lt.Session(pipeline, sampling=_SIZE)
        for _ in range(num_segments):
            frames = session.extend("a ball of light").frames
            shown = frames[np.linspace(0, len(frames) - 1, _SHOWN).round().astype(int)]
            rows.append(np.concatenate([_framed(frame) for frame in shown], axis=1))
    Image.fromarray(np.concatenate(rows)).save(path)


def _framed(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``frame`` with a light edge, which parts it from its neighbours."""
    return np.pad(frame, ((_EDGE, _EDGE), (_EDGE, _EDGE), (0, 0)), constant_values=251)
