"""How much a tenant may ask for, and what is said to who asks for more."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

import longtake as lt

__all__ = ["LimitExceeded", "ServeLimits"]


class LimitExceeded(lt.ValidationError):
    """More was asked for than this server allows. ``path`` is of the field that is too much."""


def _positive(instance: Any, attribute: Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 1:
        raise lt.ValidationError(attribute.name, f"is {value!r}; must be an integer from 1")


@frozen(kw_only=True)
class ServeLimits:
    """What a server allows at most. Raises `longtake.ValidationError` unless all are at least 1.

    - ``sessions``: takes of one tenant. ``queue``: requests of one take that are open.
      ``segments``: of one take, with those that wait.
    - ``body_bytes``: of a request's body. ``upload_bytes``: of a session that is imported.
    - ``pixels``: height times width of one frame. ``prompt_characters``: of a prompt, and of a
      negative one.
    """

    sessions: int = field(default=200, validator=_positive)
    queue: int = field(default=16, validator=_positive)
    segments: int = field(default=10_000, validator=_positive)
    body_bytes: int = field(default=16 * 2**20, validator=_positive)
    upload_bytes: int = field(default=2**30, validator=_positive)
    pixels: int = field(default=1920 * 1088, validator=_positive)
    prompt_characters: int = field(default=4_000, validator=_positive)
