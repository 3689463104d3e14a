"""Keeping the noise of other libraries off the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["quiet_libraries"]


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """No progress bar of transformers, and no warning of it or diffusers meanwhile.

    What is wrong with a network is said by the error. Their settings are as before afterwards.
    """
    transformers: Any = import_module("transformers.utils.logging")
    diffusers: Any = import_module("diffusers.utils.logging")
    shown = transformers.is_progress_bar_enabled()
    verbosities = [(library, library.get_verbosity()) for library in (transformers, diffusers)]
    transformers.disable_progress_bar()
    for library, _ in verbosities:
        library.set_verbosity_error()
    try:
        yield
    finally:
        for library, verbosity in verbosities:
            library.set_verbosity(verbosity)
        if shown:
            transformers.enable_progress_bar()
