"""The errors that Longtake raises on purpose: one root, a builtin parent, a path, a next step."""

from __future__ import annotations

import reprlib
from types import TracebackType

__all__ = [
    "AuthenticatorUnavailable",
    "Blaming",
    "BlobCorrupt",
    "BlobError",
    "BlobNotFound",
    "BlobStoreFull",
    "BlobStoreUnavailable",
    "BlobTooLarge",
    "Cancelled",
    "CheckpointError",
    "Conflict",
    "DispatcherClosed",
    "HoldRevoked",
    "InvalidBlobId",
    "InvalidSessionId",
    "LongtakeError",
    "MissingDependencyError",
    "NameClashError",
    "OutputError",
    "PipelineClosedError",
    "PluginError",
    "SessionBusyError",
    "SessionError",
    "SessionExists",
    "SessionNotFound",
    "SessionStoreFull",
    "SessionStoreUnavailable",
    "SignatureError",
    "StageError",
    "UnknownNameError",
    "ValidationError",
    "WiringError",
    "sayable",
    "shown",
    "text_of",
]

_MOST_QUOTED = 200
"""Characters of a caller's value that a message repeats."""

_LONGEST = 2000
"""Characters of a message, with all that it lists."""

_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = _BRIEF.maxlong = _MOST_QUOTED - 20
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxdict = _BRIEF.maxset = _MOST_QUOTED // 3
_BRIEF.maxfrozenset = _BRIEF.maxdeque = _BRIEF.maxarray = _MOST_QUOTED // 3

_LONG_QUOTE = rf"(?s)(?<!\w)(['\"])((?:(?!\1(?!\w)).){{{_MOST_QUOTED + 1},}})\1(?!\w)"
_LONG_WORD = rf"()([^\s]{{{_MOST_QUOTED + 1},}})"


def shown(value: object) -> str:
    """``repr(value)`` for a message: at most 200 characters, whatever the value is."""
    if isinstance(value, int) and value.bit_length() > 4 * _MOST_QUOTED:
        return f"an integer of {value.bit_length()} bits"  # as text it may take for ever
    try:
        return _shortened(_BRIEF.repr(value), _MOST_QUOTED - 10)  # with what stands beside it
    except (TypeError, ValueError):  # of a number in it whose text is not made
        return f"a value of type {type(value).__name__}"


def sayable(message: str) -> str:
    """``message`` as it can be printed, logged and sent on, however long what it quotes is.

    Long quotations and words are cut in their middle; what is no Unicode text is escaped.
    """
    message = message.encode("utf-8", "backslashreplace").decode()
    if len(message) > _MOST_QUOTED:
        import re  # late: most errors are short, and most listings have none

        for pattern in (_LONG_QUOTE, _LONG_WORD):
            message = re.sub(
                pattern, lambda found: f"{found[1]}{_shortened(found[2])}{found[1]}", message
            )
    return _shortened(message, _LONGEST)


def text_of(error: BaseException, *, whole: bool = False) -> str:
    """``str(error)``, also of an error that has none to show; `sayable` unless ``whole``."""
    try:
        return str(error) if whole else sayable(str(error))
    except Exception:  # isolation: the error of a plugin may be as broken as the plugin
        return "its message cannot be shown"


def _shortened(text: str, most: int = _MOST_QUOTED) -> str:
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 3]}...{text[len(text) - end :]}"


class LongtakeError(Exception):
    """Root of all errors that Longtake raises on purpose.

    Its text can always be printed, and quotes at most 200 characters of what a caller gave.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(sayable(each) if isinstance(each, str) else each for each in args))


class _LocatedError(LongtakeError):
    """An error about one place: ``path`` names it, ``problem`` says what is wrong there."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{_shortened(path)}: {problem}" if path else problem)
        self.path = path
        self.problem = sayable(problem)

    def __reduce__(self) -> tuple[type[_LocatedError], tuple[str, str]]:
        return type(self), (self.path, self.problem)


class ValidationError(_LocatedError, ValueError):
    """A value that the caller gave is wrong.

    ``path`` is the dotted path of the field (``sampling.num_frames``), ``problem`` says what is
    wrong with it and what would be right.
    """


class SignatureError(ValidationError):
    """A signed state that is not as it was given, has expired, or is for another audience.

    ``path`` is ``signed_state``; ``problem`` never says which part of a signature is wrong.
    """


class UnknownNameError(LongtakeError, LookupError):
    """A family, preset, blob scheme or recipe that nobody provides."""


