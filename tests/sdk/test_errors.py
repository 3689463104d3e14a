"""Every error has the one root and a builtin parent, and travels between processes."""

from __future__ import annotations

import pickle

import pytest

import longtake as lt

ERRORS: list[tuple[lt.LongtakeError, type[Exception], str]] = [
    (lt.ValidationError("sampling.fps", "is 0"), ValueError, "sampling.fps: is 0"),
    (lt.ValidationError("", "is no JSON"), ValueError, "is no JSON"),
    (lt.UnknownNameError("no family 'x'"), LookupError, "no family 'x'"),
    (lt.NameClashError("two of 'x'"), LookupError, "two of 'x'"),
    (lt.PluginError("broken"), ImportError, "broken"),
    (lt.WiringError("no Size"), TypeError, "no Size"),
    (lt.StageError("denoise", "OSError: x"), RuntimeError, "stage 'denoise' failed: OSError: x"),
    (lt.Cancelled("cancelled"), RuntimeError, "cancelled"),
    (lt.PipelineClosedError("closed"), RuntimeError, "closed"),
    (lt.SessionBusyError("a stream is open"), RuntimeError, "a stream is open"),
    (
        lt.CheckpointError("vae/config.json", "is missing"),
        ValueError,
        "vae/config.json: is missing",
    ),
    (lt.OutputError("x.mp4", "is a folder"), OSError, "x.mp4: is a folder"),
    (
        lt.MissingDependencyError("peft", "LoRA"),
        ImportError,
        "LoRA needs the package 'peft': pip install peft",
    ),
    (lt.BlobNotFound("no blob 'x'"), KeyError, "no blob 'x'"),
    (lt.InvalidBlobId("'..' is no id"), KeyError, "'..' is no id"),
    (lt.BlobCorrupt("changed"), ValueError, "changed"),
    (lt.BlobTooLarge("9 GB"), ValueError, "9 GB"),
    (lt.BlobStoreFull("no room"), OSError, "no room"),
    (lt.BlobStoreUnavailable("gone"), ConnectionError, "gone"),
]


@pytest.mark.parametrize(
    ("error", "parent", "text"), ERRORS, ids=[type(error).__name__ for error, _, _ in ERRORS]
)
def test_an_error_survives_pickling(
    error: lt.LongtakeError, parent: type[Exception], text: str
) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert isinstance(copy, lt.LongtakeError)
    assert isinstance(copy, parent)
    assert (vars(copy), str(copy)) == (vars(error), str(error))
    assert str(error) == text


def test_every_public_error_is_tried_here() -> None:
    public = {vars_of for name in dir(lt) if is_error(vars_of := getattr(lt, name))}
    roots = {lt.LongtakeError, lt.BlobError}
    assert public - roots == {type(error) for error, _, _ in ERRORS}


def is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, lt.LongtakeError)


def test_attributes_say_where() -> None:
    error = lt.ValidationError("sampling.fps", "is 0")
    assert (error.path, error.problem) == ("sampling.fps", "is 0")
    assert lt.StageError("denoise", "x").stage == "denoise"
    assert lt.CheckpointError("a", "b").path == "a"
    assert lt.OutputError("a", "b").path == "a"
    assert lt.MissingDependencyError("peft", "LoRA").package == "peft"
