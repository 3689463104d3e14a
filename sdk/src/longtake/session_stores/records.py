"""What a session store keeps: sessions, their segments, and who holds which blobs until when."""

from __future__ import annotations

import secrets
from operator import attrgetter
from typing import Any

from attrs import Attribute, field, fields, frozen

from longtake.schema.bounds import between, integer_from, path_of
from longtake.schema.texts import text, texts
from longtake.session_stores.checks import check_blob_ids, check_name, check_plain, is_session_id
from longtake.states.state import ContinuationState

__all__ = [
    "Claim",
    "Hold",
    "SessionParent",
    "SessionRecord",
    "SessionSegment",
    "new_attempt",
    "stamped",
]


def new_attempt() -> str:
    """A new unguessable name of one attempt to commit something: 32 hexadecimal characters."""
    return secrets.token_hex(16)


def _name(instance: object, attribute: Attribute[Any], value: object) -> None:
    check_name(value, path_of(instance, attribute))


def _plain(instance: object, attribute: Attribute[Any], value: object) -> None:
    check_plain(value, path_of(instance, attribute))


def _names(instance: object, attribute: Attribute[Any], value: object) -> None:
    check_blob_ids(value, path_of(instance, attribute))


@frozen(kw_only=True)
class SessionSegment:
    """One committed segment of a session.

    - ``index``: 0 for the session's first one.
    - ``step``: the digest of what it was made from (``longtake.step_digest``); equal steps give
      equal segments.
    - ``attempt``: names the one attempt that committed it, and is the owner of its blobs' pins.
    - ``request``: the request as a plain document, without its state; big inputs by their digests.
    - ``state_digest``: of the state after it (``longtake.state_digest``); None without a state.
    - ``media``: where its picture and sound are, as the media sink said it: ids of blobs, or URLs.
    - ``blob_ids``: all blobs that its state and its media refer to.
    - ``seconds``: how long its new picture lasts, or its sound where it has no picture.
    - ``made_by``: which worker made it; ``versions``: of the distributions that made it.
    - ``committed``: when, in seconds since 1970 by the store's clock; the store sets it.
    """

    index: int = field(validator=integer_from(0))
    step: str = field(validator=_name)
    attempt: str = field(validator=_name)
    request: dict[str, Any] = field(factory=dict, repr=False, validator=_plain)
    state_digest: str | None = None
    media: tuple[str, ...] = field(default=(), validator=_names)
    blob_ids: tuple[str, ...] = field(default=(), repr=False, validator=_names)
    seconds: float = field(default=0.0, validator=between(0))
    made_by: str = field(default="", validator=text)
    versions: dict[str, str] = field(factory=dict, repr=False, validator=texts)
    committed: float = 0.0


def stamped(segment: SessionSegment, committed: float) -> SessionSegment:
    """``segment`` with the time of its commit; its other fields are checked already."""
    copied = object.__new__(SessionSegment)
    for name, value in zip(_CHECKED, _checked_of(segment), strict=True):
        _set(copied, name, value)
    _set(copied, "committed", committed)
    return copied


_CHECKED = tuple(each.name for each in fields(SessionSegment) if each.name != "committed")
_checked_of = attrgetter(*_CHECKED)
_set = object.__setattr__


@frozen(kw_only=True)
class SessionParent:
    """Where a fork left its parent: after ``num_segments`` segments of the session ``id``."""

    id: str = field(validator=is_session_id)
    num_segments: int = field(validator=integer_from(0))


@frozen(kw_only=True)
class SessionRecord:
    """A session as it is at one revision.

    - ``revision``: 0 when it is created, one more with every change of its segments.
    - ``family``, ``preset``: what rolls it; ``preset`` with its version (``"swing@1"``), empty when
      the family has none.
    - ``num_segments``, ``last``: how many segments it has, and the last one.
    - ``state``: after the last segment; None before the first.
    - ``parent``: the session that this one was forked from.
    - ``labels``: for finding it again.
    - ``created``, ``expires``: seconds since 1970 by the store's clock; ``expires`` is None for a
      session that is kept until it is deleted.
    """

    id: str = field(validator=is_session_id)
    revision: int = field(validator=integer_from(0))
    family: str
    preset: str = ""
    num_segments: int = field(default=0, validator=integer_from(0))
    last: SessionSegment | None = None
    state: ContinuationState | None = field(default=None, repr=False)
    parent: SessionParent | None = None
    labels: dict[str, str] = field(factory=dict)
    created: float = 0.0
    expires: float | None = None


@frozen(kw_only=True)
class Hold:
    """Blobs that something holds which is not committed yet, or that nothing holds any more.

    - ``id``: names the hold. ``attempt``: the owner of the blobs' pins.
    - ``until``: seconds since 1970 by the store's clock; when it is over, whoever sweeps may revoke
      it, and what it was for can be committed no longer.
    - ``revoked``: it was; its pins may be let go.
    """

    id: str
    attempt: str
    blob_ids: tuple[str, ...] = field(repr=False)
    until: float
    revoked: bool = False


@frozen(kw_only=True)
class Claim:
    """A worker said that it is at work on a step; a hint, which spares others the same work.

    - ``holder``: who said it. ``step``: on what. ``seconds_left``: for how long, by the store's
      clock; the claim is over then, whoever holds it.
    - ``granted``: whether it is the claim that was asked for; else it is another worker's.
    """

    holder: str
    step: str
    seconds_left: float
    granted: bool
