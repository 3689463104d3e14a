"""OpenAI's video API: a video is a take that is rolled as a whole, and its id is the take's."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import longtake as lt
from longtake_serve.http.documents import between, number_in
from longtake_serve.http.operations import Operation, Parameter
from longtake_serve.http.streams import StreamRoutes
from longtake_serve.media.stream import StreamNotFound
from longtake_serve.openai.asking import Studio
from longtake_serve.openai.documents import (
    CREATED,
    DELETED,
    EXTENDED,
    VIDEO,
    VIDEOS,
    form_of,
    list_document,
    video_document,
    with_fields,
)
from longtake_serve.openai.errors import OPENAI_ERRORS
from longtake_serve.openai.forms import sent_document
from longtake_serve.takes.limits import ServeLimits
from longtake_serve.takes.service import TakeService
from longtake_serve.takes.views import JobView

__all__ = ["VideoRoutes"]

_VIDEOS = "/v1/videos"
_VIDEO = f"{_VIDEOS}/{{take}}"
_PAGE, _LARGEST_PAGE = 20, 100
_ASK_AGAIN_MS = 500
"""OpenAI's client asks again after what the first answer says, whatever later ones say."""
_KEY = Parameter("Idempotency-Key", "The same again gives the video that it made.", place="header")
_BAD = (400, 404, 408, 413, 415, 429)


