"""Arrays in the states that `AttrsCodec` writes: what a field declares, and its document."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from itertools import chain, repeat
from math import isfinite, prod
from typing import TYPE_CHECKING, Any, TypeAlias, get_args, get_origin

from attrs import Attribute, field, fields, frozen, has, resolve_types
from attrs.validators import and_, optional

from longtake.errors import MissingDependencyError, PluginError, ValidationError, shown
from longtake.schema.bounds import path_of
from longtake.schema.json_schema import without_none
from longtake.schema.wire import is_array_type
from longtake.settings import StateLimits

if TYPE_CHECKING:
    from longtake.blobs.protocol import BlobStore
    from longtake.states.budget import StateBudget

__all__ = [
    "ARRAY_IDS",
    "Array",
    "array",
    "check_array_fields",
    "moved_to_blobs",
    "packed",
    "unpacked",
]

DTYPES = ("bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)))
DTYPES += ("float16", "float32", "float64")
"""What can be declared, by NumPy's names."""

ARRAY_IDS = "array_blob_ids"
"""What a payload calls the blobs of its arrays."""

_MOST_DIMENSIONS = 16
_MOST_HEADER = 1024
"""Bytes of a safetensors file before its data: a short name, a dtype and a shape."""

_NAME = "t"
_ALL: Any = type(and_())
_OPTIONAL: Any = type(optional(and_()))

Shape: TypeAlias = tuple[int | None, ...]
Visit: TypeAlias = "Callable[[Any, Array, str], Any]"


@frozen
class Array:
    """What `array` declares; a validator of a field."""

    dtype: str
    shape: Shape
    most: int = field(kw_only=True)
    low: float | None = field(default=None, kw_only=True)
    high: float | None = field(default=None, kw_only=True)

    def __call__(self, instance: object, attribute: Attribute[Any], value: Any) -> None:
        """As attrs calls it; None passes where it is the default."""
        if value is None and attribute.default is None:
            return
        if problem := self.problem(value):
            raise ValidationError(path_of(instance, attribute), problem)

    def problem(self, value: Any) -> str | None:
        """What is wrong with ``value``, None when nothing is."""
        import numpy as np

        if type(value) is not np.ndarray:
            return f"is a {type(value).__name__}; must be a numpy.ndarray, {self}"
        if value.dtype != np.dtype(self.dtype):
            return f"is of dtype {value.dtype}; must be {self}"
        if wrong := self.shape_problem(value.shape):
            return wrong
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            return "holds NaN or infinity"
        if value.size and self.low is not None and value.min().item() < self.low:
            return f"holds {value.min()}; must be at least {self.low}"
        if value.size and self.high is not None and value.max().item() > self.high:
            return f"holds {value.max()}; must be at most {self.high}"
        return None

    def shape_problem(self, shape: tuple[int, ...]) -> str | None:
        """What is wrong with a shape, None when nothing is."""
        fits = len(shape) == len(self.shape) and all(
            wanted in (None, size) for wanted, size in zip(self.shape, shape, strict=True)
        )
        if not fits:
            return f"has shape {shown([*shape])}; must be {self}"
        if prod(shape) > self.most:
            return f"has {shown(prod(shape))} elements; must be {self}"
        return None

    def __str__(self) -> str:
        sizes = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} of shape [{sizes}], at most {self.most} elements"


def array(
    dtype: str, shape: Shape, *, most: int, low: float | None = None, high: float | None = None
) -> Array:
    """The validator of a field that holds a NumPy array, which `AttrsCodec` then writes::

        @frozen
        class FogState(lt.TakeState):
            grain: NDArray[np.float32] = field(
                validator=lt.array("float32", (None, 2), most=4096, low=-1, high=1),
                eq=cmp_using(eq=np.array_equal),
            )

    ``dtype``: bool, (u)int8 to (u)int64 or float16 to float64. ``shape``: the sizes of its
    dimensions, None for any. ``most``: elements in all, so that no document makes a reader allocate
    more. ``low`` and ``high``: the least and the greatest element, both included. Floating point
    arrays are finite always. None passes where it is the field's default.

    Raises `PluginError` for a declaration that cannot be, the validator `ValidationError`.
    """
    if dtype not in DTYPES:
        raise PluginError(f"array: the dtype is {shown(dtype)}; write one of {', '.join(DTYPES)}")
    sizes = isinstance(shape, tuple) and all(
        size is None or (type(size) is int and size >= 0) for size in shape
    )
    if not sizes or len(shape) > _MOST_DIMENSIONS:
        raise PluginError(
            f"array: the shape is {shown(shape)}; write a tuple of sizes, None for any size"
        )
    if type(most) is not int or most < 1 or prod(size or 1 for size in shape) > most:
        raise PluginError(
            f"array: most is {shown(most)}; write how many elements there may be in all"
        )
    if any(bound is not None and not isfinite(bound) for bound in (low, high)):
        raise PluginError("array: low and high are finite numbers; leave out the one there is not")
    return Array(dtype, shape, most=most, low=low, high=high)


