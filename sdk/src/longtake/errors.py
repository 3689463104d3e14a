"""The errors that Longtake raises on purpose: one root, a builtin parent, a path, a next step."""

from __future__ import annotations

__all__ = [
    "BlobCorrupt",
    "BlobError",
    "BlobNotFound",
    "BlobStoreFull",
    "BlobStoreUnavailable",
    "BlobTooLarge",
    "Cancelled",
    "CheckpointError",
    "InvalidBlobId",
    "LongtakeError",
    "MissingDependencyError",
    "NameClashError",
    "OutputError",
    "PipelineClosedError",
    "PluginError",
    "SessionBusyError",
    "StageError",
    "UnknownNameError",
    "ValidationError",
    "WiringError",
]


class LongtakeError(Exception):
    """Root of all errors that Longtake raises on purpose."""


class _LocatedError(LongtakeError):
    """An error about one place: ``path`` names it, ``problem`` says what is wrong there."""

    def __init__(self, path: str, problem: str) -> None:
        message = f"{path}: {problem}" if path else problem
        # A path or key that is no Unicode text is shown escaped, so that logs and files take it.
        super().__init__(message.encode("utf-8", "backslashreplace").decode())
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type[_LocatedError], tuple[str, str]]:
        return type(self), (self.path, self.problem)


class ValidationError(_LocatedError, ValueError):
    """A value that the caller gave is wrong.

    ``path`` is the dotted path of the field (``sampling.num_frames``), ``problem`` says what is
    wrong with it and what would be right.
    """


class UnknownNameError(LongtakeError, LookupError):
    """A family, preset, blob scheme or recipe that nobody provides."""


class NameClashError(LongtakeError, LookupError):
    """Two plugins provide the same name; it is refused until one of them is blocked."""


class PluginError(LongtakeError, ImportError):
    """A plugin that could not be loaded, or gave something that is not what its hook promises."""


class WiringError(LongtakeError, TypeError):
    """A recipe whose stages do not fit together; raised when the pipeline is built."""


class StageError(LongtakeError, RuntimeError):
    """A stage raised. ``stage`` is its name; the original exception is the ``__cause__``."""

    def __init__(self, stage: str, problem: str) -> None:
        super().__init__(f"stage {stage!r} failed: {problem}")
        self.stage = stage
        self.problem = problem

    def __reduce__(self) -> tuple[type[StageError], tuple[str, str]]:
        return type(self), (self.stage, self.problem)


class Cancelled(LongtakeError, RuntimeError):
    """The run was cancelled by its caller; nothing of it was kept."""


class PipelineClosedError(LongtakeError, RuntimeError):
    """The pipeline was used after ``close()``."""


class SessionBusyError(LongtakeError, RuntimeError):
    """A session was asked for its next segment by the very thread that has a stream of it open."""


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
