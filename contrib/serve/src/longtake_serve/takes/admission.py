"""Which requests are taken: checked before anything is queued, and as they are kept then."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from attrs import evolve, field, frozen

import longtake as lt
from longtake_serve.takes.changes import Asked
from longtake_serve.takes.limits import ServeLimits, check_depth, check_request
from longtake_serve.takes.rows import digest_of

__all__ = ["Admission"]

_KEY = re.compile(r"[!-~]{1,255}", re.ASCII)
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


@frozen(kw_only=True)
class Admission:
    """What a service takes.

    ``check``: is called with each request as it is rolled, and raises for one that cannot be.
    ``clock``: seconds since 1970.
    """

    limits: ServeLimits = field(factory=ServeLimits)
    check: Callable[[lt.GenerationRequest], object] | None = None
    clock: Callable[[], float] = time.time

    def check_key(self, key: str | None) -> None:
        """Raise `longtake.ValidationError` for what is no idempotency key."""
        if key is not None and _KEY.fullmatch(key) is None:
            raise lt.ValidationError("key", "must be 1 to 255 visible characters of ASCII")

    def asked(
        self, request: dict[str, Any], *, key: str | None = None, traceparent: str | None = None
    ) -> Asked:
        """The request as it is queued. ``traceparent``: of the client's trace; one that is none is
        passed over, as W3C Trace Context asks for.

        Raises `longtake.ValidationError` with the path of what is wrong, and `LimitExceeded`.
        """
        self.check_key(key)
        check_depth(request)
        wanted = lt.GenerationRequest.from_dict(request)
        check_request(wanted, self.limits)
        if self.check is not None:
            # rolling makes a state, whatever is asked: a segment may be too short for one
            output = evolve(wanted.output, last=False, return_state=True)
            self.check(evolve(wanted, output=output))
        document = wanted.to_dict()
        return Asked(
            prompt=wanted.prompt,
            document=document,
            key=key,
            traceparent=_trace(traceparent),
            digest=digest_of(document),
            created=self.clock(),
        )


def _trace(given: str | None) -> str | None:
    return given if given is not None and _TRACEPARENT.fullmatch(given) else None