class _Document(dict[str, Any]):
    """An array's document, of a class of its own: a field may look alike."""


def packed(document: Any, cls: type) -> Any:
    """``document``, what `longtake.unstructure` makes of a ``cls``, with its arrays as documents.

    Raises `ValidationError` for an array that could not be read, `PluginError` for one that is in a
    field which does not declare it.
    """
    replaced = _visited(document, cls, _packed_array, "state")
    if stray := _stray_array(replaced, cls.__name__):
        raise PluginError(_undeclared(stray))
    return replaced


def _packed_array(value: Any, declared: Array, path: str) -> _Document | None:
    if value is None:
        return None
    if problem := declared.problem(value):
        raise ValidationError(path, problem)
    _check_bytes(value.nbytes, path, StateLimits.current().tensor_bytes)
    import numpy as np

    file: bytes = _safetensors().save({_NAME: np.ascontiguousarray(value).reshape(value.shape)})
    return _Document(
        dtype=declared.dtype,
        shape=[*value.shape],
        sha256=sha256(file).hexdigest(),
        safetensors=base64.b64encode(file).decode("ascii"),
    )


def moved_to_blobs(document: Any, least: int | None, put: Callable[[bytes], int]) -> Any:
    """``document`` in plain JSON types; ``put`` takes files of ``least`` bytes and says which."""
    if isinstance(document, _Document):
        plain = dict(document)
        file = base64.b64decode(plain["safetensors"])
        if least is not None and len(file) >= least:
            del plain["safetensors"]
            plain["blob"] = put(file)
        return plain
    if isinstance(document, dict):
        return {name: moved_to_blobs(each, least, put) for name, each in document.items()}
    if isinstance(document, list | tuple):
        return [moved_to_blobs(each, least, put) for each in document]
    return document


def _check_bytes(num_bytes: int, path: str, most: int) -> None:
    if num_bytes > most:
        problem = f"has {num_bytes} bytes; an array of a state has at most {most}"
        raise ValidationError(path, f"{problem} (LONGTAKE_STATE_LIMITS allows more)")


@frozen
class _Reader:
    """Reads the arrays of one state. ``where``: the blobs that were read, by digest."""

    ids: list[str]
    blobs: BlobStore | None
    budget: StateBudget
    where: dict[str, int]

    def __call__(self, document: Any, declared: Array, path: str) -> Any:
        if document is None:
            return None  # the field's validator says whether it may be
        file = self._file(document, declared, path)
        from safetensors import SafetensorError

        try:
            tensors = _safetensors().load(file)
        except (SafetensorError, KeyError, ValueError) as error:
            raise ValidationError(path, f"is a damaged safetensors file: {error}") from None
        if list(tensors) != [_NAME] or [*tensors[_NAME].shape] != document["shape"]:
            raise ValidationError(path, "does not hold the array that the document says")
        value = tensors[_NAME].copy()  # of its own, aligned memory
        if problem := declared.problem(value):
            raise ValidationError(path, problem)
        value.setflags(write=False)  # as the state is frozen
        return value

    def _file(self, document: Any, declared: Array, path: str) -> bytes:
        """The file, when its size and digest are those that the document says."""
        source = _source_of(document, path)
        if document["dtype"] != declared.dtype:
            problem = f"is {shown(document['dtype'])}; must be {declared}"
            raise ValidationError(f"{path}.dtype", problem)
        shape = document["shape"]
        if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
            raise ValidationError(f"{path}.shape", "must be a list of sizes")
        if wrong := declared.shape_problem(tuple(shape)):
            raise ValidationError(f"{path}.shape", wrong)
        import numpy as np

        num_bytes = prod(shape) * np.dtype(declared.dtype).itemsize
        _check_bytes(num_bytes, path, self.budget.limits.tensor_bytes)
        self.budget.take(num_bytes, path)
        most = num_bytes + _MOST_HEADER
        if source == "blob":
            file = self._blob(document, path)
        else:
            file = _inline(document["safetensors"], most, f"{path}.safetensors")
        if not num_bytes < len(file) <= most:
            problem = f"has {len(file)} bytes; {num_bytes} and a header are its dtype and shape"
            raise ValidationError(f"{path}.{source}", problem)
        if sha256(file).hexdigest() != document["sha256"]:
            raise ValidationError(f"{path}.sha256", "is not the digest of the array's bytes")
        return file

    def _blob(self, document: dict[str, Any], path: str) -> bytes:
        index, where = document["blob"], f"{path}.blob"
        if type(index) is not int or not 0 <= index < len(self.ids):
            raise ValidationError(where, f"is {shown(index)}; must be one of the {ARRAY_IDS}")
        if index in self.where.values():
            raise ValidationError(where, f"is {index}, which is another array's, too")
        where = f"state.payload.{ARRAY_IDS}[{index}]"
        if self.blobs is None:
            raise ValidationError(where, "the array is in a blob store; give it, e.g. with --blobs")
        try:
            file = bytes(self.blobs.get(self.ids[index]))
        except KeyError as error:
            raise ValidationError(where, f"is not in the blob store: {error}") from error
        self.where[path] = index
        return file


