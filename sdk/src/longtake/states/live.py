"""The state of a take inside one process: typed, with its document made only when asked for."""

from __future__ import annotations

import threading
from typing import Any

from longtake.blobs.protocol import BlobStore
from longtake.errors import Blaming
from longtake.states.state import ContinuationCodec, ContinuationState

__all__ = ["LiveState"]


class LiveState:
    """A family's typed state and its `ContinuationState`, each made from the other at most once.

    Made by `Pipeline.restore`, and given as ``live_state`` of a `GenerationResult`. Whoever rolls
    the next segment in the same process goes on from the typed state, so nothing is encoded or
    decoded in between. Threads may share it, and go on from it while its document is being made.

    ``kind``: of the document. ``allows_other_model``: whether the take may go on with another model
    than the state is of.
    """

    def __init__(
        self,
        codec: ContinuationCodec[Any],
        blobs: BlobStore | None,
        *,
        value: Any = None,
        document: ContinuationState | None = None,
        allows_other_model: bool = False,
    ) -> None:
        self.kind = codec.kind
        self.allows_other_model = allows_other_model
        self._codec = codec
        self._blobs = blobs
        self._value = value
        self._document = document
        self._reading = threading.Lock()
        self._writing = threading.Lock()

    @property
    def has_document(self) -> bool:
        """Whether the document is there, so that `document` has nothing left to do."""
        return self._document is not None

    def value(self) -> Any:
        """The typed state.

        Raises what `ContinuationCodec.decode` raises, each time anew; `PluginError` for what it
        should not raise.
        """
        with self._reading:
            if self._value is None:
                with Blaming(f"the codec of {self.kind!r}"):
                    self._value = self._codec.decode(self._given(), self._blobs)
            return self._value

    def document(self) -> ContinuationState:
        """The state as plain JSON; its big parts are in the blob store when this returns.

        Raises what `ContinuationCodec.encode` and the store raise; it may be asked for again.
        """
        with self._writing:
            if self._document is None:
                with Blaming(f"the codec of {self.kind!r}"):
                    self._document = self._codec.encode(self._value, self._blobs)
            return self._document

    def _given(self) -> ContinuationState:
        assert self._document is not None  # it has one of the two from the beginning
        return self._document

    def __repr__(self) -> str:
        value = self._value  # read once: nothing is decoded to be shown
        where = "not read yet" if value is None else f"after segment {value.segment_index}"
        return f"<LiveState {self.kind!r}, {where}>"
