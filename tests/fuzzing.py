"""Valid documents of every kind, mutations of them, and what may come of reading one.

A case is the JSON of a state and behind it the contents of its blobs ``blob-0``, ``blob-1``, ...,
with `SEPARATOR` between them; or an exported session (`tests.fuzzed_exports`).
"""

from __future__ import annotations

import base64
import binascii
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from attrs import cmp_using, field, frozen
from numpy.typing import NDArray

import longtake as lt
import longtake_pendulum
from longtake_ltx2.continuation import (
    EncodedPrefix,
    LTX2ContinuationCodec,
    LTX2ContinuationState,
    LTX2LatentsCodec,
)
from tests.fuzzed_exports import MARK, export_case, import_case

__all__ = ["CODECS", "SEPARATOR", "mutated", "outcome", "seeds"]

SEPARATOR = b"\n--blob--\n"
ROOT = Path(__file__).parent
JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**70), 10**400, 0.5, -0.0, 1e308, 1e-308),
    *("", "x", "..", "../../etc/passwd", "\ud800", "\0", "AAAA", "é" * 50, [], {}, [[]], {"": 0}),
)


@frozen
class Fog:
    """A state with a field of each kind that `longtake.AttrsCodec` reads."""

    density: float = field(default=0.5, validator=lt.between(0, 1))
    layers: tuple[int, ...] = (1, 2, 3)
    note: str = "mist"
    grain: NDArray[np.float32] = field(
        factory=lambda: np.zeros((3, 2), "float32"),
        validator=lt.array("float32", (None, 2), most=4096, low=-1, high=1),
        eq=cmp_using(eq=np.array_equal),
    )
    segment_index: int = field(default=0, validator=lt.between(0, 1_000_000))

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {}


FOG = lt.AttrsCodec("fog.v1", Fog, array_blob_from=0)


def _codecs() -> dict[str, lt.ContinuationCodec[Any]]:
    (family,) = longtake_pendulum.longtake_families()
    codecs: list[Any] = [LTX2ContinuationCodec(), LTX2LatentsCodec(), FOG, *family.codecs]
    return {codec.kind: codec for codec in codecs}


CODECS = _codecs()


class Blobs:
    """A store of the blobs of a case."""

    def __init__(self, contents: list[bytes]) -> None:
        self.contents = {f"blob-{index}": each for index, each in enumerate(contents)}

    def put(self, data: Any, *, mime: str = "") -> str:
        blob_id = f"blob-{len(self.contents)}"
        self.contents[blob_id] = bytes(data)
        return blob_id

    def get(self, blob_id: str) -> bytes:
        if blob_id not in self.contents:
            raise lt.BlobNotFound("there is no such blob")
        return self.contents[blob_id]

    def drop(self, blob_id: str) -> None:
        self.contents.pop(blob_id, None)

    def __contains__(self, blob_id: object) -> bool:
        return blob_id in self.contents


def seeds() -> list[bytes]:
    """A valid case of every kind, inline and with blobs."""
    found = [path.read_bytes() for path in sorted(ROOT.glob("contrib/states/*.json"))]
    documents = [_unwrapped(each) for each in found]
    for folder in sorted((ROOT / "ltx2" / "wire" / "ltx2.v1").iterdir()):
        codec = LTX2ContinuationCodec(inline_threshold_bytes=0)
        state = lt.ContinuationState.from_json((folder / "state.json").read_bytes())
        given, blobs = Blobs([]), Blobs([])
        given.contents = {file.stem: file.read_bytes() for file in folder.glob("*.blob")}
        stored = codec.encode(codec.decode(state, given), blobs).to_json().encode()
        documents.append(SEPARATOR.join([stored, *blobs.contents.values()]))
        if not given.contents:
            documents.append(state.to_json().encode())
    for fog in (FOG, FOG.evolve(array_blob_from=None), FOG.evolve(blob_from=0)):
        documents.append(_written(fog, Fog()))
    return [*documents, *_encoded_prefixes(), SEPARATOR.join(export_case())]


def _encoded_prefixes() -> list[bytes]:
    """States of ``ltx2.v2``: with latents of one and of two passes, beside frames and alone."""
    import torch

    latents = tuple(torch.zeros(1, 4, 2, side, side, dtype=torch.bfloat16) for side in (1, 2))
    one, two = EncodedPrefix(latents[1:], "vae-1"), EncodedPrefix(latents, "vae-1")
    frames = tuple(np.zeros((64, 64, 3), "uint8") for _ in range(9))
    alone = [LTX2ContinuationState(video_latents=prefix) for prefix in (one, two)]
    both = LTX2ContinuationState(video_latents=two, video_frames=frames)
    inline, stored = LTX2LatentsCodec(), LTX2LatentsCodec(inline_threshold_bytes=0)
    cases = [(codec, state) for codec in (inline, stored) for state in (*alone, both)]
    return [_written(codec, state) for codec, state in cases]


def _written(codec: lt.ContinuationCodec[Any], state: Any) -> bytes:
    blobs = Blobs([])
    text = codec.encode(state, blobs).to_json().encode()
    return SEPARATOR.join([text, *blobs.contents.values()])