class NameClashError(LongtakeError, LookupError):
    """Two plugins provide the same name; it is refused until one of them is blocked."""


class PluginError(LongtakeError, ImportError):
    """A plugin that could not be loaded, or gave something that is not what its hook promises."""


class WiringError(LongtakeError, TypeError):
    """A recipe whose stages do not fit together; raised when the pipeline is built."""


class Blaming:
    """``with Blaming("the codec of 'fog.v1'"):`` a plugin's own errors become a `PluginError`.

    Longtake's pass, and so does Ctrl-C. A class, for a generator lets no `StopIteration` through.
    """

    def __init__(self, whose: str) -> None:
        self._whose = whose

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, LongtakeError | KeyboardInterrupt):
            return
        raise PluginError(
            f"{self._whose} failed: {type(error).__name__}: {text_of(error)}"
        ) from error


class StageError(LongtakeError, RuntimeError):
    """A stage raised. ``stage`` is its name; the original exception is the ``__cause__``."""

    def __init__(self, stage: str, problem: str) -> None:
        super().__init__(f"stage {stage!r} failed: {problem}")
        self.stage = stage
        self.problem = sayable(problem)

    def __reduce__(self) -> tuple[type[StageError], tuple[str, str]]:
        return type(self), (self.stage, self.problem)


class Cancelled(LongtakeError, RuntimeError):
    """The run was cancelled by its caller; nothing of it was kept."""


class PipelineClosedError(LongtakeError, RuntimeError):
    """The pipeline was used after ``close()``."""


class SessionBusyError(LongtakeError, RuntimeError):
    """A session was asked for its next segment by the very thread that has a stream of it open."""


class DispatcherClosed(LongtakeError, RuntimeError):
    """The dispatcher takes no more orders: it is being drained, or is closed."""


class AuthenticatorUnavailable(LongtakeError, ConnectionError):
    """Whose a token is cannot be said at the moment. Trying again later may help."""


class CheckpointError(_LocatedError, ValueError):
    """A checkpoint that is incomplete, damaged or of no known family. ``path`` names the file."""


class OutputError(_LocatedError, OSError):
    """A file cannot be written. ``path`` names it."""


class MissingDependencyError(LongtakeError, ImportError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs the package {package!r}: pip install {package}")
        self.package = package
        self.needed_for = needed_for

    def __reduce__(self) -> tuple[type[MissingDependencyError], tuple[str, str]]:
        return type(self), (self.package, self.needed_for)


class BlobError(LongtakeError):
    """Root of the errors of blob stores."""


class BlobNotFound(BlobError, KeyError):
    """No blob has this id."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidBlobId(BlobNotFound):
    """The id does not have the form of an id; it never reached the backend."""


class BlobCorrupt(BlobError, ValueError):
    """The stored bytes are not the bytes that were put."""


class BlobTooLarge(BlobError, ValueError):
    """The blob is larger than the store accepts."""


class BlobStoreFull(BlobError, OSError):
    """The store has no room left."""


class BlobStoreUnavailable(BlobError, ConnectionError):
    """The store cannot be reached; trying again later may help."""


class SessionError(LongtakeError):
    """Root of the errors of session stores."""


class SessionNotFound(SessionError, KeyError):
    """No session has this id, or its time is over."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InvalidSessionId(SessionNotFound):
    """The id does not have the form of an id; it never reached the backend."""


class SessionExists(SessionError, ValueError):
    """A session of this id is there already."""


class HoldRevoked(SessionError, TimeoutError):
    """Blobs were held for too short a time: they may be swept; put them again."""


class Conflict(SessionError, RuntimeError):
    """The session has changed since it was read; nothing of the change was made.

    ``session_id``: whose. ``revision``: as it is now, made by whoever was first.
    """

    def __init__(self, session_id: str, revision: int, expected: int) -> None:
        super().__init__(
            f"session {shown(session_id)} is at revision {revision}, not at {expected}: someone "
            "else has changed it; read it again"
        )
        self.session_id = session_id
        self.revision = revision
        self.expected = expected

    def __reduce__(self) -> tuple[type[Conflict], tuple[str, int, int]]:
        return type(self), (self.session_id, self.revision, self.expected)


class SessionStoreFull(SessionError, OSError):
    """The store has no room left."""


class SessionStoreUnavailable(SessionError, ConnectionError):
    """The store cannot be reached; whether the last change was made is not known.

    Trying again later may help, and with the same attempt does nothing twice.
    """
