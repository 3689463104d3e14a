"""What a service says of takes, of the work on them, and of what happens."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from attrs import field, frozen

import longtake as lt

__all__ = [
    "EVENT_TYPES",
    "JobView",
    "TakeEvent",
    "TakeJob",
    "TakeView",
    "WorkError",
    "WorkView",
    "work_id",
    "work_number",
]

TakeStatus = Literal["open", "finishing", "finished"]
WorkStatus = Literal["queued", "running", "cancelling", "done", "failed", "cancelled"]
JobStatus = Literal["queued", "in_progress", "completed", "failed"]

EVENT_TYPES = (
    "queued",
    "started",
    "progress",
    "segment",
    "failed",
    "cancelled",
    "rewound",
    "finished",
    "deleted",
)
"""Of `TakeEvent`."""


@frozen(kw_only=True)
class WorkError:
    """Why a piece of work failed.

    ``type``: the name of the error's class. ``path``: of the field or file that is wrong, empty
    where there is none. ``message``: what is wrong and what to do.
    """

    type: str
    path: str
    message: str


@frozen(kw_only=True)
class TakeView:
    """A take as it is now.

    - ``revision``, ``num_segments``, ``family``, ``preset``, ``parent``, ``labels``, ``created``:
      as of its session; of the labels only those that the tenant set.
    - ``status``: ``open`` can be extended; ``finishing`` cannot, and has work left; ``finished``
      changes no more.
    - ``open_work``: how many requests wait or are being rolled.
    - ``last_error``: of the work that ended last, None when that did not fail.
    """

    id: str
    revision: int
    num_segments: int
    family: str
    preset: str
    parent: lt.SessionParent | None = None
    labels: dict[str, str] = field(factory=dict)
    created: float
    status: TakeStatus = "open"
    open_work: int = 0
    last_error: WorkError | None = None


@frozen(kw_only=True)
class WorkView:
    """One request to extend a take.

    - ``id``: among the work of its take; ``take``: the take's.
    - ``status``: ``queued``, ``running`` and ``cancelling`` are open, the others are the end.
    - ``created``: seconds since 1970. ``started``: when a worker last began it; ``ended``: when it
      had ended. Between them lies what it cost of the worker.
    - ``place``: at least so many are rolled before it; None unless it is queued.
    - ``fraction``: of its segment that is done, 0 to 1, as far as this server knows.
    - ``segment``: its index once it is ``done``; ``error``: once it ``failed``.
    """

    id: str
    take: str
    status: WorkStatus
    prompt: str
    created: float
    started: float | None = None
    ended: float | None = None
    place: int | None = None
    fraction: float | None = None
    segment: int | None = None
    error: WorkError | None = None


@frozen(kw_only=True)
class TakeJob:
    """What a take was asked to become, all of it at once.

    - ``prompt``: of its requests. ``seconds``: that it is to have, with those of a take before.
    - ``height``, ``width`` in pixels, ``fps``: its own. ``overlap_frames``: of its last segment,
      that one which goes on from it repeats.
    - ``num_segments``: that it has when all went well. ``num_works``: requests that make them.
    - ``digest``: of all that was asked. These three are set when it is started.
    """

    prompt: str
    seconds: float
    height: int
    width: int
    fps: Fraction
    overlap_frames: int
    num_segments: int = 0
    num_works: int = 0
    digest: str = ""


@frozen(kw_only=True)
class JobView:
    """A take that is rolled as one job, as it is now.

    - ``take``, ``job``: the take, and what it was asked to become.
    - ``status``: ``failed`` also when it was cancelled. ``fraction``: that is done, 0 to 1.
    - ``completed``: when its last segment was there, seconds since 1970; None before.
    - ``error``: why it ``failed``.
    """

    take: TakeView
    job: TakeJob
    status: JobStatus
    fraction: float
    completed: float | None = None
    error: WorkError | None = None


@frozen(kw_only=True)
class TakeEvent:
    """Something happened to a take.

    ``id``: grows with each event that is kept; one that is not kept has the id of the last one that
    is. ``type``: one of `EVENT_TYPES`. ``data``, plain JSON:

    ============  ================================================================================
    ``queued``    ``work``, ``place``: at least so many are rolled before it
    ``started``   ``work``, ``worker``
    ``progress``  ``work``, ``stage``, ``step`` of ``steps``, ``fraction`` of the segment; not kept.
                  ``preview``: a small PNG as a ``data:`` URL, where the request asks for previews
                  and there is a new one
    ``segment``   ``work``, ``index``, ``seconds``, ``state_digest``
    ``failed``    ``work``, ``error`` (the class), ``path``, ``message``
    ``cancelled`` ``work``
    ``rewound``   ``num_segments`` that are left
    ``finished``  ``num_segments``
    ``deleted``   nothing
    ============  ================================================================================
    """

    id: int
    type: str
    data: dict[str, Any]


def work_id(number: int) -> str:
    """The id of the work of this number."""
    return f"work_{number}"


def work_number(take: str, work: str) -> int:
    """The inverse of `work_id`. Raises `longtake.SessionNotFound` for what is no id."""
    digits = work.removeprefix("work_")
    if digits == work or not digits.isascii() or not digits.isdecimal() or len(digits) > 10:
        raise lt.SessionNotFound(f"take {take!r} has no work {work[:100]!r}")
    return int(digits)
