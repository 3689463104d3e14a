"""Every error has the one root and a builtin parent, and travels between processes."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

import longtake as lt

ERRORS: list[tuple[lt.LongtakeError, type[Exception], str]] = [
    (lt.ValidationError("sampling.fps", "is 0"), ValueError, "sampling.fps: is 0"),
    (lt.ValidationError("", "is no JSON"), ValueError, "is no JSON"),
    (lt.SignatureError("signed_state", "has expired"), ValueError, "signed_state: has expired"),
    (lt.UnknownNameError("no family 'x'"), LookupError, "no family 'x'"),
    (lt.NameClashError("two of 'x'"), LookupError, "two of 'x'"),
    (lt.PluginError("broken"), ImportError, "broken"),
    (lt.WiringError("no Size"), TypeError, "no Size"),
    (lt.StageError("denoise", "OSError: x"), RuntimeError, "stage 'denoise' failed: OSError: x"),
    (lt.Cancelled("cancelled"), RuntimeError, "cancelled"),
    (lt.PipelineClosedError("closed"), RuntimeError, "closed"),
    (lt.DispatcherClosed("draining"), RuntimeError, "draining"),
    (lt.AuthenticatorUnavailable("ldap://a is away"), ConnectionError, "ldap://a is away"),
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
    (lt.SessionNotFound("no session 'x'"), KeyError, "no session 'x'"),
    (lt.InvalidSessionId("'..' is no id"), KeyError, "'..' is no id"),
    (lt.SessionExists("'x' is there"), ValueError, "'x' is there"),
    (lt.HoldRevoked("too late"), TimeoutError, "too late"),
    (
        lt.Conflict("tram", 5, 4),
        RuntimeError,
        "session 'tram' is at revision 5, not at 4: someone else has changed it; read it again",
    ),
    (lt.SessionStoreFull("no room"), OSError, "no room"),
    (lt.SessionStoreUnavailable("gone"), ConnectionError, "gone"),
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
    roots = {lt.LongtakeError, lt.BlobError, lt.SessionError}
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


LONG: dict[str, Any] = {
    "a text": "long " * 2000,
    "a word": "x" * 10_000,
    "bytes": b"x" * 10_000,
    "a list": [7] * 10_000,
    "a tree": {"key": [{"key": 7}] * 3000},
    "an integer": 10**10_000,
    "a ratio": Fraction(10**10_000),
    "an object": lt.GenerationRequest("x" * 10_000),
    "surrogates": "\udce9" * 10_000,
}
MAKE: dict[str, Callable[[Any], object]] = {
    "a number": lambda value: lt.Sampling(seed=value),
    "a rate": lambda value: lt.Sampling(fps=value),
    "a place": lambda value: lt.ImageInput(b"x", frame=value),
    "strength": lambda value: lt.ImageInput(b"x", strength=value),
    "pictures": lambda value: lt.Inputs(images=value),
    "inputs": lambda value: lt.GenerationRequest("x", inputs=value),
    "overrides": lambda value: lt.GenerationRequest("x", stage_overrides=value),
    "a document": lambda value: lt.structure({"prompt": value, "x": value}, lt.GenerationRequest),
    "a key": lambda value: lt.structure({str(value)[:10_000]: 1}, lt.Sampling),
    "a field": lambda value: lt.structure({"seed": value}, lt.Sampling),
    "a family": lambda value: lt.ModelFamily("f", (), presets=(value,)),
    "a stage": lambda value: lt.StageSpec("s", [value]),  # type: ignore[arg-type]
    "a preset": lambda value: lt.Preset("p", defaults={"height": [value]}),
    "a reference": lambda value: lt.StageSpec("s", "a:b", options=str(value)[:10_000]),
    "a store": lambda value: lt.open_blob_store(str(value)[:10_000]),
    "a kind": lambda value: lt.Registry.of("longtake.builtin").family_for_kind(value),
    "a state": lambda value: lt.ContinuationState.from_json(value),
}


@pytest.mark.parametrize("value", LONG)
@pytest.mark.parametrize("make", MAKE)
def test_a_message_quotes_little_of_what_it_was_given(make: str, value: str) -> None:
    if value in ("an integer", "a ratio") and "str(" in inspect.getsource(MAKE[make]):
        pytest.skip("Python does not write it")
    try:
        MAKE[make](LONG[value])
    except lt.LongtakeError as error:
        said = str(error)
    except TypeError:  # of a name that cannot be looked up
        assert make == "a kind"
        return
    else:
        pytest.skip("it is taken")
    said.encode()
    for text in ("x", "7", "long ", "udce9"):
        assert said.count(text) <= 210, said
    assert len(said) <= 1000


def test_a_message_that_is_short_is_as_it_was_written() -> None:
    text = "it's 'a' and 'b', which aren't " + "words " * 100
    assert str(lt.PluginError(text)) == text
