"""The SDK's ready-made codec passes the contract of codecs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from attrs import field, frozen

import longtake as lt
from longtake.testing import CodecContract


@frozen
class Dot:
    x: float = field(validator=lt.between(-1e6, 1e6))
    y: float = field(default=0.0, validator=lt.between(-1, 1))


@frozen
class Edge:
    pixels: int = field(validator=lt.between(1, 4096))


@frozen
class Rain:
    segment_index: int = field(validator=lt.between(0, 2**53))
    seed: int = field(validator=lt.between(0, 2**64 - 1))
    fps: Fraction = field(validator=lt.between(1, 1000))
    drops: tuple[Dot, ...]
    size: tuple[Edge, Edge]
    name: str | None
    noise: bytes
    heavy: bool

    @property
    def take_defaults(self) -> dict[str, Any]:
        return {"seed": self.seed, "fps": self.fps}


class TestInlineCodec(CodecContract):
    MANY = 100_000

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return lt.AttrsCodec("rain.v1", Rain)


class TestCodecWithBlobs(CodecContract):
    MANY = 100_000

    @pytest.fixture
    def codec(self) -> lt.ContinuationCodec[Any]:
        return lt.AttrsCodec("rain.v1", Rain, blob_from=0)
