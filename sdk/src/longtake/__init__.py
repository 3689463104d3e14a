"""Longtake: generative video that never has to stop.

A take grows segment by segment; everything that the next segment needs is a small, versioned,
portable value, `ContinuationState`. Everything public is here and imported when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longtake.blobs.encrypted import EncryptedBlobStore as EncryptedBlobStore
    from longtake.blobs.leases import SupportsLeases as SupportsLeases
    from longtake.blobs.leases import leasing as leasing
    from longtake.blobs.powers import BlobPath as BlobPath
    from longtake.blobs.powers import BlobStat as BlobStat
    from longtake.blobs.powers import SupportsClose as SupportsClose
    from longtake.blobs.powers import SupportsListing as SupportsListing
    from longtake.blobs.powers import SupportsPath as SupportsPath
    from longtake.blobs.powers import SupportsRange as SupportsRange
    from longtake.blobs.powers import SupportsRenewal as SupportsRenewal
    from longtake.blobs.powers import SupportsStat as SupportsStat
    from longtake.blobs.protocol import BlobBackend as BlobBackend
    from longtake.blobs.protocol import BlobStore as BlobStore
    from longtake.blobs.records.backend import BlobRecords as BlobRecords
    from longtake.blobs.records.store import RecordBlobStore as RecordBlobStore
    from longtake.blobs.tenants import TenantBlobStore as TenantBlobStore
    from longtake.blobs.urls import local_path as local_path
    from longtake.commands import Command as Command
    from longtake.dispatch.desk import OrderDesk as OrderDesk
    from longtake.dispatch.desk import OrderTicket as OrderTicket
    from longtake.dispatch.inprocess import InProcessDispatcher as InProcessDispatcher
    from longtake.dispatch.opening import open_dispatcher as open_dispatcher
    from longtake.dispatch.opening import open_dispatcher_pool as open_dispatcher_pool
    from longtake.dispatch.pipeline_spec import PipelineSpec as PipelineSpec
    from longtake.dispatch.protocol import Dispatcher as Dispatcher
    from longtake.dispatch.protocol import DispatcherPool as DispatcherPool
    from longtake.dispatch.protocol import DispatcherStatus as DispatcherStatus
    from longtake.dispatch.protocol import OrderCancelled as OrderCancelled
    from longtake.dispatch.protocol import OrderDone as OrderDone
    from longtake.dispatch.protocol import OrderEvent as OrderEvent
    from longtake.dispatch.protocol import OrderFailed as OrderFailed
    from longtake.dispatch.protocol import OrderProgress as OrderProgress
    from longtake.dispatch.protocol import OrderQueued as OrderQueued
    from longtake.dispatch.protocol import OrderStarted as OrderStarted
    from longtake.dispatch.protocol import StepOrder as StepOrder
    from longtake.dispatch.protocol import WorkerStatus as WorkerStatus
    from longtake.dispatch.working import Roller as Roller
    from longtake.dispatchers import DispatcherBackend as DispatcherBackend
    from longtake.doctor.heavy import heavy_modules as heavy_modules
    from longtake.errors import AuthenticatorUnavailable as AuthenticatorUnavailable
    from longtake.errors import BlobCorrupt as BlobCorrupt
    from longtake.errors import BlobError as BlobError
    from longtake.errors import BlobNotFound as BlobNotFound
    from longtake.errors import BlobStoreFull as BlobStoreFull
    from longtake.errors import BlobStoreUnavailable as BlobStoreUnavailable
    from longtake.errors import BlobTooLarge as BlobTooLarge
    from longtake.errors import Cancelled as Cancelled
    from longtake.errors import CheckpointError as CheckpointError
    from longtake.errors import Conflict as Conflict
    from longtake.errors import DispatcherClosed as DispatcherClosed
    from longtake.errors import HoldRevoked as HoldRevoked
    from longtake.errors import InvalidBlobId as InvalidBlobId
    from longtake.errors import InvalidSessionId as InvalidSessionId
    from longtake.errors import LongtakeError as LongtakeError
    from longtake.errors import MissingDependencyError as MissingDependencyError
    from longtake.errors import NameClashError as NameClashError
    from longtake.errors import OutputError as OutputError
    from longtake.errors import PipelineClosedError as PipelineClosedError
    from longtake.errors import PluginError as PluginError
    from longtake.errors import SessionBusyError as SessionBusyError
    from longtake.errors import SessionError as SessionError
    from longtake.errors import SessionExists as SessionExists
    from longtake.errors import SessionNotFound as SessionNotFound
    from longtake.errors import SessionStoreFull as SessionStoreFull
    from longtake.errors import SessionStoreUnavailable as SessionStoreUnavailable
    from longtake.errors import SignatureError as SignatureError
    from longtake.errors import StageError as StageError
    from longtake.errors import UnknownNameError as UnknownNameError
    from longtake.errors import ValidationError as ValidationError
    from longtake.errors import WiringError as WiringError
    from longtake.families.edits import RecipeEdit as RecipeEdit
    from longtake.families.estimates import EstimateRequest as EstimateRequest
    from longtake.families.estimates import PassEstimate as PassEstimate
    from longtake.families.estimates import RunEstimate as RunEstimate
    from longtake.families.estimates import SegmentEstimate as SegmentEstimate
    from longtake.families.estimates import StageEstimate as StageEstimate
    from longtake.families.estimates import SupportsEstimate as SupportsEstimate
    from longtake.families.estimates import ValueEstimate as ValueEstimate
    from longtake.families.estimates import estimate_stage as estimate_stage
    from longtake.families.extensions import Extension as Extension
    from longtake.families.extensions import JoinedExtension as JoinedExtension
    from longtake.families.family import ModelFamily as ModelFamily
    from longtake.families.models import LoadedModel as LoadedModel
    from longtake.families.models import LoadProgress as LoadProgress
    from longtake.families.models import ModelSource as ModelSource
    from longtake.families.models import Recognition as Recognition
    from longtake.families.places import MeasuredTake as MeasuredTake
    from longtake.families.places import SegmentPlace as SegmentPlace
    from longtake.families.presets import Preset as Preset
    from longtake.families.published import PublishedCheckpoint as PublishedCheckpoint
    from longtake.families.stages import PipelineStage as PipelineStage
    from longtake.families.stages import Recipe as Recipe
    from longtake.families.stages import StageSpec as StageSpec
    from longtake.families.takes import TakeSpan as TakeSpan
    from longtake.families.takes import TakeState as TakeState
    from longtake.hookspecs import hookimpl as hookimpl
    from longtake.keys import KeyRing as KeyRing
    from longtake.loading import load as load
    from longtake.media.contact_sheet import SegmentView as SegmentView
    from longtake.media.contact_sheet import contact_sheet as contact_sheet
    from longtake.pipeline import Pipeline as Pipeline
    from longtake.plugins.registry import Registry as Registry
    from longtake.plugins.stores import open_authenticator as open_authenticator
    from longtake.plugins.stores import open_blob_store as open_blob_store
    from longtake.plugins.stores import open_session_store as open_session_store
    from longtake.plugins.stores import watch_blob_stores as watch_blob_stores
    from longtake.requests.authenticators import Authenticator as Authenticator
    from longtake.requests.authenticators import AuthenticatorBackend as AuthenticatorBackend
    from longtake.requests.decoded import DecodedInputs as DecodedInputs
    from longtake.requests.inputs import AudioInput as AudioInput
    from longtake.requests.inputs import ClipInput as ClipInput
    from longtake.requests.inputs import ImageInput as ImageInput
    from longtake.requests.inputs import Inputs as Inputs
    from longtake.requests.masks import MaskInput as MaskInput
    from longtake.requests.references import ReferenceInput as ReferenceInput
    from longtake.requests.request import GenerationRequest as GenerationRequest
    from longtake.requests.request import Job as Job
    from longtake.requests.request import Output as Output
    from longtake.requests.request import ResolvedSampling as ResolvedSampling
    from longtake.requests.request import Sampling as Sampling
    from longtake.requests.sources import ClipFacts as ClipFacts
    from longtake.requests.sources import SourceInput as SourceInput
    from longtake.requests.statuses import http_status as http_status
    from longtake.requests.voices import VoiceInput as VoiceInput
    from longtake.runs.declared import Observer as Observer
    from longtake.runs.events import Event as Event
    from longtake.runs.events import Final as Final
    from longtake.runs.events import Partial as Partial
    from longtake.runs.events import Preview as Preview
    from longtake.runs.events import Progress as Progress
    from longtake.runs.events import RunEnded as RunEnded
    from longtake.runs.events import RunEvent as RunEvent
    from longtake.runs.events import RunStarted as RunStarted
    from longtake.runs.events import SegmentDone as SegmentDone
    from longtake.runs.events import StageEnded as StageEnded
    from longtake.runs.events import StageShare as StageShare
    from longtake.runs.events import StageStarted as StageStarted
    from longtake.runs.events import StepDone as StepDone
    from longtake.runs.prepared import PreparedRequest as PreparedRequest
    from longtake.runs.results import Frames as Frames
    from longtake.runs.results import GenerationResult as GenerationResult
    from longtake.runs.results import Stills as Stills
    from longtake.runs.results import UsedPrompt as UsedPrompt
    from longtake.runs.results import Waveform as Waveform
    from longtake.runs.run import Run as Run
    from longtake.schema.bounds import SupportsSchema as SupportsSchema
    from longtake.schema.bounds import between as between
    from longtake.schema.bounds import unique as unique
    from longtake.schema.frozen import Frozen as Frozen
    from longtake.schema.json_schema import json_schema as json_schema
    from longtake.schema.references import Reference as Reference
    from longtake.schema.wire import structure as structure
    from longtake.schema.wire import unstructure as unstructure
    from longtake.session_stores.backend import SessionBackend as SessionBackend
    from longtake.session_stores.protocol import SessionStore as SessionStore
    from longtake.session_stores.protocol import SupportsBranches as SupportsBranches
    from longtake.session_stores.protocol import SupportsClaims as SupportsClaims
    from longtake.session_stores.protocol import SupportsExpiry as SupportsExpiry
    from longtake.session_stores.protocol import SupportsHolds as SupportsHolds
    from longtake.session_stores.records import Claim as Claim
    from longtake.session_stores.records import Hold as Hold
    from longtake.session_stores.records import SessionParent as SessionParent
    from longtake.session_stores.records import SessionRecord as SessionRecord
    from longtake.session_stores.records import SessionSegment as SessionSegment
    from longtake.session_stores.rows import RowChange as RowChange
    from longtake.session_stores.rows import SessionRows as SessionRows
    from longtake.session_stores.store import RowSessionStore as RowSessionStore
    from longtake.sessions.branching import fork_session as fork_session
    from longtake.sessions.branching import rewind_session as rewind_session
    from longtake.sessions.exporting import export_session as export_session
    from longtake.sessions.importing import import_session as import_session
    from longtake.sessions.making import RolledSegment as RolledSegment
    from longtake.sessions.media import BlobMedia as BlobMedia
    from longtake.sessions.media import MadeSegment as MadeSegment
    from longtake.sessions.media import MediaSink as MediaSink
    from longtake.sessions.media import NeverFinishes as NeverFinishes
    from longtake.sessions.overlapping import roll_each as roll_each
    from longtake.sessions.rolling import roll as roll
    from longtake.sessions.session import Session as Session
    from longtake.sessions.steps import state_digest as state_digest
    from longtake.sessions.steps import step_digest as step_digest
    from longtake.sessions.sweeping import Swept as Swept
    from longtake.sessions.sweeping import sweep_sessions as sweep_sessions
    from longtake.settings import StateLimits as StateLimits
    from longtake.states.arrays import array as array
    from longtake.states.attrs_codec import AttrsCodec as AttrsCodec
    from longtake.states.budget import StateBudget as StateBudget
    from longtake.states.live import LiveState as LiveState
    from longtake.states.references import check_blob_id as check_blob_id
    from longtake.states.signing import StateSigner as StateSigner
    from longtake.states.state import ContinuationCodec as ContinuationCodec
    from longtake.states.state import ContinuationState as ContinuationState
    from longtake.states.state import StatePart as StatePart
    from longtake.states.state import StateSummary as StateSummary
    from longtake.states.state import SupportsModelFingerprint as SupportsModelFingerprint
    from longtake.states.state import SupportsSummary as SupportsSummary
    from longtake.takes.joining import join_takes as join_takes
    from longtake.takes.notes import read_take_record as read_take_record
    from longtake.takes.record import SegmentRecord as SegmentRecord
    from longtake.takes.record import TakeRecord as TakeRecord
    from longtake.takes.record import TakeRequest as TakeRequest
    from longtake.takes.signing import sign_take as sign_take
    from longtake.takes.streaming import StreamedSegment as StreamedSegment
    from longtake.takes.streaming import StreamState as StreamState
    from longtake.takes.streaming import stream_end as stream_end
    from longtake.takes.streaming import stream_segment as stream_segment
    from longtake.takes.writer import TakeWriter as TakeWriter
else:
    _MODULES = {
        "blobs.encrypted": "EncryptedBlobStore",
        "blobs.leases": "SupportsLeases leasing",
        "blobs.powers": (
            "BlobPath BlobStat SupportsClose SupportsListing SupportsPath SupportsRange "
            "SupportsRenewal SupportsStat"
        ),
        "blobs.protocol": "BlobBackend BlobStore",
        "blobs.records.backend": "BlobRecords",
        "blobs.records.store": "RecordBlobStore",
        "blobs.tenants": "TenantBlobStore",
        "blobs.urls": "local_path",
        "commands": "Command",
        "dispatch.desk": "OrderDesk OrderTicket",
        "dispatch.inprocess": "InProcessDispatcher",
        "dispatch.opening": "open_dispatcher open_dispatcher_pool",
        "dispatch.pipeline_spec": "PipelineSpec",
        "dispatch.protocol": (
            "Dispatcher DispatcherPool DispatcherStatus OrderCancelled OrderDone OrderEvent "
            "OrderFailed OrderProgress OrderQueued OrderStarted StepOrder WorkerStatus"
        ),
        "dispatch.working": "Roller",
        "dispatchers": "DispatcherBackend",
        "doctor.heavy": "heavy_modules",
        "errors": (
            "AuthenticatorUnavailable "
            "BlobCorrupt BlobError BlobNotFound BlobStoreFull BlobStoreUnavailable BlobTooLarge "
            "Cancelled CheckpointError Conflict DispatcherClosed HoldRevoked InvalidBlobId "
            "InvalidSessionId LongtakeError MissingDependencyError NameClashError OutputError "
            "PipelineClosedError PluginError SessionBusyError SessionError SessionExists "
            "SessionNotFound SessionStoreFull SessionStoreUnavailable SignatureError StageError "
            "UnknownNameError ValidationError WiringError"
        ),
        "families.edits": "RecipeEdit",
        "families.estimates": (
            "EstimateRequest PassEstimate RunEstimate SegmentEstimate StageEstimate "
            "SupportsEstimate ValueEstimate estimate_stage"
        ),
        "families.extensions": "Extension JoinedExtension",
        "families.family": "ModelFamily",
        "families.models": "LoadProgress LoadedModel ModelSource Recognition",
        "families.places": "MeasuredTake SegmentPlace",
        "families.presets": "Preset",
        "families.published": "PublishedCheckpoint",
        "families.stages": "PipelineStage Recipe StageSpec",
        "families.takes": "TakeSpan TakeState",
        "hookspecs": "hookimpl",
        "keys": "KeyRing",
        "loading": "load",
        "media.contact_sheet": "SegmentView contact_sheet",
        "pipeline": "Pipeline",
        "plugins.registry": "Registry",
        "plugins.stores": (
            "open_authenticator open_blob_store open_session_store watch_blob_stores"
        ),
        "requests.authenticators": "Authenticator AuthenticatorBackend",
        "requests.decoded": "DecodedInputs",
        "requests.inputs": "AudioInput ClipInput ImageInput Inputs",
        "requests.masks": "MaskInput",
        "requests.references": "ReferenceInput",
        "requests.request": "GenerationRequest Job Output ResolvedSampling Sampling",
        "requests.sources": "ClipFacts SourceInput",
        "requests.statuses": "http_status",
        "requests.voices": "VoiceInput",
        "runs.declared": "Observer",
        "runs.events": (
            "Event Final Partial Preview Progress RunEnded RunEvent RunStarted SegmentDone "
            "StageEnded StageShare StageStarted StepDone"
        ),
        "runs.prepared": "PreparedRequest",
        "runs.results": "Frames GenerationResult Stills UsedPrompt Waveform",
        "runs.run": "Run",
        "schema.bounds": "SupportsSchema between unique",
        "schema.frozen": "Frozen",
        "schema.json_schema": "json_schema",
        "schema.references": "Reference",
        "schema.wire": "structure unstructure",
        "session_stores.backend": "SessionBackend",
        "session_stores.protocol": (
            "SessionStore SupportsBranches SupportsClaims SupportsExpiry SupportsHolds"
        ),
        "session_stores.records": "Claim Hold SessionParent SessionRecord SessionSegment",
        "session_stores.rows": "RowChange SessionRows",
        "session_stores.store": "RowSessionStore",
        "sessions.branching": "fork_session rewind_session",
        "sessions.exporting": "export_session",
        "sessions.importing": "import_session",
        "sessions.making": "RolledSegment",
        "sessions.media": "BlobMedia MadeSegment MediaSink NeverFinishes",
        "sessions.overlapping": "roll_each",
        "sessions.rolling": "roll",
        "sessions.session": "Session",
        "sessions.steps": "state_digest step_digest",
        "sessions.sweeping": "Swept sweep_sessions",
        "settings": "StateLimits",
        "states.arrays": "array",
        "states.attrs_codec": "AttrsCodec",
        "states.budget": "StateBudget",
        "states.live": "LiveState",
        "states.references": "check_blob_id",
        "states.signing": "StateSigner",
        "states.state": (
            "ContinuationCodec ContinuationState StatePart StateSummary SupportsModelFingerprint "
            "SupportsSummary"
        ),
        "takes.joining": "join_takes",
        "takes.notes": "read_take_record",
        "takes.record": "SegmentRecord TakeRecord TakeRequest",
        "takes.signing": "sign_take",
        "takes.streaming": "StreamState StreamedSegment stream_end stream_segment",
        "takes.writer": "TakeWriter",
    }
    _HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}
    __all__ = sorted(_HOMES)

    def __getattr__(name):
        try:
            home = _HOMES[name]
        except KeyError:
            raise AttributeError(f"module 'longtake' has no attribute {name!r}") from None
        from importlib import import_module

        value = getattr(import_module(f"longtake.{home}"), name)
        globals()[name] = value
        return value

    def __dir__():
        return [*globals(), *__all__]


__version__ = "0.1.0"
