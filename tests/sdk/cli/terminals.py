"""Commands on a real terminal, a pair of pseudo-terminals; and the family that they roll there."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

__all__ = ["MUD", "Shown", "environment_of", "on_terminal", "resize"]

MUD = """
import time
from pathlib import Path
import numpy as np
from attrs import frozen
import longtake as lt

LONGEST = "a rather long name of a component, as some families have it"

def write_example(folder):
    folder.mkdir()
    return folder

def load(source):
    Path("loading").touch()
    for component in ("swamp", LONGEST):
        for read in (0, 512, 2048):
            source.progress(lt.LoadProgress(component, read, 2048))
        source.progress(lt.LoadProgress(component, 2048, 2048, ready=True))
    if source.device == "slow":
        time.sleep(60)
    return lt.LoadedModel()

@frozen(kw_only=True)
class MudState(lt.TakeState):
    pass

def draw(span: lt.TakeSpan, run: lt.Run) -> tuple[lt.Frames, MudState]:
    for _ in run.steps(3):
        pass
    size = (span.num_frames, span.height, span.width, 3)
    return lt.Frames(np.zeros(size, np.uint8)), MudState(span=span)

DEFAULTS = {"seed": 1, "height": 32, "width": 48, "num_frames": 13, "fps": 24}

@lt.hookimpl
def longtake_families():
    preset = lt.Preset("brown_and_wet_and_deep", description="A description of several words.")
    return [lt.ModelFamily(
        "mud", (lt.StageSpec("draw_something_in_the_mud", draw),), presets=(preset,),
        defaults=DEFAULTS, load=load, example=write_example,
        codecs=(lt.AttrsCodec("mud.v1", MudState),),
    )]
"""


@frozen
class Shown:
    """What a command on a terminal wrote, and its exit code."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        """What stood in one line of the terminal at one time."""
        return [each for line in self.text.split("\n") for each in line.split("\r") if each.strip()]


def resize(terminal: int, columns: int) -> None:
    """Make the terminal with this descriptor so wide."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def environment_of(folder: Path, **variables: str) -> dict[str, str]:
    """That of a process which sees nothing but the plugin ``longtake-mud`` in ``folder``."""
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    # The terminal says how wide it is, not whoever runs the tests.
    ours = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**ours, "PYTHONPATH": path, "LONGTAKE_PLUGINS": "longtake-mud", **variables}


def on_terminal(
    folder: Path,
    *argv: str,
    columns: int,
    watch: Callable[[int, str], None] = lambda terminal, text: None,
    **variables: str,
) -> Shown:
    """Run ``longtake`` in ``folder`` on a terminal. ``watch``: told of all there is so far."""
    ours, theirs = pty.openpty()
    resize(ours, columns)
    process = subprocess.Popen(
        [sys.executable, "-m", "longtake", *argv],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=environment_of(folder, **variables),
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(theirs)
    text = ""
    while chunk := _read(ours):
        text += chunk.decode(errors="replace")
        watch(ours, text)
    os.close(ours)
    return Shown(process.wait(timeout=60), text)


def _take_terminal() -> None:
    """In the new process: what is typed at its terminal, such as Ctrl-C, is for it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests may run in the background


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody is at the other side any more
        return b""
