"""The contract of continuation codecs."""

from __future__ import annotations

from longtake.testing.codecs.arrays import ArrayContract
from longtake.testing.codecs.blobs import BlobContract
from longtake.testing.codecs.refusals import RefusalContract
from longtake.testing.codecs.round_trips import RoundTripContract

__all__ = ["CodecContract"]


class CodecContract(RoundTripContract, BlobContract, RefusalContract, ArrayContract):
    """What every codec of states must do. Subclass it and fill the fixture ``codec``::

        class TestFogCodec(CodecContract):
            @pytest.fixture
            def codec(self):
                return FogCodec()

    Overridable: the fixture ``typed_states``, a hypothesis strategy of typed states, which is made
    from the fields of an attrs class that has a JSON schema; and ``same(one, other)``, whether two
    typed states are the same, which compares all fields and all elements of arrays. Class
    attributes: ``IGNORES_UNKNOWN_IN``, names of objects of the payload whose unknown fields the
    format lets readers ignore; ``MANY``, how many items the longest lists that are tried have.
    """
