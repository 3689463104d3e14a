"""Keeping a segment that was made: its blobs and media, and the commit by which it counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from attrs import evolve, frozen

from longtake.blobs.protocol import BlobStore
from longtake.errors import Blaming, HoldRevoked
from longtake.pipeline import Pipeline
from longtake.requests.request import GenerationRequest
from longtake.runs.results import GenerationResult
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment, new_attempt
from longtake.sessions.attempts import Attempt, OwnBlobs, Patience
from longtake.sessions.making import Once, RolledSegment
from longtake.sessions.media import MadeSegment, MediaSink, may_finish
from longtake.sessions.steps import preset_of, request_document, state_digest
from longtake.states.live import LiveState
from longtake.states.state import ContinuationState

__all__ = ["SegmentKeeper"]


@frozen(kw_only=True, eq=False)
class SegmentKeeper:
    """Keeps and commits the segment after a session's last.

    ``step``: its digest. ``request``: as it is rolled. ``versions``: what makes it. ``told_made``:
    is told that the pipeline has done its part. ``in_thread``: as of `SegmentMaker`. The others are
    as in `longtake.roll`.
    """

    sessions: SessionStore
    session: SessionRecord
    step: str
    request: GenerationRequest
    versions: Mapping[str, str]
    pipeline: Pipeline
    in_thread: Callable[[Callable[[], GenerationResult]], GenerationResult]
    blobs: BlobStore | None
    media: MediaSink | None
    worker: str
    told_made: Once
    lease_seconds: float
    patience: Patience

    def committed(self, result: GenerationResult) -> RolledSegment:
        """The segment with its blobs put, held, pinned, and committed; or nothing of all that.

        Raises `HoldRevoked` when a sweep was faster twice, and what the stores raise.
        """
        try:
            return self._committed(result)
        except HoldRevoked:
            return self._committed(result)  # once more, with blobs that are put again

    def _committed(self, result: GenerationResult) -> RolledSegment:
        own = None if self.blobs is None else OwnBlobs(self.blobs, self.lease_seconds)
        attempt = Attempt(
            self.sessions, own, hold_seconds=self.lease_seconds, patience=self.patience
        )
        try:
            result, state, segment = self._kept(result, own)
            attempt.take(segment.blob_ids)
        except BaseException:
            attempt.abandon()
            raise
        return self._advanced(evolve(segment, attempt=attempt.id), state, result, attempt)

    def _advanced(
        self,
        segment: SessionSegment,
        state: ContinuationState | None,
        result: GenerationResult,
        attempt: Attempt,
    ) -> RolledSegment:
        session = self.session
        committed = attempt.commit(
            lambda: self.sessions.advance(
                session.id, session.revision, segment, state, hold=attempt.hold
            )
        )
        after = evolve(
            session,
            revision=session.revision + 1,
            num_segments=session.num_segments + 1,
            last=committed,
            state=state,
        )
        return RolledSegment(session=after, segment=committed, result=result, is_new=True)

    def _kept(
        self, result: GenerationResult, own: OwnBlobs | None
    ) -> tuple[GenerationResult, ContinuationState | None, SessionSegment]:
        """The state written and the media kept, in blobs that nothing refers to yet."""
        if not (self.pipeline.family.finish and may_finish(self.media)):
            self.told_made()
        result, state, state_blobs = self._written(result, own)
        digest = None if state is None else state_digest(state, state_blobs, self.blobs)
        media = self._media(result, digest, own)
        self.told_made()
        new = () if own is None else own.ids
        blob_ids = dict.fromkeys([*state_blobs, *(each for each in media if each in new)])
        session = self.session
        segment = SessionSegment(
            index=session.num_segments,
            step=self.step,
            attempt=new_attempt(),  # until its blobs are held under another
            request=request_document(self.request),
            state_digest=digest,
            media=media,
            blob_ids=tuple(blob_ids),
            seconds=_seconds_of(result),
            made_by=self.worker,
            versions=dict(self.versions),
        )
        return result, state, segment

    def _written(
        self, result: GenerationResult, own: OwnBlobs | None
    ) -> tuple[GenerationResult, ContinuationState | None, Sequence[str]]:
        """The result with its state written, the state, and the ids of its blobs."""
        if result.live_state is None:
            return result, None, ()
        codec = self.pipeline.family.codec(result.live_state.kind)
        assert codec is not None  # it has been used to make the result
        with Blaming(f"the codec of {codec.kind!r}"):
            value = result.live_state.value()
            state = codec.encode(value, own)
            blob_ids = codec.blob_ids(state)
        live = LiveState(
            codec,
            self.blobs,
            value=value,
            document=state,
            allows_other_model=result.live_state.allows_other_model,
        )
        return evolve(result, live_state=live), state, blob_ids

    def _media(
        self, result: GenerationResult, state_digest: str | None, own: OwnBlobs | None
    ) -> tuple[str, ...]:
        if self.media is None:
            return ()
        session = self.session
        made = MadeSegment(
            session_id=session.id,
            index=session.num_segments,
            result=result,
            state_digest=state_digest,
            begins_after=None if session.last is None else session.last.state_digest,
            finish=self._finish(result.live_state),
            family=session.family,
            preset=preset_of(self.pipeline),
            model=self.pipeline.model_fingerprint,
            versions=self.versions,
        )
        return tuple(self.media.keep(made, own))

    def _finish(self, live: LiveState | None) -> Callable[[], GenerationResult] | None:
        if live is None or not self.pipeline.family.finish:
            return None
        return partial(self._finished, live)

    def _finished(self, live: LiveState) -> GenerationResult:
        try:
            return self.in_thread(partial(self.pipeline.finish, live, blobs=self.blobs))
        finally:
            self.told_made()


def _seconds_of(result: GenerationResult) -> float:
    if len(result.frames):
        return float(len(result.frames) / result.fps)
    if result.audio is not None and result.audio_sample_rate:
        return float(result.audio.shape[-1] / result.audio_sample_rate)
    return 0.0
