"""A ready-made continuation codec for states that are small attrs values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import Attribute, evolve, field, frozen, has

from longtake.errors import PluginError, ValidationError, shown
from longtake.schema.references import resolve

if TYPE_CHECKING:
    from longtake.blobs.protocol import BlobStore
    from longtake.states.state import ContinuationState, StatePart, StateSummary

__all__ = ["AttrsCodec"]

T = TypeVar("T")

Rewrite = Callable[[dict[str, Any]], dict[str, Any]]

_SCHEMA_VERSION = 1
"""A constant of every kind: other fields are another kind."""

_SHOWN = 60
"""Characters of a field that a summary shows."""

_SIZE_LIMIT = 16 * 2**20
"""Bytes of a state in a blob store that are looked at."""


def _checked_state(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        _state_class(instance.kind, value)


def _state_class(kind: str, value: object) -> type[Any]:
    if not isinstance(value, type) or not has(value):
        raise PluginError(f"codec {kind!r}: the state is no attrs class: {shown(value)}")
    for name in ("segment_index", "take_defaults"):
        if not hasattr(value, name):
            raise PluginError(f"codec {kind!r}: {value.__name__} has no {name}")
    return value


@frozen
class _Step:
    """From the fields of one kind to those of the next newer one, and back."""

    kind: str
    upgrade: Rewrite
    downgrade: Rewrite


@frozen
class AttrsCodec(Generic[T]):
    """Reads and writes states of ``kind`` as the fields of the attrs class ``state_type``.

    ``state_type`` is the class or its ``"package.module:attribute"``, imported when first used. It
    has what `ContinuationCodec` asks of a state: ``segment_index`` and ``take_defaults``. Its
    fields are what `longtake.structure` reads: numbers, text, bytes, `Fraction`, lists, tuples,
    attrs classes. What comes in is not trusted, so their bounds belong into validators of the
    class (`longtake.between`); unknown fields are refused.

    ``blob_from``: with a blob store, states of at least so many bytes of JSON go there; None keeps
    them inline.

    The payload is ``{"schema_version": 1, "state": {...}}``, or ``"state_blob_id"`` in the place of
    ``"state"``. The fields of a kind never change, so a class with other fields gets a new kind,
    and the kind before stays as an `older` one::

        FOG_2 = lt.AttrsCodec("fog.v2", FogState)
        FOG_1 = FOG_2.older("fog.v1", upgrade=with_period, downgrade=without_period)
        family = lt.ModelFamily("fog", stages, codecs=(FOG_2, FOG_1))

    Raises `PluginError` for a class that cannot work.
    """

    kind: str
    _state_type: type[T] | str = field(validator=_checked_state)
    blob_from: int | None = field(default=None, kw_only=True)
    _steps: tuple[_Step, ...] = field(default=(), kw_only=True, repr=False)

    def older(self, kind: str, *, upgrade: Rewrite, downgrade: Rewrite) -> AttrsCodec[T]:
        """A codec of the kind before this one, over the same class.

        ``upgrade`` makes the fields of this codec's kind of those of ``kind``, as they stand in the
        document, before they are checked; ``downgrade`` does the reverse, so that workers of an
        earlier release can be served (``Output(state_kind=...)``). A state that ``kind`` cannot
        say, because upgrading it again gives another one, is refused when it is written.
        """
        return evolve(self, kind=kind, steps=(_Step(kind, upgrade, downgrade), *self._steps))

    @property
    def state_type(self) -> type[T]:
        """The attrs class. Raises `PluginError` for a name that cannot be one."""
        return _state_class(self.kind, resolve(self._state_type))

    def encode(self, value: T, blobs: BlobStore | None = None) -> ContinuationState:
        """The state of ``value``.

        Raises what ``blobs`` raises, and `ValidationError` for a state that could not be read back:
        one that this kind cannot say, with a number that JSON has not, or of more than 16 MiB.
        """
        # Late, like all imports here: a codec is declared where plugins are listed.
        from longtake.schema.wire import unstructure
        from longtake.states.state import ContinuationState

        fields = self._downgraded(unstructure(value))
        payload = {"schema_version": _SCHEMA_VERSION, "state": fields}
        if blobs is not None and self.blob_from is not None:
            text = _document(fields)
            if len(text) >= self.blob_from:
                del payload["state"]
                payload["state_blob_id"] = blobs.put(text, mime="application/json")
        return ContinuationState(self.kind, payload)

    def decode(self, state: ContinuationState, blobs: BlobStore | None = None) -> T:
        """The typed state. Raises `ValidationError` with the path of the field that is wrong."""
        from longtake.schema.wire import structure

        fields = self._checked(state)
        path = "state.payload.state"
        if isinstance(fields, str):
            path = "state.payload.state_blob_id"
            fields = _fetched(fields, blobs, path)
        _check_texts_fit(fields, path)
        return structure(self._upgraded(fields), self.state_type, path=path)

    def blob_ids(self, state: ContinuationState) -> tuple[str, ...]:
        """The id of the blob that has the state, if one has. Raises like `decode`."""
        fields = self._checked(state)
        return (fields,) if isinstance(fields, str) else ()

    def summarize(self, state: ContinuationState, blobs: BlobStore | None = None) -> StateSummary:
        """The fields of ``state``, each as a part, those of a field's own class too.

        Raises like `decode`; a store that has the state must be given.
        """
        from longtake.schema.wire import unstructure
        from longtake.states.state import StateSummary

        value: Any = self.decode(state, blobs)
        stored = self._checked(state)
        where = f"blob:{stored}" if isinstance(stored, str) else "inline"
        parts = tuple(_part(name, where, field) for name, field in _flat(unstructure(value)))
        return StateSummary(_SCHEMA_VERSION, value.segment_index, parts)

    def _checked(self, state: ContinuationState) -> dict[str, Any] | str:
        """The fields, or the id of the blob that has them."""
        if state.kind != self.kind:
            raise ValidationError(
                "state.kind", f"is {state.kind!r}; this is a codec of {self.kind!r}"
            )
        payload, where = state.payload, "state.payload"
        if not isinstance(payload, dict):
            raise ValidationError(where, "is not an object")
        version = payload.get("schema_version")
        if type(version) is not int or version != _SCHEMA_VERSION:
            problem = f"is {version!r:.40}; must be {_SCHEMA_VERSION}"
            raise ValidationError(f"{where}.schema_version", problem)
        names = payload.keys() - {"schema_version"}
        if names == {"state"} and isinstance(payload["state"], dict):
            fields: dict[str, Any] = payload["state"]
            return fields
        if names == {"state_blob_id"} and isinstance(payload["state_blob_id"], str):
            stored: str = payload["state_blob_id"]
            return stored
        raise ValidationError(
            where, "must have either an object 'state' or a text 'state_blob_id', and no more"
        )

    def _upgraded(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields of the class, of those of this kind."""
        for step in self._steps:
            problem = f"is no state of kind {step.kind!r}"
            fields = _rewritten(step.upgrade, fields, "state.payload.state", problem)
        return fields

    def _downgraded(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The fields of this kind, of those of the class; refused when they say less."""
        from longtake.schema.wire import structure, unstructure

        if not self._steps:
            return fields
        older, problem = fields, f"cannot be written as kind {self.kind!r}"
        for step in reversed(self._steps):
            older = _rewritten(step.downgrade, older, "state", problem)
        again = unstructure(structure(self._upgraded(older), self.state_type, path="state"))
        lost = sorted(name for name in fields if again.get(name) != fields[name])
        if lost:
            raise ValidationError("state", f"{problem}, which cannot say its {', '.join(lost)}")
        return older


def _rewritten(rewrite: Rewrite, fields: dict[str, Any], path: str, problem: str) -> dict[str, Any]:
    try:
        return rewrite(deepcopy(fields))  # the fields are the caller's
    except (
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
    ) as error:
        raise ValidationError(path, f"{problem}: {type(error).__name__}: {error}") from error


def _flat(fields: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields, and in the place of one that has fields itself, those."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", field) for inner, field in value.items())
        else:
            yield name, value


def _part(name: str, where: str, value: object) -> StatePart:
    import json

    from longtake.states.state import StatePart

    text = json.dumps(value)
    if len(text) <= _SHOWN:
        return StatePart(name, where, None, text)
    return StatePart(name, where, len(text), f"{text[:_SHOWN]}...")


def _document(fields: dict[str, Any]) -> bytes:
    import json

    try:
        text = json.dumps(fields, allow_nan=False).encode()
    except ValueError as error:
        raise ValidationError("state", f"is not plain JSON: {error}") from None
    if len(text) > _SIZE_LIMIT:
        raise ValidationError("state", f"has {len(text)} bytes, more than {_SIZE_LIMIT}")
    return text


def _check_texts_fit(fields: dict[str, Any], path: str) -> None:
    """Refuse texts, which may be bytes in base64, that are more than a state may have in all."""
    from longtake.states.budget import StateBudget

    budget, left = StateBudget(), [(path, fields)]
    while left:
        where, value = left.pop()
        if isinstance(value, str):
            budget.take(len(value), where)
        elif isinstance(value, dict):
            left += [(f"{where}.{name}", inner) for name, inner in value.items()]
        elif isinstance(value, list | tuple):
            left += [(f"{where}[{index}]", inner) for index, inner in enumerate(value)]


def _fetched(blob_id: str, blobs: BlobStore | None, path: str) -> dict[str, Any]:
    from longtake.states.budget import read_json

    if blobs is None:
        raise ValidationError(path, "the state is in a blob store; give it, e.g. with --blobs")
    try:
        data = blobs.get(blob_id)
    except KeyError as error:
        raise ValidationError(path, f"is not in the blob store: {error}") from error
    if len(data) > _SIZE_LIMIT:
        raise ValidationError(path, f"has {len(data)} bytes, more than {_SIZE_LIMIT}")
    try:
        fields = read_json(bytes(data))
    except ValidationError as error:
        raise ValidationError(path, error.problem) from None
    except (ValueError, RecursionError) as error:
        raise ValidationError(path, f"is not a JSON document: {error}") from None
    if not isinstance(fields, dict):
        raise ValidationError(path, "is not a JSON object")
    return fields
