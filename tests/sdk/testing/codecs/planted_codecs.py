"""Codecs that are broken on purpose, each in one way that one test of the contract names.

Not collected by itself: `test_planted` runs it and looks at what failed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import pytest
from attrs import field, frozen
from attrs.validators import deep_iterable
from hypothesis import strategies as st

import longtake as lt
from longtake.testing import CodecContract


@frozen
class Mist:
    segment_index: int = field(validator=lt.between(0, 2**53))
    seed: int = field(validator=lt.between(0, 2**64 - 1))
    count: int = field(validator=lt.between(0, 2 * 10**8))
    wind: float = field(validator=lt.between(-1e6, 1e6))
    drops: list[float] = field(validator=deep_iterable(lt.between(0, 1)))
    label: str

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {"seed": self.seed}


@frozen
class Codec:
    """One that works, to be broken. With ``blobs``, drops and label are a blob each."""

    uses_blobs: ClassVar[bool] = False
    kind: str = "mist.v1"
    state_type: type[Mist] = Mist

    def encode(self, value: Mist, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        fields = lt.unstructure(value)
        if self.uses_blobs and blobs is not None:
            for name in ("drops", "label"):
                fields[name] = {"blob": blobs.put(self.packed(fields[name]))}
        return lt.ContinuationState(self.kind, {"schema_version": 1, "state": fields})

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> Mist:
        if state.kind != self.kind:
            self.refuse_kind()
        payload = self.checked(state.payload)
        fields = {n: self.fetched(n, v, blobs) for n, v in payload["state"].items()}
        return self.made(fields)

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        values = self.checked(state.payload)["state"].values()
        return tuple(value["blob"] for value in values if self.is_reference(value))

    def refuse_kind(self) -> None:
        raise lt.ValidationError("state.kind", "is of another codec")

    def checked(self, payload: Any) -> dict[str, Any]:
        if not isinstance(payload, dict):
            raise lt.ValidationError("state.payload", "is no object")
        version = payload.get("schema_version")
        if type(version) is not int or not self.reads(version):
            raise lt.ValidationError("state.payload.schema_version", "is not 1")
        if payload.keys() != {"schema_version", "state"} or type(payload["state"]) is not dict:
            raise lt.ValidationError("state.payload", "must have an object 'state' and no more")
        self.check_ids(payload["state"])
        return payload

    def check_ids(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            if self.is_reference(value):
                lt.check_blob_id(value["blob"], f"state.payload.state.{name}.blob")

    def reads(self, version: int) -> bool:
        return version == 1

    def is_reference(self, value: object) -> bool:
        match value:
            case {"blob": str(), **others} if not others and self.uses_blobs:
                return True
        return False

    def fetched(self, name: str, value: Any, blobs: lt.BlobStore | None) -> Any:
        if not self.is_reference(value):
            return value
        path = f"state.payload.state.{name}.blob"
        if blobs is None:
            raise lt.ValidationError(path, "is in a blob store; give the store")
        try:
            return self.unpacked(self.read(value["blob"], blobs))
        except lt.BlobNotFound as error:
            raise self.missing(path, error) from error
        except (ValueError, RecursionError) as error:
            raise lt.ValidationError(path, f"is not what was written: {error}") from error

    def missing(self, path: str, error: lt.BlobNotFound) -> lt.ValidationError:
        return lt.ValidationError(path, f"is not in the store: {error}")

    def packed(self, value: Any) -> bytes:
        return json.dumps(value).encode()

    def unpacked(self, data: bytes) -> Any:
        return json.loads(data)

    def read(self, blob_id: str, blobs: lt.BlobStore) -> bytes:
        return bytes(blobs.get(blob_id))

    def made(self, fields: dict[str, Any]) -> Mist:
        return lt.structure(fields, Mist, path="state.payload.state")


class Planted(CodecContract):
    """``fails``: the test that names what is wrong with ``broken``."""

    MANY = 10_000

    broken: ClassVar[type[Codec]] = Codec
    fails: ClassVar[str] = ""

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return self.broken()


class TestNothing(Planted):
    pass


class CodecWithBlobs(Codec):
    uses_blobs = True


class TestNothingWithBlobs(Planted):
    broken = CodecWithBlobs


class TestDropsUnknownFields(Planted):
    fails = "test_unknown_fields_survive_or_are_refused"

    class broken(Codec):  # noqa: N801
        def made(self, fields: dict[str, Any]) -> Mist:
            known = {field.name for field in attrs.fields(Mist)}
            return super().made({n: v for n, v in fields.items() if n in known})


class TestAcceptsNaN(Planted):
    fails = "test_numbers_that_json_does_not_have_are_refused"

    class broken(Codec):  # noqa: N801
        def made(self, fields: dict[str, Any]) -> Mist:
            wind = fields.get("wind")
            if not isinstance(wind, float) or math.isfinite(wind):
                return super().made(fields)
            made = super().made(fields | {"wind": 0.0})
            object.__setattr__(made, "wind", wind)
            return made


class TestRaisesKeyError(Planted):
    fails = "test_missing_fields_are_refused_or_have_a_default"

    class broken(Codec):  # noqa: N801
        def made(self, fields: dict[str, Any]) -> Mist:
            made = super().made({"wind": 0.0, **fields})
            fields["wind"]
            return made


class TestTakesNumbersForText(Planted):
    fails = "test_fields_of_another_type_are_refused"

    class broken(Codec):  # noqa: N801
        def made(self, fields: dict[str, Any]) -> Mist:
            if isinstance(fields.get("label"), int):
                fields["label"] = str(fields["label"])
            return super().made(fields)


class TestTripsOverASurrogate(Planted):
    fails = "test_odd_texts_are_refused_or_kept"

    class broken(Codec):  # noqa: N801
        def made(self, fields: dict[str, Any]) -> Mist:
            label = fields.get("label")
            if isinstance(label, str):
                label.encode()
            return super().made(fields)


class TestSummarizesAnotherSegment(Planted):
    fails = "test_the_summary_is_of_the_state"

    class broken(Codec):  # noqa: N801
        def summarize(
            self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None
        ) -> lt.StateSummary:
            return lt.StateSummary(1, self.decode(state, blobs).segment_index + 1, ())


class TestSaysNoVersion(Planted):
    fails = "test_payloads_say_their_version"

    class broken(Codec):  # noqa: N801
        def encode(self, value: Mist, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
            return lt.ContinuationState(self.kind, {"state": lt.unstructure(value)})

        def checked(self, payload: Any) -> dict[str, Any]:
            if not isinstance(payload, dict) or "schema_version" in payload:
                raise lt.ValidationError("state.payload", "is no payload of this codec")
            return super().checked({"schema_version": 1, **payload})


class TestTurnsNegativeNumbers(Planted):
    fails = "test_extreme_numbers_are_refused_or_kept"

    class broken(Codec):  # noqa: N801
        def made(self, fields: dict[str, Any]) -> Mist:
            if fields.get("count") == -1:
                fields["count"] = 1
            return super().made(fields)


class TestAllocatesWhatIsDeclared(Planted):
    fails = "test_memory_is_bounded_by_the_document"

    class broken(Codec):  # noqa: N801
        def made(self, fields: dict[str, Any]) -> Mist:
            made = super().made(fields)
            bytearray(made.count)
            return made


class TestOverflowsItsStack(Planted):
    fails = "test_big_values_are_refused_or_kept"

    class broken(Codec):  # noqa: N801
        def made(self, fields: dict[str, Any]) -> Mist:
            json.dumps(fields)
            return super().made(fields)


class TestTakesAnyTextForAnId(Planted):
    fails = "test_what_is_no_id_is_refused_with_and_without_a_store"

    class broken(CodecWithBlobs):  # noqa: N801
        def check_ids(self, fields: dict[str, Any]) -> None:
            pass


class TestReadsOtherBlobs(Planted):
    fails = "test_decoding_reads_only_the_blobs_that_blob_ids_names"

    class broken(CodecWithBlobs):  # noqa: N801
        def read(self, blob_id: str, blobs: lt.BlobStore) -> bytes:
            thumbnail = blob_id[::-1]
            with contextlib.suppress(lt.BlobNotFound):
                blobs.get(thumbnail)
            return super().read(blob_id, blobs)


class TestForgetsABlob(Planted):
    fails = "test_blob_ids_name_the_blobs_that_were_put"

    class broken(CodecWithBlobs):  # noqa: N801
        def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
            return super().blob_ids(state)[:1]


class TestHidesWhichBlobIsMissing(Planted):
    fails = "test_a_missing_blob_is_named"

    class broken(CodecWithBlobs):  # noqa: N801
        def missing(self, path: str, error: lt.BlobNotFound) -> lt.ValidationError:
            return lt.ValidationError("state.payload", "cannot be read")


class TestTellsBlobIds(Planted):
    fails = "test_errors_keep_blob_ids_secret"

    class broken(CodecWithBlobs):  # noqa: N801
        def fetched(self, name: str, value: Any, blobs: lt.BlobStore | None) -> Any:
            if self.is_reference(value) and blobs is not None and value["blob"] not in blobs:
                raise lt.ValidationError(f"state.payload.state.{name}", f"{value} is not there")
            return super().fetched(name, value, blobs)


class TestIgnoresWhatFollows(Planted):
    fails = "test_damaged_blobs_are_refused"

    class broken(CodecWithBlobs):  # noqa: N801
        def unpacked(self, data: bytes) -> Any:
            return json.JSONDecoder().raw_decode(data.decode())[0]


class TestReadsBlobsWithoutAStore(Planted):
    fails = "test_without_its_store_a_state_is_refused_or_keeps_its_references"

    class broken(CodecWithBlobs):  # noqa: N801
        def fetched(self, name: str, value: Any, blobs: lt.BlobStore | None) -> Any:
            if self.is_reference(value) and blobs is None:
                return {"drops": [], "label": ""}.get(name, value)
            return super().fetched(name, value, blobs)


class TestCrashesOnBrokenText(Planted):
    fails = "test_flipped_bits_in_blobs_are_refused_or_harmless"

    class broken(CodecWithBlobs):  # noqa: N801
        def read(self, blob_id: str, blobs: lt.BlobStore) -> bytes:
            data = super().read(blob_id, blobs)
            if len(data) > 2 and data[0] in b"\xdb\xa2" and data[1:2] not in b"\xff":
                raise AssertionError("no text of this codec begins like this")
            return data


class TestChangesThePayload(Planted):
    fails = "test_decoding_does_not_change_the_document"

    class broken(Codec):  # noqa: N801
        def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> Mist:
            value = super().decode(state, blobs)
            del state.payload["schema_version"]
            return value


class TestReadsVersionZero(Planted):
    fails = "test_other_versions_are_refused"

    class broken(Codec):  # noqa: N801
        def reads(self, version: int) -> bool:
            return version <= 1 and version >= 0


class TestLosesPrecision(Planted):
    fails = "test_states_survive_being_written_inline"

    class broken(Codec):  # noqa: N801
        def encode(self, value: Mist, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
            rounded = min(int(float(value.seed)), 2**64 - 2**11)
            return super().encode(attrs.evolve(value, seed=rounded), blobs)


class TestWritesBlobsInAnotherWay(Planted):
    fails = "test_states_survive_being_written_with_a_store"

    class broken(CodecWithBlobs):  # noqa: N801
        def packed(self, value: Any) -> bytes:
            return super().packed(f"{value} " if isinstance(value, str) else value)


class TestPickles(Planted):
    fails = "test_nothing_is_unpickled"

    class broken(Codec):  # noqa: N801
        def encode(self, value: Mist, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
            state = super().encode(value, blobs)
            state.payload["state"]["label"] = base64.b64encode(pickle.dumps(value.label)).decode()
            return state

        def made(self, fields: dict[str, Any]) -> Mist:
            if isinstance(fields.get("label"), str):
                try:
                    label = pickle.loads(base64.b64decode(fields["label"], validate=True))
                except Exception as error:
                    raise lt.ValidationError("state.payload.state.label", str(error)) from error
                fields = fields | {"label": label}
            return super().made(fields)


class TestWritesTuples(Planted):
    fails = "test_payloads_are_plain_json"

    class broken(Codec):  # noqa: N801
        def encode(self, value: Mist, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
            state = super().encode(value, blobs)
            state.payload["state"]["drops"] = tuple(value.drops)
            return state


class TestNamesTheKindWrongly(Planted):
    fails = "test_another_kind_is_refused"

    class broken(Codec):  # noqa: N801
        def refuse_kind(self) -> None:
            raise ValueError("not mine")


class TestTakesAListForAPayload(Planted):
    fails = "test_payloads_of_another_type_are_refused"

    class broken(Codec):  # noqa: N801
        def checked(self, payload: Any) -> dict[str, Any]:
            if isinstance(payload, list):
                payload = payload[0]
            return super().checked(payload)


class TestSaysNonsenseOfTheTake(Planted):
    fails = "test_states_say_where_their_take_is"

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return lt.AttrsCodec("mist.v1", Misty)


@frozen
class Windy(Mist):
    wind: float


class TestBoundsNoFloat(Planted):
    fails = "test_numbers_without_a_bound_are_refused"

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return lt.AttrsCodec("windy.v1", Windy)


@frozen
class Countless(Mist):
    count: int


class TestBoundsNoCount(TestBoundsNoFloat):
    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return lt.AttrsCodec("countless.v1", Countless)


@frozen
class Misty(Mist):
    @property
    def take_defaults(self) -> dict[str, Any]:
        return {"frames_per_second": 24}


@frozen(eq=False)
class Cloud:
    """``density``: ``[N]`` float32."""

    segment_index: int = field(validator=lt.between(0, 2**53))
    density: Any

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {}


@frozen
class ArrayCodec:
    """One that works over an array, with a digest of it."""

    kind: str = "cloud.v1"
    state_type: type[Cloud] = Cloud

    def encode(self, value: Cloud, blobs: lt.BlobStore | None = None) -> lt.ContinuationState:
        data = value.density.astype("<f4").tobytes()
        payload = {
            "schema_version": 1,
            "segment_index": value.segment_index,
            "density": base64.b64encode(data).decode(),
            "digest": hashlib.sha256(data).hexdigest(),
        }
        return lt.ContinuationState(self.kind, payload)

    def decode(self, state: lt.ContinuationState, blobs: lt.BlobStore | None = None) -> Cloud:
        if state.kind != self.kind:
            raise lt.ValidationError("state.kind", "is of another codec")
        match state.payload:
            case {
                "schema_version": int(version),
                "segment_index": int(index),
                "density": str(text),
                "digest": str(digest),
                **others,
            } if not others and type(version) is int and version == 1 and type(index) is int:
                pass
            case _:
                raise lt.ValidationError("state.payload", "is not what was written")
        density = self.array(text, digest)
        if not self.is_density(density):
            raise lt.ValidationError("state.payload.density", "must be from 0 to 1")
        if not 0 <= index <= 2**53:
            raise lt.ValidationError("state.payload.segment_index", "is out of range")
        return Cloud(index, density)

    def array(self, text: str, digest: str) -> Any:
        import numpy as np

        try:
            data = base64.b64decode(text, validate=True)
        except ValueError as error:
            raise lt.ValidationError("state.payload.density", f"is no base64: {error}") from error
        if hashlib.sha256(data).hexdigest() != digest or len(data) % 4:
            raise lt.ValidationError("state.payload.digest", "is of another array")
        return np.frombuffer(data, "<f4").copy()

    def is_density(self, density: Any) -> bool:
        return bool(((density >= 0) & (density <= 1)).all())

    def blob_ids(self, state: lt.ContinuationState) -> tuple[str, ...]:
        self.decode(state)
        return ()


class TestNothingWithArrays(Planted):
    broken: ClassVar[Any] = ArrayCodec

    @pytest.fixture
    def typed_states(self) -> st.SearchStrategy[Cloud]:
        import numpy as np

        numbers = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=9)
        arrays = numbers.map(lambda values: np.array(values, np.float32))
        return st.builds(Cloud, st.integers(0, 2**53), arrays)


class TestReadsNaNInAnArray(TestNothingWithArrays):
    fails = "test_absurd_numbers_in_arrays_are_refused"

    class broken(ArrayCodec):  # noqa: N801
        def is_density(self, density: Any) -> bool:
            return not bool(((density < 0) | (density > 1)).any())


class TestReadsTheLargestFloatInAnArray(TestNothingWithArrays):
    fails = "test_absurd_numbers_in_arrays_are_refused"

    class broken(ArrayCodec):  # noqa: N801
        def is_density(self, density: Any) -> bool:
            import numpy as np

            return bool(np.isfinite(density).all())


def planted(classes: Mapping[str, Any]) -> list[Any]:
    """The tests in a module that are about something broken, or about what is not."""
    return [each for name, each in classes.items() if name.startswith("Test")]
