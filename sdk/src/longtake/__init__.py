"""Longtake: generative video that never has to stop.

A take grows segment by segment; everything that the next segment needs is a small, versioned,
portable value, `ContinuationState`. Everything public is here and imported when it is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longtake.attrs_codec import AttrsCodec as AttrsCodec
    from longtake.blobs.leases import SupportsLeases as SupportsLeases
    from longtake.blobs.leases import leasing as leasing
    from longtake.blobs.powers import BlobPath as BlobPath
    from longtake.blobs.powers import BlobStat as BlobStat
    from longtake.blobs.powers import SupportsClose as SupportsClose
    from longtake.blobs.powers import SupportsPath as SupportsPath
    from longtake.blobs.powers import SupportsRange as SupportsRange
    from longtake.blobs.powers import SupportsStat as SupportsStat
    from longtake.blobs.protocol import BlobBackend as BlobBackend
    from longtake.blobs.protocol import BlobStore as BlobStore
    from longtake.blobs.record_store import RecordBlobStore as RecordBlobStore
    from longtake.blobs.records import BlobRecords as BlobRecords
    from longtake.blobs.urls import local_path as local_path
    from longtake.bounds import SupportsSchema as SupportsSchema
    from longtake.bounds import between as between
    from longtake.bounds import unique as unique
    from longtake.continuation import ContinuationCodec as ContinuationCodec
    from longtake.continuation import ContinuationState as ContinuationState
    from longtake.continuation import StatePart as StatePart
    from longtake.continuation import StateSummary as StateSummary
    from longtake.doctor.heavy import heavy_modules as heavy_modules
    from longtake.errors import BlobCorrupt as BlobCorrupt
    from longtake.errors import BlobError as BlobError
    from longtake.errors import BlobNotFound as BlobNotFound
    from longtake.errors import BlobStoreFull as BlobStoreFull
    from longtake.errors import BlobStoreUnavailable as BlobStoreUnavailable
    from longtake.errors import BlobTooLarge as BlobTooLarge
    from longtake.errors import Cancelled as Cancelled
    from longtake.errors import CheckpointError as CheckpointError
    from longtake.errors import InvalidBlobId as InvalidBlobId
    from longtake.errors import LongtakeError as LongtakeError
    from longtake.errors import MissingDependencyError as MissingDependencyError
    from longtake.errors import NameClashError as NameClashError
    from longtake.errors import OutputError as OutputError
    from longtake.errors import PipelineClosedError as PipelineClosedError
    from longtake.errors import PluginError as PluginError
    from longtake.errors import StageError as StageError
    from longtake.errors import UnknownNameError as UnknownNameError
    from longtake.errors import ValidationError as ValidationError
    from longtake.errors import WiringError as WiringError
    from longtake.estimates import EstimateRequest as EstimateRequest
    from longtake.estimates import PassEstimate as PassEstimate
    from longtake.estimates import RunEstimate as RunEstimate
    from longtake.estimates import SegmentEstimate as SegmentEstimate
    from longtake.estimates import StageEstimate as StageEstimate
    from longtake.estimates import ValueEstimate as ValueEstimate
    from longtake.families import LoadedModel as LoadedModel
    from longtake.families import ModelFamily as ModelFamily
    from longtake.families import ModelSource as ModelSource
    from longtake.families import Recognition as Recognition
    from longtake.hookspecs import hookimpl as hookimpl
    from longtake.inputs import AudioInput as AudioInput
    from longtake.inputs import ClipInput as ClipInput
    from longtake.inputs import ImageInput as ImageInput
    from longtake.inputs import Inputs as Inputs
    from longtake.loading import load as load
    from longtake.pipeline import Pipeline as Pipeline
    from longtake.presets import Preset as Preset
    from longtake.references import Reference as Reference
    from longtake.registry import Registry as Registry
    from longtake.registry import open_blob_store as open_blob_store
    from longtake.registry import watch_blob_stores as watch_blob_stores
    from longtake.request import GenerationRequest as GenerationRequest
    from longtake.request import Job as Job
    from longtake.request import Output as Output
    from longtake.request import ResolvedSampling as ResolvedSampling
    from longtake.request import Sampling as Sampling
    from longtake.results import Event as Event
    from longtake.results import Final as Final
    from longtake.results import GenerationResult as GenerationResult
    from longtake.results import Partial as Partial
    from longtake.results import Progress as Progress
    from longtake.run import Run as Run
    from longtake.run_events import RunEnded as RunEnded
    from longtake.run_events import RunEvent as RunEvent
    from longtake.run_events import RunStarted as RunStarted
    from longtake.run_events import SegmentDone as SegmentDone
    from longtake.run_events import StageEnded as StageEnded
    from longtake.run_events import StageStarted as StageStarted
    from longtake.run_events import StepDone as StepDone
    from longtake.schemas import json_schema as json_schema
    from longtake.sessions import Session as Session
    from longtake.stages import PipelineStage as PipelineStage
    from longtake.stages import StageSpec as StageSpec
    from longtake.takes import TakeSpan as TakeSpan
    from longtake.takes import TakeState as TakeState
    from longtake.values import Frames as Frames
    from longtake.values import Waveform as Waveform
    from longtake.wire import structure as structure
    from longtake.wire import unstructure as unstructure
else:
    _MODULES = {
        "attrs_codec": "AttrsCodec",
        "blobs.leases": "SupportsLeases leasing",
        "blobs.powers": "BlobPath BlobStat SupportsClose SupportsPath SupportsRange SupportsStat",
        "blobs.protocol": "BlobBackend BlobStore",
        "blobs.record_store": "RecordBlobStore",
        "blobs.records": "BlobRecords",
        "blobs.urls": "local_path",
        "bounds": "SupportsSchema between unique",
        "continuation": "ContinuationCodec ContinuationState StatePart StateSummary",
        "doctor.heavy": "heavy_modules",
        "errors": (
            "BlobCorrupt BlobError BlobNotFound BlobStoreFull BlobStoreUnavailable BlobTooLarge "
            "Cancelled CheckpointError InvalidBlobId LongtakeError MissingDependencyError "
            "NameClashError OutputError PipelineClosedError PluginError StageError "
            "UnknownNameError ValidationError WiringError"
        ),
        "estimates": (
            "EstimateRequest PassEstimate RunEstimate SegmentEstimate StageEstimate ValueEstimate"
        ),
        "families": "LoadedModel ModelFamily ModelSource Recognition",
        "hookspecs": "hookimpl",
        "inputs": "AudioInput ClipInput ImageInput Inputs",
        "loading": "load",
        "pipeline": "Pipeline",
        "presets": "Preset",
        "references": "Reference",
        "registry": "Registry open_blob_store watch_blob_stores",
        "request": "GenerationRequest Job Output ResolvedSampling Sampling",
        "results": "Event Final GenerationResult Partial Progress",
        "run": "Run",
        "run_events": ("RunEnded RunEvent RunStarted SegmentDone StageEnded StageStarted StepDone"),
        "schemas": "json_schema",
        "sessions": "Session",
        "stages": "PipelineStage StageSpec",
        "takes": "TakeSpan TakeState",
        "values": "Frames Waveform",
        "wire": "structure unstructure",
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
