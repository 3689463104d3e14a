"""The files of a command that rolls a take, and what of them may be replaced."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from attrs import frozen

from longtake.cli.commands.takes.previewing import check_preview_folder
from longtake.errors import OutputError
from longtake.media.names import free_name
from longtake.media.writer import check_output
from longtake.settings import Settings
from longtake.states.file import check_state_target
from longtake.takes.locks import locked

__all__ = ["TakeFiles", "free_output", "same_file", "state_beside", "writing"]

_WAYS_ON = "go on with it (--resume), name another file (-o), or replace it (--overwrite)"


def free_output(name: str) -> Path:
    """The output of a command that names none: ``name``, or ``take-2.mp4`` and so on."""
    return Path(free_name(name))


@contextmanager
def writing(*paths: Path) -> Iterator[bool]:
    """Have these files to oneself. Of several processes only rank 0 writes any.

    Gives whether the last command that wrote one of them was killed.
    """
    if Settings.from_environment().rank:
        yield False
        return
    with locked(*paths) as killed:
        yield killed


@frozen
class TakeFiles:
    """The files of one command; None where not given.

    ``resume``, ``overwrite``, ``discard_state``: what may be done with those that are there.
    ``preview``: a folder.
    """

    output: Path
    state: Path | None = None
    save_state: Path | None = None
    resume: bool = False
    overwrite: bool = False
    discard_state: bool = False
    preview: Path | None = None

    @property
    def beside(self) -> Path:
        """Where the newest state is while the take rolls, unless it is asked for elsewhere."""
        return state_beside(self.output)

    @property
    def kept_state(self) -> Path:
        """Where the newest state is while the take rolls."""
        return self.save_state or self.beside

    def check(self, *, pictures: bool) -> None:
        """Refuse files that cannot be written to, and those that would be lost.

        Raises `OutputError` or `click.UsageError`. Nothing is created or changed.
        """
        check_output(self.output, pictures=pictures)
        check_state_target(self.kept_state)
        if same_file(self.kept_state, self.output):
            raise click.UsageError("--save-state and -o name the same file.")
        if self.state is not None and same_file(self.state, self.output):
            raise click.UsageError("--state and -o name the same file.")
        if self.preview is not None:
            check_preview_folder(self.preview, resume=self.resume)
        if Settings.from_environment().rank == 0:
            self._check_kept()

    def _check_kept(self) -> None:
        if self.resume:
            return
        if os.path.lexists(self.output) and not self.overwrite:
            raise OutputError(str(self.output), f"is there already; {_WAYS_ON}")
        if self.discard_state:
            return
        for path in dict.fromkeys((self.kept_state, self.beside)):
            if os.path.lexists(path) and not self._goes_on_from(path):
                raise OutputError(str(path), self._unfinished(path))

    def _goes_on_from(self, path: Path) -> bool:
        """Whether the take goes on from the state at ``path``, so that a newer one replaces it."""
        if self.state is None or not same_file(self.state, path):
            return False
        return not os.path.lexists(self.output) or path == self.save_state

    def _unfinished(self, path: Path) -> str:
        if path == self.save_state:
            return (
                "is there already; go on from it (--state), name another file (--save-state), or "
                "give it up (--discard-state)"
            )
        if os.path.lexists(self.output):
            ways = "go on with both (--resume)"
        else:
            ways = f"go on from it in a new file (--state {path})"
        return (
            f"is the state of a take that is not finished; {ways}, name another file (-o), or give "
            "it up (--discard-state)"
        )


def state_beside(output: Path) -> Path:
    """Where the state of the take in ``output`` is kept unless a command says otherwise."""
    return output.with_name(f"{output.name}.state.json")


def same_file(one: Path, other: Path) -> bool:
    """Whether both names lead to one file, be it there or not."""
    return os.path.realpath(one) == os.path.realpath(other)
