"""A ready-made continuation codec for states that are small attrs values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from longtake.errors import BlobError, PluginError, ValidationError, shown
from longtake.schema.frozen import Frozen
from longtake.schema.references import resolve

if TYPE_CHECKING:
    from longtake.blobs.protocol import BlobStore
    from longtake.schema.texts import Place
    from longtake.states.state import ContinuationState, StatePart, StateSummary

__all__ = ["AttrsCodec"]

T = TypeVar("T")

Rewrite = Callable[[dict[str, Any]], dict[str, Any]]

_SCHEMA_VERSION = 1
"""A constant of every kind: other fields are another kind."""

_SHOWN = 60
"""Characters of a field that a summary shows."""

_ARRAY_BLOB_FROM = 16 * 2**10
_ARRAY_IDS = "array_blob_ids"
_ARRAY_MIME = "application/octet-stream"

_SIZE_LIMIT = 16 * 2**20
"""Bytes of a state in a blob store that are looked at."""


def _state_class(kind: str, value: object) -> type[Any]:
    from attrs import fields_dict, has  # late, as below: who names the class does without

    if not isinstance(value, type) or not has(value):
        raise PluginError(f"codec {kind!r}: the state is no attrs class: {shown(value)}")
    for name in ("segment_index", "take_defaults"):
        if not hasattr(value, name) and name not in fields_dict(value):  # one without slots
            raise PluginError(f"codec {kind!r}: {value.__name__} has no {name}")
    return value


class _Step(Frozen):
    """From the fields of one kind to those of the next newer one, and back."""

    __slots__ = ("kind", "upgrade", "downgrade")

    def __init__(self, kind: str, upgrade: Rewrite, downgrade: Rewrite) -> None:
        self.kind: Final = kind
        self.upgrade: Final = upgrade
        self.downgrade: Final = downgrade


class AttrsCodec(Frozen, Generic[T], unshown=("_steps",)):
    """Reads and writes states of ``kind`` as the fields of the attrs class ``state_type``.

    ``state_type`` is the class or its ``"package.module:attribute"``, imported when first used. It
    has what `ContinuationCodec` asks of a state: ``segment_index`` and ``take_defaults``. Its
    fields are what `longtake.structure` reads: numbers, text, bytes, `Fraction`, lists, tuples,
    attrs classes. What comes in is not trusted, so their bounds belong into validators of the
    class (`longtake.between`); unknown fields are refused.

    Arrays are fields that say so with `longtake.array`.

    ``blob_from``: with a blob store, states of at least so many bytes of JSON go there; None keeps
    them inline. ``array_blob_from``: arrays of at least so many bytes go there, each in a blob of
    its own; None keeps them in the JSON.

    The payload is ``{"schema_version": 1, "state": {...}}``, or ``"state_blob_id"`` in the place of
    ``"state"``. An array in it is ``{"dtype": "float32", "shape": [7, 2], "sha256": ...,
    "safetensors": ...}``: the file with its only tensor ``t`` in base64, and the file's digest; or
    with ``"blob"`` in the place of ``"safetensors"``, an index of the ``"array_blob_ids"`` that are
    then beside ``"state"``.

    The fields of a kind never change, so a class with other fields gets a new kind, and the kind
    before stays as an `older` one::

        FOG_2 = lt.AttrsCodec("fog.v2", FogState)
        FOG_1 = FOG_2.older("fog.v1", upgrade=with_period, downgrade=without_period)
        family = lt.ModelFamily("fog", stages, codecs=(FOG_2, FOG_1))

    Raises `PluginError` for a class that cannot work.
    """

    __slots__ = ("kind", "_state_type", "blob_from", "array_blob_from", "_steps")

    def __init__(
        self,
        kind: str,
        state_type: type[T] | str,
        *,
        blob_from: int | None = None,
        array_blob_from: int | None = _ARRAY_BLOB_FROM,
        steps: tuple[_Step, ...] = (),
    ) -> None:
        self.kind: Final = kind
        self._state_type: Final = state_type
        self.blob_from: Final = blob_from
        self.array_blob_from: Final = array_blob_from
        self._steps: Final = steps
        if not isinstance(state_type, str):
            _state_class(kind, state_type)

    def older(self, kind: str, *, upgrade: Rewrite, downgrade: Rewrite) -> AttrsCodec[T]:
        """A codec of the kind before this one, over the same class.

        ``upgrade`` makes the fields of this codec's kind of those of ``kind``, as they stand in the
        document, before they are checked; ``downgrade`` does the reverse, so that workers of an
        earlier release can be served (``Output(state_kind=...)``). A state that ``kind`` cannot
        say, because upgrading it again gives another one, is refused when it is written.
        """
        return self.evolve(kind=kind, steps=(_Step(kind, upgrade, downgrade), *self._steps))

    @property
    def state_type(self) -> type[T]:
        """The attrs class. Raises `PluginError` for a name that cannot be one."""
        from longtake.schema.records import check_record
        from longtake.states.arrays import check_array_fields

        cls: Any = _state_class(self.kind, resolve(self._state_type))
        check_record(cls)
        check_array_fields(cls)
        return cls  # type: ignore[no-any-return]

    def encode(self, value: T, blobs: BlobStore | None = None) -> ContinuationState:
        """The state of ``value``.

        Raises what ``blobs`` raises, and `ValidationError` for a state that could not be read back:
        one that this kind cannot say, with a number that JSON has not, or of more than 16 MiB.
        """
        # Late, like all imports here: a codec is declared where plugins are listed.
        from longtake.schema.wire import unstructure
        from longtake.states.arrays import packed
        from longtake.states.state import ContinuationState

        fields = self._downgraded(packed(unstructure(value), self.state_type))
        with _Puts(blobs) as puts:
            return ContinuationState(self.kind, self._payload(fields, puts))

    def _payload(self, fields: dict[str, Any], puts: _Puts) -> dict[str, Any]:
        from longtake.states.arrays import moved_to_blobs

        array_ids: list[str] = []

        def put(file: bytes) -> int:
            array_ids.append(puts.put(file, _ARRAY_MIME))
            return len(array_ids) - 1

        least = self.array_blob_from if puts.store is not None else None
        fields = moved_to_blobs(fields, least, put)
        payload: dict[str, Any] = {"schema_version": _SCHEMA_VERSION, "state": fields}
        if array_ids:
            payload[_ARRAY_IDS] = array_ids
        if puts.store is not None and self.blob_from is not None:
            text = _document(fields)
            if len(text) >= self.blob_from:
                del payload["state"]
                payload["state_blob_id"] = puts.put(text, "application/json")
        return payload

    def decode(self, state: ContinuationState, blobs: BlobStore | None = None) -> T:
        """The typed state. Raises `ValidationError` with the path of the field that is wrong."""
        return self._decoded(state, blobs)[0]

    def _decoded(
        self, state: ContinuationState, blobs: BlobStore | None
    ) -> tuple[T, dict[str, str]]:
        """The typed state, and the blob of each array that has one, by its path in the state."""
        from longtake.schema.wire import structure
        from longtake.states.arrays import unpacked

        fields, array_ids = self._checked(state)
        path = "state.payload.state"
        if isinstance(fields, str):
            path = "state.payload.state_blob_id"
            fields = _fetched(fields, blobs, path)
        _check_texts_fit(fields, path)
        upgraded = self._upgraded(fields)
        arrays, where = unpacked(upgraded, self.state_type, array_ids, blobs, path)
        if len(where) != len(array_ids) and not self._steps:  # an upgrade may leave an array out
            problem = f"are {len(array_ids)}, of which the state uses {len(where)}"
            raise ValidationError(f"state.payload.{_ARRAY_IDS}", problem)
        value = structure(arrays, self.state_type, path=path)
        return value, {each[len(path) + 1 :]: array_ids[i] for each, i in where.items()}

    def blob_ids(self, state: ContinuationState) -> tuple[str, ...]:
        """The ids of the blobs that have the state and its arrays, if any. Raises like `decode`."""
        fields, array_ids = self._checked(state)
        return (fields, *array_ids) if isinstance(fields, str) else tuple(array_ids)

    def summarize(self, state: ContinuationState, blobs: BlobStore | None = None) -> StateSummary:
        """The fields of ``state``, each as a part, those of a field's own class too.

        Raises like `decode`; a store that has the state must be given.
        """
        from longtake.schema.wire import unstructure
        from longtake.states.state import StateSummary

        value: Any
        value, array_blobs = self._decoded(state, blobs)
        stored, _ = self._checked(state)
        where = f"blob:{stored}" if isinstance(stored, str) else "inline"
        parts = tuple(
            _part(name, f"blob:{array_blobs[name]}" if name in array_blobs else where, field)
            for name, field in _flat(unstructure(value))
        )
        return StateSummary(_SCHEMA_VERSION, value.segment_index, parts)

    def _checked(self, state: ContinuationState) -> tuple[dict[str, Any] | str, list[str]]:
        """The fields, or the id of the blob that has them, and the ids of the arrays' blobs."""
        from longtake.states.references import check_blob_id

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
        array_ids = payload.get(_ARRAY_IDS, [])
        if not isinstance(array_ids, list):
            raise ValidationError(f"{where}.{_ARRAY_IDS}", "must be a list of texts")
        for index, each in enumerate(array_ids):
            check_blob_id(each, f"{where}.{_ARRAY_IDS}[{index}]")
        if len(set(array_ids)) != len(array_ids):
            raise ValidationError(f"{where}.{_ARRAY_IDS}", "has an id twice")
        if "state_blob_id" in payload:
            check_blob_id(payload["state_blob_id"], f"{where}.state_blob_id")
        names = payload.keys() - {"schema_version", _ARRAY_IDS}
        for name, kind in (("state", dict), ("state_blob_id", str)):
            if names == {name} and isinstance(payload[name], kind):
                return payload[name], array_ids
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
        from longtake.states.arrays import packed, unpacked

        if not self._steps:
            return fields
        older, problem = fields, f"cannot be written as kind {self.kind!r}"
        for step in reversed(self._steps):
            older = _rewritten(step.downgrade, older, "state", problem)
        cls = self.state_type
        upgraded, _ = unpacked(self._upgraded(older), cls, [], None, "state")
        again = packed(unstructure(structure(upgraded, cls, path="state")), cls)
        lost = sorted(name for name in fields if again.get(name) != fields[name])
        if lost:
            raise ValidationError("state", f"{problem}, which cannot say its {', '.join(lost)}")
        return older