class VideoRoutes:
    """The operations. ``request_schema``: of requests; ``streams``: what is downloaded."""

    def __init__(
        self,
        service: TakeService,
        limits: ServeLimits,
        studio: Studio,
        streams: StreamRoutes,
        request_schema: dict[str, Any],
    ) -> None:
        self._jobs = service.jobs
        self._service = service
        self._most = limits.body_bytes
        self._studio = studio
        self._variants = {
            "video": streams.whole,
            "thumbnail": streams.thumbnail,
            "spritesheet": streams.sheet,
        }
        self._created = with_fields(request_schema, CREATED)
        self._extended = with_fields(request_schema, EXTENDED)

    def operations(self) -> list[Operation]:
        """What this adds to a server."""
        return [*self._that_roll(), *self._that_list(), *self._of_one()]

    def _that_roll(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path=path,
                answer=answer,
                summary=summary,
                body=schema,
                form=form_of(schema),
                result=VIDEO,
                parameters=(_KEY,),
                errors=_BAD,
                error_form=OPENAI_ERRORS,
            )
            for path, answer, summary, schema in (
                (_VIDEOS, self.create, "Make a video (OpenAI).", self._created),
                (
                    f"{_VIDEOS}/extensions",
                    self.extend,
                    "Make a longer video from one (OpenAI).",
                    self._extended,
                ),
            )
        ]

    def _that_list(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path=_VIDEOS,
                answer=self.list,
                summary="List videos (OpenAI).",
                result=VIDEOS,
                parameters=(
                    Parameter("after", "Go on behind the video of this id."),
                    Parameter("limit", "At most so many.", between(1, _LARGEST_PAGE)),
                    Parameter("order", "By the time they were made.", {"enum": ["asc", "desc"]}),
                ),
                errors=(400, 404),
                error_form=OPENAI_ERRORS,
            )
        ]

    def _of_one(self) -> list[Operation]:
        variant = {"enum": [*self._variants]}
        return [
            Operation(
                method="GET",
                path=_VIDEO,
                answer=self.retrieve,
                summary="A video as it is now (OpenAI).",
                result=VIDEO,
                errors=(404,),
                error_form=OPENAI_ERRORS,
            ),
            Operation(
                method="DELETE",
                path=_VIDEO,
                answer=self.delete,
                summary="Delete a video. Those that were made from it stay (OpenAI).",
                result=DELETED,
                errors=(404,),
                error_form=OPENAI_ERRORS,
            ),
            Operation(
                method="GET",
                path=f"{_VIDEO}/content",
                answer=self.content,
                summary="The file of a video that is completed, or a picture of it (OpenAI).",
                result_type="video/mp4",
                other_types=("image/jpeg", "image/png"),
                parameters=(Parameter("variant", "Which file; the video if not said.", variant),),
                errors=(400, 404, 416),
                error_form=OPENAI_ERRORS,
            ),
        ]

    async def create(self, request: Request, tenant: str) -> Response:
        """A new video."""
        document = await sent_document(
            request, self._most, self._created, files=("input_reference",)
        )
        key = request.headers.get("idempotency-key")
        return _answer(await run_in_threadpool(self._start, tenant, document, None, key))

    async def extend(self, request: Request, tenant: str) -> Response:
        """A new video that begins with another one, which stays as it is."""
        document = await sent_document(request, self._most, self._extended, files=("video",))
        video = document.pop("video", None)
        named = video.get("id") if isinstance(video, dict) and set(video) == {"id"} else None
        if not isinstance(named, str):
            problem = "must be {'id': ID} of a completed video here; only those have a state"
            raise lt.ValidationError("video", problem)
        key = request.headers.get("idempotency-key")
        return _answer(await run_in_threadpool(self._start, tenant, document, named, key))

    async def retrieve(self, request: Request, tenant: str) -> Response:
        """One video."""
        return _answer(await run_in_threadpool(self._jobs.read, tenant, _named(request)))

    async def list(self, request: Request, tenant: str) -> Response:
        """Videos, a page of them."""
        limit = number_in(request, "limit", _PAGE, 1, _LARGEST_PAGE)
        order = request.query_params.get("order", "desc")
        if order not in ("asc", "desc"):
            raise lt.ValidationError("order", f"is {order[:50]!r}; must be asc or desc")
        found = await run_in_threadpool(self._jobs.list, tenant)
        if order == "desc":
            found.reverse()
        after, first = request.query_params.get("after"), 0
        if after is not None:
            places = [place for place, each in enumerate(found) if each.take.id == after]
            if not places:
                raise lt.ValidationError("after", "is the id of no video")
            first = places[0] + 1
        page = found[first : first + limit]
        return JSONResponse(list_document(page, has_more=first + limit < len(found)))

    async def delete(self, request: Request, tenant: str) -> Response:
        """One video less; what is not rolled yet is not rolled any more."""
        named = _named(request)
        await run_in_threadpool(self._jobs.read, tenant, named)  # a take may be no video
        await run_in_threadpool(self._service.delete, tenant, named)
        return JSONResponse({"id": named, "object": "video.deleted", "deleted": True})

    async def content(self, request: Request, tenant: str) -> Response:
        """A file."""
        variant = request.query_params.get("variant", "video")
        if variant not in self._variants:
            known = ", ".join(self._variants)
            raise lt.ValidationError("variant", f"is {variant[:50]!r}; must be one of {known}")
        video = await run_in_threadpool(self._jobs.read, tenant, _named(request))
        if video.status != "completed":
            raise StreamNotFound(f"the video is {video.status}; ask for it when it is completed")
        return await self._variants[variant](request, tenant)

    def _start(
        self, tenant: str, document: dict[str, Any], after: str | None, key: str | None
    ) -> JobView:
        before = None if after is None else self._jobs.read(tenant, after)
        if before is not None and before.status != "completed":
            raise lt.ValidationError("video.id", f"is {before.status}; name a completed one")
        asked = self._studio.asked(document, after=before)
        with asked.blamed():
            return self._jobs.start(tenant, asked.requests, asked.job, after=after, key=key)


def _named(request: Request) -> str:
    named: str = request.path_params["take"]
    return named


def _answer(video: JobView) -> Response:
    is_open = video.status in ("queued", "in_progress")
    headers = {"openai-poll-after-ms": str(_ASK_AGAIN_MS)} if is_open else None
    return JSONResponse(video_document(video), headers=headers)
