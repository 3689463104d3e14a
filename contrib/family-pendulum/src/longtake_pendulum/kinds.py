"""The kinds of states: what a newer one says that an older one did not.

Light, because a family is declared where plugins are listed.
"""

from __future__ import annotations

from typing import Any

__all__ = ["with_strikes", "without_strikes"]

_DRONE = {"phrase": 0.0, "decay": 1.8}
"""The parameters that ``pendulum.v1`` does not say: its tones are never struck and never end."""

_NEW = ("held_frames", "struck", "heard")


def with_strikes(fields: dict[str, Any]) -> dict[str, Any]:
    """What ``pendulum.v1`` says, as ``pendulum.v2`` says it."""
    silence = [0.0] * len(fields["phases"])
    parameters = {**fields["parameters"], **_DRONE}
    new = {"held_frames": 0, "struck": silence, "heard": silence}
    return {**fields, "parameters": parameters, **new}


def without_strikes(fields: dict[str, Any]) -> dict[str, Any]:
    """What ``pendulum.v1`` has; it cannot say a take with strikes."""
    parameters = {k: v for k, v in fields["parameters"].items() if k not in _DRONE}
    older = {name: value for name, value in fields.items() if name not in _NEW}
    return {**older, "parameters": parameters}
