"""From a request to a prepared one: everything is read and resolved once, without the device."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from longtake.blobs.protocol import BlobStore
from longtake.errors import Blaming, PluginError, ValidationError
from longtake.families.family import ModelFamily
from longtake.families.models import LoadedModel
from longtake.families.places import Placing, SegmentPlace, placing_of
from longtake.families.presets import Preset
from longtake.families.stages import Recipe
from longtake.requests.decoded import DecodedInputs
from longtake.requests.request import GenerationRequest, Job
from longtake.runs.prepared import PreparedRequest
from longtake.runs.resolution import Resolved, resolve_request
from longtake.states.live import LiveState
from longtake.states.state import (
    ContinuationCodec,
    ContinuationState,
    SupportsModelFingerprint,
)

__all__ = ["Admission", "makes_no_state"]

_LONGEST_FINGERPRINT = 128


class Admission:
    """Prepares the requests of one family and preset; threads may share it.

    ``recipe``: the stages of a segment, as `ModelFamily.recipe` gives them. ``model``: its
    fingerprint is asked for, its components are not.
    """

    def __init__(
        self, family: ModelFamily, preset: Preset, recipe: Recipe, model: LoadedModel
    ) -> None:
        self._family = family
        self._preset = preset
        self._recipe = recipe
        self._model = model
        self._id = secrets.token_hex(16)

    @cached_property
    def placing(self) -> Placing | None:
        """How segments are placed in their take; None in a family that does not say."""
        return placing_of(self._family)

    @cached_property
    def model_fingerprint(self) -> str | None:
        """Of the model. Raises `PluginError` for one that is no short text."""
        told = self._model.fingerprint
        fingerprint = told() if callable(told) else told
        if fingerprint is not None and not _is_fingerprint(fingerprint):
            raise PluginError(
                f"family {self._family.name!r}: the fingerprint of a model is a text of at most "
                f"{_LONGEST_FINGERPRINT} printable characters, is {fingerprint!r:.100}"
            )
        return fingerprint

    def restore(
        self,
        state: ContinuationState | LiveState,
        blobs: BlobStore | None = None,
        *,
        allow_other_model: bool = False,
    ) -> LiveState:
        """The state, restored. Raises `ValidationError` for one that is bad or another family's.

        One of another model is refused too, unless that is or was allowed.
        """
        if not isinstance(state, LiveState):
            codec = self._codec_of(state)
            state = LiveState(codec, blobs, document=state, allows_other_model=allow_other_model)
        self._codec_of(state)
        value = state.value()
        if not state.allows_other_model:
            self._check_model(value)
        return state

    def _check_model(self, state: Any) -> None:
        if not isinstance(state, SupportsModelFingerprint):
            return
        taken = state.model_fingerprint
        if taken is None or self.model_fingerprint in (None, taken):
            return
        raise ValidationError(
            "state",
            f"is of a take of the model {taken!s:.{_LONGEST_FINGERPRINT}}, and this one is "
            f"{self.model_fingerprint}: load the take's own, or restore the state with "
            "allow_other_model=True (--allow-other-model) to go on with this one",
        )

    def resolve(
        self, request: GenerationRequest, after: LiveState | None, blobs: BlobStore | None
    ) -> Job:
        """The request with nothing left out."""
        return self._resolved(request, self._restored(request, after, blobs)).job

    def expected(self, request: GenerationRequest, after: LiveState | None) -> Resolved:
        """The request resolved without reading the state that it has; only ``after`` is read."""
        if after is not None or request.state is None:
            return self._resolved(request, after)
        return self._filled_in(request, 1, {})

    def prepare(
        self, request: GenerationRequest, after: LiveState | None, blobs: BlobStore | None
    ) -> PreparedRequest:
        """The request with all that it needs; what its stages refuse is not asked yet.

        ``after``: in the place of the request's own state. Raises `ValidationError`.
        """
        state = self._restored(request, after, blobs)
        resolved = self._resolved(request, state)
        if request.output.return_state and not self._family.codecs:
            raise makes_no_state(self._family)
        return PreparedRequest(
            request=request,
            job=resolved.job,
            options=resolved.options,
            state=state,
            place=self._placed(resolved.job, state),
            inputs=DecodedInputs(resolved.job.inputs),
            blobs=blobs,
            pipeline_id=self._id,
        )

    def values(self, prepared: PreparedRequest) -> dict[type, Any]:
        """What is there before the first stage of a prepared request, by type.

        Raises `ValidationError` for one that another pipeline prepared.
        """
        if prepared.pipeline_id != self._id:
            raise ValidationError(
                "request", "was prepared by another pipeline; only that one can run it"
            )
        values: dict[type, Any] = {DecodedInputs: prepared.inputs}
        if prepared.state is not None:
            values[self.state_type(prepared.state)] = prepared.state.value()
        if self.placing is not None:
            values[self.placing.makes] = prepared.place
        return values

    def num_frames_for(
        self,
        new_frames: int,
        request: GenerationRequest,
        after: LiveState | None,
        blobs: BlobStore | None,
    ) -> int:
        """How many frames a segment has that adds ``new_frames`` to the take of ``request``."""
        state = self._restored(request, after, blobs)
        place = self._placed(self._resolved(request, state).job, state)
        if not isinstance(place, SegmentPlace):
            raise ValidationError(
                "sampling.num_frames",
                f"family {self._family.name!r} does not tell how long its segments can be",
            )
        return place.num_frames_for(new_frames)

    def _restored(
        self, request: GenerationRequest, after: LiveState | None, blobs: BlobStore | None
    ) -> LiveState | None:
        given = request.state if after is None else after
        return None if given is None else self.restore(given, blobs)

    def _resolved(self, request: GenerationRequest, state: LiveState | None) -> Resolved:
        index, take_defaults = 0, {}
        if state is not None:
            restored = state.value()
            with Blaming(f"the typed state of {state.kind!r}"):
                index, take_defaults = restored.segment_index + 1, restored.take_defaults
        return self._filled_in(request, index, take_defaults)

    def _filled_in(
        self, request: GenerationRequest, segment_index: int, take_defaults: Mapping[str, Any]
    ) -> Resolved:
        return resolve_request(
            request,
            family=self._family,
            preset=self._preset,
            recipe=self._recipe,
            segment_index=segment_index,
            take_defaults=take_defaults,
        )

    def _placed(self, job: Job, state: LiveState | None) -> Any:
        if self.placing is None:
            return None
        restored = None if state is None else state.value()
        with Blaming(f"family {self._family.name!r}: its place"):
            place = self.placing.place(job, restored)
        if not isinstance(place, self.placing.makes):
            raise PluginError(
                f"family {self._family.name!r}: its place returned a {type(place).__name__} where "
                f"its annotation says {self.placing.makes.__name__}"
            )
        return place

    def state_type(self, state: ContinuationState | LiveState) -> type:
        """The class of the typed state. Raises `ValidationError` for another family's."""
        return self._codec_of(state).state_type

    def _codec_of(self, state: ContinuationState | LiveState) -> ContinuationCodec[Any]:
        codec = self._family.codec(state.kind)
        if codec is None:
            known = ", ".join(repr(codec.kind) for codec in self._family.codecs) or "none"
            raise ValidationError(
                "state.kind",
                f"{state.kind!r} is not a state of family {self._family.name!r}; it reads {known}",
            )
        return codec


def _is_fingerprint(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_FINGERPRINT and value.isprintable()


def makes_no_state(family: ModelFamily) -> ValidationError:
    """What is said to a request that wants a state where there is none."""
    return ValidationError("output.return_state", f"family {family.name!r} makes no state")
