"""A job as OpenAI's API tells of it, and the schemas of what is sent and answered there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from longtake_serve.openai.errors import code_of
from longtake_serve.takes.views import JobView, WorkError

__all__ = [
    "CREATED",
    "DELETED",
    "EXTENDED",
    "VIDEO",
    "VIDEOS",
    "form_of",
    "list_document",
    "video_document",
    "with_fields",
]

_TEXT, _MAYBE_TEXT = {"type": "string"}, {"type": ["string", "null"]}
_WHEN, _MAYBE_WHEN = {"type": "integer"}, {"type": ["integer", "null"]}


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": [*fields]}


VIDEO = _object(
    {
        "id": _TEXT,
        "object": {"const": "video"},
        "status": {"enum": ["queued", "in_progress", "completed", "failed"]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "created_at": _WHEN,
        "completed_at": _MAYBE_WHEN,
        "expires_at": {"type": "null"},
        "model": _TEXT,
        "prompt": _TEXT,
        "seconds": _TEXT,
        "size": _TEXT,
        "remixed_from_video_id": {"type": "null"},
        "error": {
            **_object({"code": _TEXT, "message": _TEXT, "type": _TEXT, "param": _MAYBE_TEXT}),
            "type": ["object", "null"],
        },
    }
)
VIDEOS = _object(
    {
        "object": {"const": "list"},
        "data": {"type": "array", "items": VIDEO},
        "first_id": _MAYBE_TEXT,
        "last_id": _MAYBE_TEXT,
        "has_more": {"type": "boolean"},
    }
)
DELETED = _object(
    {"id": _TEXT, "object": {"const": "video.deleted"}, "deleted": {"type": "boolean"}}
)

_END = r"(?![\s\S])"
"""What ``$`` means in JSON Schema, and not in Python."""
_COMMON = {
    "model": {"type": ["string", "null"], "description": "What is served, or any of OpenAI's."},
    "seconds": {
        "type": ["string", "number", "null"],
        "pattern": rf"^[0-9]{{1,5}}(\.[0-9]{{1,3}})?{_END}",
        "exclusiveMinimum": 0,
        "maximum": 99_999,
        "description": "How much longer the take gets; 4 if nothing is said.",
    },
}
_IMAGE = _object(
    {
        "image_url": {
            "type": "string",
            "description": "A data URL.",
            "pattern": "^data:image/(png|jpeg|webp);base64,",
        }
    }
)
CREATED = {
    **_COMMON,
    "size": {
        "type": ["string", "null"],
        "description": "WIDTHxHEIGHT in pixels.",
        "pattern": f"^[0-9]{{1,5}}x[0-9]{{1,5}}{_END}",
    },
    "input_reference": {**_IMAGE, "type": ["object", "null"], "additionalProperties": False},
}
"""Fields of a new video that are no fields of a request."""
EXTENDED = {**_COMMON, "video": {**_object({"id": _TEXT}), "additionalProperties": False}}
"""Those of one that goes on from another."""


def with_fields(request: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of requests with more fields."""
    required = [*request["required"], *({"video"} & fields.keys())]
    return {**request, "properties": {**request["properties"], **fields}, "required": required}


def form_of(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of the same as a form, where a picture may be a file."""
    fields = dict(schema["properties"])
    if "input_reference" in fields:
        fields["input_reference"] = {"type": "string", "format": "binary"}
    return {**schema, "properties": fields}


def video_document(video: JobView) -> dict[str, Any]:
    """The video."""
    take, job = video.take, video.job
    return {
        "id": take.id,
        "object": "video",
        "status": video.status,
        "progress": int(100 * video.fraction) if video.status != "completed" else 100,
        "created_at": int(take.created),
        "completed_at": None if video.completed is None else int(video.completed),
        "expires_at": None,
        "model": f"{take.family}/{take.preset}",
        "prompt": job.prompt,
        "seconds": f"{round(job.seconds, 3):.10g}",
        "size": f"{job.width}x{job.height}",
        "remixed_from_video_id": None,
        "error": None if video.error is None else _error(video.error),
    }


def list_document(videos: Sequence[JobView], *, has_more: bool) -> dict[str, Any]:
    """A page of videos."""
    return {
        "object": "list",
        "data": [video_document(each) for each in videos],
        "first_id": videos[0].take.id if videos else None,
        "last_id": videos[-1].take.id if videos else None,
        "has_more": has_more,
    }


def _error(error: WorkError) -> dict[str, Any]:
    return {
        "code": code_of(error.type),
        "message": error.message,
        "type": error.type,
        "param": error.path or None,
    }