def _source_of(document: Any, path: str) -> str:
    if isinstance(document, dict):
        sources = document.keys() - {"dtype", "shape", "sha256"}
        if len(document) == 4 and sources in ({"blob"}, {"safetensors"}):
            return str(*sources)
    raise ValidationError(
        path, "must be an array: 'dtype', 'shape', 'sha256', and either 'safetensors' or 'blob'"
    )


def _inline(text: Any, most: int, path: str) -> bytes:
    if not isinstance(text, str) or len(text) > 4 * (most // 3 + 1):
        raise ValidationError(path, f"must be base64 text of at most {most} bytes")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValidationError(path, "is no base64 text") from None


def unpacked(
    document: Any, cls: type, ids: list[str], blobs: BlobStore | None, path: str
) -> tuple[Any, dict[str, int]]:
    """``document`` with its arrays, and which of ``ids`` each that was in a blob has, by its place.

    Raises `ValidationError` with the path of what is wrong, before memory is taken for it.
    """
    from longtake.states.budget import StateBudget

    reader = _Reader(ids, blobs, StateBudget(), {})
    return _visited(document, cls, reader, path), reader.where


def _visited(document: Any, hint: Any, visit: Visit, path: str) -> Any:
    """A copy of ``document`` with ``visit`` of each array that its type declares in its place."""
    hint = without_none(hint)
    arguments = get_args(hint)
    if has(hint) and isinstance(document, dict):
        return document | {
            each.name: _visited_field(document[each.name], each, visit, f"{path}.{each.name}")
            for each in fields(hint)
            if each.name in document
        }
    if isinstance(document, list | tuple) and get_origin(hint) in (list, tuple) and arguments:
        repeated = get_origin(hint) is list or arguments[-1] is ...
        kinds = repeat(arguments[0]) if repeated else chain(arguments, repeat(Any))
        return [
            _visited(inner, kind, visit, f"{path}[{index}]")
            for index, (inner, kind) in enumerate(zip(document, kinds, strict=False))
        ]
    if isinstance(document, dict) and get_origin(hint) is dict:
        return {
            name: _visited(inner, arguments[1], visit, f"{path}.{name}")
            for name, inner in document.items()
        }
    return document


def _visited_field(inner: Any, attribute: Attribute[Any], visit: Visit, path: str) -> Any:
    declared = _declared(attribute.validator)
    return (
        visit(inner, declared, path) if declared else _visited(inner, attribute.type, visit, path)
    )


def _declared(validator: Any) -> Array | None:
    if isinstance(validator, _OPTIONAL):
        return _declared(validator.validator)
    if isinstance(validator, _ALL):
        return next(filter(None, map(_declared, validator._validators)), None)
    return validator if isinstance(validator, Array) else None


@cache
def check_array_fields(cls: type) -> None:
    """Refuse a class with an array that no validator declares.

    Raises `PluginError` naming class and field, and what to write.
    """
    try:
        resolve_types(cls)
    except NameError as error:
        raise PluginError(
            f"{cls.__name__}: its annotations cannot be read: {error}; import what they name where "
            "the class is, not for type checkers alone"
        ) from error
    for attribute in fields(cls):
        if _declared(attribute.validator) is not None:
            continue
        for part in _parts(attribute.type):
            if is_array_type(part):
                raise PluginError(_undeclared(f"{cls.__name__}.{attribute.name}"))
            if has(part):
                check_array_fields(part)


def _parts(hint: Any) -> Iterator[Any]:
    """``hint``, and the types that it is made of."""
    yield hint
    if not is_array_type(hint):
        for argument in get_args(hint):
            yield from _parts(argument)


def _stray_array(document: Any, path: str) -> str:
    """Where there is an array in ``document``, "" when there is none."""
    if isinstance(document, _Document):
        return ""
    if isinstance(document, dict):
        inner = ((f"{path}.{name}", each) for name, each in document.items())
    elif isinstance(document, list | tuple):
        inner = ((f"{path}[{index}]", each) for index, each in enumerate(document))
    else:
        return path if is_array_type(type(document)) else ""
    return next(filter(None, (_stray_array(each, where) for where, each in inner)), "")


def _undeclared(where: str) -> str:
    return (
        f"{where} is an array that no validator declares; write a field of its own with "
        'field(validator=lt.array("float32", (None, 2), most=4096)), in its dtype and shape, and '
        "make a tensor an array (tensor.cpu().numpy())"
    )


def _safetensors() -> Any:
    try:
        import safetensors.numpy as files
    except ImportError:
        raise MissingDependencyError("safetensors", "an array in a state") from None
    return files
