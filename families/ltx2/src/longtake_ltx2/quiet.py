"""Keeping the noise of other libraries off the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["quiet_libraries"]


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """No progress bar of transformers and no warning of diffusers meanwhile.

    What is wrong with a network is said by the error. Their settings are as before afterwards.
    """
    bars: Any = import_module("transformers.utils.logging")
    words: Any = import_module("diffusers.utils.logging")
    shown, verbosity = bars.is_progress_bar_enabled(), words.get_verbosity()
    bars.disable_progress_bar()
    words.set_verbosity_error()
    try:
        yield
    finally:
        words.set_verbosity(verbosity)
        if shown:
            bars.enable_progress_bar()