def _unwrapped(text: bytes) -> bytes:
    document = json.loads(text)
    return json.dumps(document.get("state", document)).encode()


def outcome(case: bytes) -> str:
    """``"read"`` or ``"refused"``; whatever else a reader raises passes through."""
    text, *contents = case.split(SEPARATOR)
    is_export = contents[:1] == [MARK]
    documented = (lt.ValidationError, lt.UnknownNameError) if is_export else lt.ValidationError
    try:
        if is_export:
            import_case(text, contents[1:])
            return "read"
        state = lt.ContinuationState.from_json(text)
        codec = CODECS.get(state.kind)
        if codec is None:
            return "refused"
        codec.blob_ids(state)
        codec.decode(state, Blobs(contents))
    except documented as error:
        assert len(str(error)) < 4000, "an error that cannot be logged"
        return "refused"
    return "read"


def mutated(case: bytes, chance: random.Random) -> bytes:
    """``case`` with one to three changes: of bytes, of the structure of the JSON, or of a value."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        text, *contents = case.split(SEPARATOR)
        if contents and chance.random() < 0.4:
            place = chance.randrange(len(contents))
            contents[place] = _file(contents[place], chance)
        elif chance.random() < 0.3:
            text = _bytes(text, chance)
        else:
            text = _json(text, chance)
        case = SEPARATOR.join([text, *contents])
    return case


def _bytes(content: bytes, chance: random.Random) -> bytes:
    changed, at = bytearray(content), chance.randrange(len(content) + 1)
    length = min(chance.choice((0, 1, 1, 4, 64)), len(content) - at)
    kind = chance.randrange(4)
    if kind == 0:
        changed[at : at + length] = chance.randbytes(length)
    elif kind == 1:
        del changed[at : at + max(1, length)]
    elif kind == 2:
        changed[at:at] = changed[at : at + length] * chance.choice((1, 2, 500))
    else:
        changed[at : at + 1] = chance.choice((b"[", b"{", b'"', b"\\", b"1e999", b"\xff", b"\0"))
    return bytes(changed)


def _file(content: bytes, chance: random.Random) -> bytes:
    """A PNG file with another header and its right checksum, or bytes changed anywhere."""
    at = content.find(b"IHDR")
    if at < 0 or chance.random() < 0.5:
        return _bytes(content, chance)
    header = bytearray(content[at : at + 17])
    place = chance.randrange(4, 17)
    header[place] = chance.choice((0, 1, 2, 8, 16, 127, 255))
    checksum = zlib.crc32(header).to_bytes(4, "big")
    return content[:at] + bytes(header) + checksum + content[at + 21 :]


def _json(text: bytes, chance: random.Random) -> bytes:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return _bytes(text, chance)
    places = _places(document)
    if not places:
        return _bytes(text, chance)
    parent, key = chance.choice(places)
    try:
        parent[key] = chance.choice(_CHANGES)(parent[key], chance, places)
        if chance.random() < 0.1:
            del parent[key]
        return json.dumps(document).encode()
    except (ValueError, OverflowError, RecursionError):  # a number or a depth that Python has not
        return _bytes(text, chance)


def _places(document: Any) -> list[tuple[Any, Any]]:
    places: list[tuple[Any, Any]] = []
    left = [document]
    while left and len(places) < 5000:
        each = left.pop()
        if isinstance(each, dict | list):
            keys: Any = list(each) if isinstance(each, dict) else range(len(each))
            places += [(each, key) for key in keys]
            left += [each[key] for key in keys]
    return places


def _junk(value: Any, chance: random.Random, places: Any) -> Any:
    return chance.choice(JUNK)


def _another(value: Any, chance: random.Random, places: Any) -> Any:
    parent, key = chance.choice(places)
    return json.loads(json.dumps(parent[key]))


def _deep(value: Any, chance: random.Random, places: Any) -> Any:
    for _ in range(chance.choice((2, 100, 200, 400))):
        value = {"a": value} if chance.random() < 0.5 else [value]
    return value


def _many(value: Any, chance: random.Random, places: Any) -> Any:
    return [value] * chance.choice((2, 100, 5000)) if len(json.dumps(value)) < 200 else [value] * 3


def _near(value: Any, chance: random.Random, places: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return chance.choice(JUNK)
    if isinstance(value, int | float):
        return chance.choice((value + 1, value - 1, -value, value * 2**20, value + 0.5))
    if isinstance(value, dict):
        return value | {chance.choice(("x", "", "longtake", "blob", "é")): chance.choice(JUNK)}
    if isinstance(value, str):
        return _text(value, chance)
    return value[: len(value) // 2]


def _text(value: str, chance: random.Random) -> str:
    """Another text; where it is a file in base64, another file."""
    try:
        file = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        file = b""
    if len(file) > 20:
        return base64.b64encode(_file(file, chance)).decode()
    return _bytes(value.encode("utf-8", "replace"), chance).decode("utf-8", "replace")


Change = Callable[[Any, random.Random, Any], Any]
_CHANGES: tuple[Change, ...] = (_junk, _near, _near, _near, _another, _deep, _many)
