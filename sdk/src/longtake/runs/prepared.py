"""A request that has been checked, with everything that was read for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from longtake.blobs.protocol import BlobStore
from longtake.requests.decoded import DecodedInputs
from longtake.requests.request import GenerationRequest, Job
from longtake.states.live import LiveState

__all__ = ["PreparedRequest"]


@frozen(kw_only=True, eq=False)
class PreparedRequest:
    """What `Pipeline.check` returns, and `Pipeline.generate` and `Pipeline.stream` accept.

    It may wait for its turn for as long as it likes: nothing in it is on a device. It holds what
    was decoded, so let it go when it has run.

    - ``request``: as it was given.
    - ``job``: the request with nothing left out.
    - ``options``: an instance of every stage's options class, by stage name.
    - ``state``: the restored state that the segment goes on from; None for the first of a take.
    - ``place``: where the segment lies in its take, as the family's ``place`` says it; None
      without.
    - ``inputs``: its pictures, clips and sound.
    - ``blobs``: where the states' big parts are read and written; None when they are inline.
    - ``session_id``: of the session whose segment it is; ``traceparent``: of the trace that the run
      belongs to (W3C Trace Context); None where there is none. Observers are told.
    - ``pipeline_id``: of the pipeline that prepared it, which alone can run it.
    """

    request: GenerationRequest
    job: Job
    options: Mapping[str, Any]
    state: LiveState | None = None
    place: Any = field(default=None, repr=False)
    inputs: DecodedInputs = field(repr=False)
    blobs: BlobStore | None = None
    session_id: str | None = None
    traceparent: str | None = None
    pipeline_id: str = field(repr=False)
