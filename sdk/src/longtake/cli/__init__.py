"""The command ``longtake``. Its parts are imported when a command needs them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

__all__ = ["main"]

_COLLECTION_THRESHOLD = 100_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with ``argv``, or with the process's arguments.

    Returns the exit code: 0, 2 for what the user got wrong, 1 for anything else, and 128 and the
    number of the signal for a command that one has stopped.
    """
    before = gc.get_threshold()
    # What imports make stays; looking for garbage in it would take a tenth of a short command.
    gc.set_threshold(_COLLECTION_THRESHOLD, *before[1:])
    try:
        arguments = sys.argv[1:] if argv is None else list(argv)
        from longtake.cli.plain import is_plain, run_plain

        if is_plain(arguments):
            return run_plain(arguments)
        from longtake.cli.group import run

        return run(arguments)
    except KeyboardInterrupt:  # so early that nothing is there to report it
        sys.stderr.write("interrupted\n")
        return 130
    finally:
        gc.set_threshold(*before)
        if argv is None:
            gc.freeze()  # the process ends now, and with it everything that is alive
