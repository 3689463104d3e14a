"""What a `RowSessionStore` needs of a backend: small rows, several changed at once or none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from attrs import field, frozen

from longtake.errors import LongtakeError, SessionError, SessionStoreUnavailable, text_of

__all__ = ["RowChange", "SessionRows", "Translating"]


@frozen(kw_only=True)
class RowChange:
    """Several changes that are one step.

    - ``expected``: the rows that must be there with exactly this value, or absent where it is None.
    - ``puts``: rows to write. ``deletes``: rows to remove; what is absent is passed over.
    """

    expected: Mapping[str, bytes | None] = field(factory=dict, repr=False)
    puts: Mapping[str, bytes] = field(factory=dict, repr=False)
    deletes: Sequence[str] = ()


class SessionRows(ABC):
    """Rows of bytes under keys in order: all that a `RowSessionStore` needs of a backend.

    Keys are ASCII texts of at most 1,000 characters, ordered by their characters' codes. Every
    method may be called from any thread. Pickled, it is what opens the same rows in another
    process; where that cannot be, pickling raises `SessionError`. ``unavailable``: exceptions of a
    client that say that the backend cannot be used for now, in texts that may be shown; what was
    asked for may have happened all the same. What else a method raises is shown as `failure` says.
    """

    unavailable: tuple[type[Exception], ...] = ()

    @abstractmethod
    def now(self) -> float:
        """Seconds since 1970 by the backend's own clock, which all its clients share."""

    @abstractmethod
    def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """The rows as they are at one moment, None for each that is absent."""

    @abstractmethod
    def scan(self, start: str, stop: str, limit: int) -> list[tuple[str, bytes]]:
        """The first ``limit`` rows with ``start <= key < stop``, in the order of their keys."""

    @abstractmethod
    def write(self, change: RowChange) -> bool:
        """Make all of ``change`` in one step, on stable storage if the backend has any.

        False, and nothing changed, when a row is not as ``expected``. Never written twice: the
        client must not repeat it by itself.
        """

    def failure(self, error: Exception) -> SessionError | None:
        """What ``error``, raised by one of the methods, means; None when it is not known.

        By default each of ``unavailable`` is a `SessionStoreUnavailable`.
        """
        if isinstance(error, self.unavailable):
            return SessionStoreUnavailable(f"{self!r}: {text_of(error)}; try again later")
        return None

    def close(self) -> None:  # noqa: B027  # most have something to close, not all
        """Let connections go. Closing again does nothing."""


class Translating:
    """``with Translating(rows):`` what ``rows`` raise becomes an error of session stores."""

    def __init__(self, rows: SessionRows) -> None:
        self._rows = rows

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, LongtakeError):
            return
        meaning = self._rows.failure(error)
        if meaning is None:
            problem = f"{self._rows!r} failed: {type(error).__name__}: {text_of(error)}"
            raise SessionError(problem) from error
        raise meaning from error
