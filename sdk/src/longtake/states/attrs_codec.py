"""A ready-made continuation codec for states that are small attrs values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import Attribute, field, frozen, has

from longtake.errors import PluginError, ValidationError
from longtake.schema.references import resolve

if TYPE_CHECKING:
    from longtake.blobs.protocol import BlobStore
    from longtake.states.state import ContinuationState, StatePart, StateSummary

__all__ = ["AttrsCodec"]

T = TypeVar("T")

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

_SHOWN = 60
"""Characters of a field that a summary shows."""

_SIZE_LIMIT = 16 * 2**20
"""Bytes of a state in a blob store that are looked at."""


def _checked_state(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        _state_class(instance.kind, value)


def _state_class(kind: str, value: object) -> type[Any]:
    if not isinstance(value, type) or not has(value):
        raise PluginError(f"codec {kind!r}: the state is no attrs class: {value!r}")
    for name in ("segment_index", "take_defaults"):
        if not hasattr(value, name):
            raise PluginError(f"codec {kind!r}: {value.__name__} has no {name}")
    return value


def _checked_upgrades(
    instance: Any, attribute: Attribute[Any], value: Mapping[int, Upgrade]
) -> None:
    if sorted(value) != list(range(instance.schema_version - len(value), instance.schema_version)):
        raise PluginError(
            f"codec {instance.kind!r}: upgrades must lead step by step to version "
            f"{instance.schema_version}, they are from {sorted(value)}"
        )


@frozen
class AttrsCodec(Generic[T]):
    """Reads and writes states of ``kind`` as the fields of the attrs class ``state_type``.

    ``state_type`` is the class or its ``"package.module:attribute"``, imported when first used. It
    has what `ContinuationCodec` asks of a state: ``segment_index`` and ``take_defaults``. Its
    fields are what `longtake.structure` reads: numbers, text, bytes, `Fraction`, lists, tuples,
    attrs classes. What comes in is not trusted, so their bounds belong into validators of the
    class (`longtake.between`); unknown fields are refused.

    ``schema_version``: of what is written. ``upgrades``: ``{n: function}``, which makes the fields
    of version n + 1 of those of version n; a version that has been written stays readable as long
    as its upgrade is here. ``blob_from``: with a blob store, states of at least so many bytes of
    JSON go there; None keeps them inline.

    The payload is ``{"schema_version": n, "state": {...}}``, or ``"state_blob_id"`` in the place of
    ``"state"``. Raises `PluginError` for a class or upgrades that cannot work.
    """

    kind: str
    _state_type: type[T] | str = field(validator=_checked_state)
    schema_version: int = field(default=1, kw_only=True)
    upgrades: Mapping[int, Upgrade] = field(
        factory=dict, kw_only=True, validator=_checked_upgrades, repr=False
    )
    blob_from: int | None = field(default=None, kw_only=True)

    @property
    def state_type(self) -> type[T]:
        """The attrs class. Raises `PluginError` for a name that cannot be one."""
        return _state_class(self.kind, resolve(self._state_type))

    def encode(self, value: T, blobs: BlobStore | None = None) -> ContinuationState:
        """The state of ``value``.

        Raises what ``blobs`` raises, and `ValidationError` for a state that no store could give
        back: one with a number that JSON has not, or of more than 16 MiB.
        """
        # Late, like all imports here: a codec is declared where plugins are listed.
        from longtake.schema.wire import unstructure
        from longtake.states.state import ContinuationState

        fields = unstructure(value)
        payload = {"schema_version": self.schema_version, "state": fields}
        if blobs is not None and self.blob_from is not None:
            text = _document(fields)
            if len(text) >= self.blob_from:
                del payload["state"]
                payload["state_blob_id"] = blobs.put(text, mime="application/json")
        return ContinuationState(self.kind, payload)

    def decode(self, state: ContinuationState, blobs: BlobStore | None = None) -> T:
        """The typed state. Raises `ValidationError` with the path of the field that is wrong."""
        from longtake.schema.wire import structure

        version, fields = self._checked(state)
        path = "state.payload.state"
        if isinstance(fields, str):
            path = "state.payload.state_blob_id"
            fields = _fetched(fields, blobs, path)
        for number in range(version, self.schema_version):
            fields = self._upgraded(number, fields)
        return structure(fields, self.state_type, path=path)

    def blob_ids(self, state: ContinuationState) -> tuple[str, ...]:
        """The id of the blob that has the state, if one has. Raises like `decode`."""
        _, fields = self._checked(state)
        return (fields,) if isinstance(fields, str) else ()

    def summarize(self, state: ContinuationState, blobs: BlobStore | None = None) -> StateSummary:
        """The fields of ``state``, each as a part, those of a field's own class too.

        Raises like `decode`; a store that has the state must be given.
        """
        from longtake.schema.wire import unstructure
        from longtake.states.state import StateSummary

        value: Any = self.decode(state, blobs)
        version, stored = self._checked(state)
        where = f"blob:{stored}" if isinstance(stored, str) else "inline"
        parts = tuple(_part(name, where, field) for name, field in _flat(unstructure(value)))
        return StateSummary(version, value.segment_index, parts)

    def _checked(self, state: ContinuationState) -> tuple[int, dict[str, Any] | str]:
        """The version, and the fields or the id of the blob that has them."""
        if state.kind != self.kind:
            raise ValidationError(
                "state.kind", f"is {state.kind!r}; this is a codec of {self.kind!r}"
            )
        payload, where = state.payload, "state.payload"
        if not isinstance(payload, dict):
            raise ValidationError(where, "is not an object")
        version = payload.get("schema_version")
        oldest = self.schema_version - len(self.upgrades)
        if type(version) is not int or not oldest <= version <= self.schema_version:
            read = f"{oldest} to {self.schema_version}" if self.upgrades else f"{oldest} alone"
            problem = f"is {version!r:.40}; this codec reads {read}"
            raise ValidationError(f"{where}.schema_version", problem)
        names = payload.keys() - {"schema_version"}
        if names == {"state"} and isinstance(payload["state"], dict):
            return version, payload["state"]
        if names == {"state_blob_id"} and isinstance(payload["state_blob_id"], str):
            return version, payload["state_blob_id"]
        raise ValidationError(
            where, "must have either an object 'state' or a text 'state_blob_id', and no more"
        )

    def _upgraded(self, number: int, fields: dict[str, Any]) -> dict[str, Any]:
        try:
            return self.upgrades[number](deepcopy(fields))  # the state is the caller's
        except (
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
        ) as error:
            raise ValidationError(
                "state.payload.state",
                f"is no state of version {number}: {type(error).__name__}: {error}",
            ) from error


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


def _fetched(blob_id: str, blobs: BlobStore | None, path: str) -> dict[str, Any]:
    import json

    if blobs is None:
        raise ValidationError(path, "the state is in a blob store; give it, e.g. with --blobs")
    try:
        data = blobs.get(blob_id)
    except KeyError as error:
        raise ValidationError(path, f"is not in the blob store: {error}") from error
    if len(data) > _SIZE_LIMIT:
        raise ValidationError(path, f"has {len(data)} bytes, more than {_SIZE_LIMIT}")
    try:
        fields = json.loads(bytes(data))
    except (ValueError, RecursionError) as error:
        raise ValidationError(path, f"is not a JSON document: {error}") from None
    if not isinstance(fields, dict):
        raise ValidationError(path, "is not a JSON object")
    return fields