class _Puts:
    """What is put into ``store`` while a state is written; dropped again when it fails."""

    def __init__(self, store: BlobStore | None) -> None:
        self.store = store
        self._ids: list[str] = []

    def __enter__(self) -> _Puts:
        return self

    def put(self, data: bytes, mime: str) -> str:
        assert self.store is not None
        self._ids.append(self.store.put(data, mime=mime))
        return self._ids[-1]

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and self.store is not None:
            for blob_id in self._ids:
                with suppress(BlobError):  # what failed first is what is said
                    self.store.drop(blob_id)


def _rewritten(rewrite: Rewrite, fields: dict[str, Any], path: str, problem: str) -> dict[str, Any]:
    from copy import deepcopy

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

    from longtake.schema.wire import is_array_type
    from longtake.states.state import StatePart

    if is_array_type(type(value)):
        array: Any = value
        return StatePart(name, where, array.nbytes, _array_text(array))
    text = json.dumps(value, default=_array_text)
    if len(text) <= _SHOWN:
        return StatePart(name, where, None, text)
    return StatePart(name, where, len(text), f"{text[:_SHOWN]}...")


def _array_text(array: Any) -> str:
    return f"{array.dtype} {[*array.shape]}"


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
    from longtake.schema.texts import CONTAINERS, items_of, path_to
    from longtake.states.budget import StateBudget

    room = StateBudget().left
    left: list[tuple[object, Place]] = [(fields, (None, path))]
    while left:
        value, place = left.pop()
        if isinstance(value, CONTAINERS):
            left += [(inner, (place, name)) for name, inner in items_of(value)]
        elif isinstance(value, str):
            if len(value) > room:  # only then is it worth to say where it lies
                StateBudget(room).take(len(value), path_to(place))
            room -= len(value)


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
