"""Being connected to a Ray cluster, and to nobody else's."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Any

import ray

import longtake as lt

__all__ = ["NAMESPACE", "connected"]

NAMESPACE = "longtake"
"""Of the workers' names in the cluster."""


def connected(address: str | None) -> ExitStack:
    """Connect; closing what is returned leaves the cluster again.

    A process that is connected already stays so, and ``address`` must be None. Raises
    `longtake.ValidationError` where there is no cluster.
    """
    stack = ExitStack()
    if ray.is_initialized():
        if address is not None:
            problem = f"this process is connected to Ray already; write ray: and not {address}"
            raise lt.ValidationError("dispatcher", problem)
        return stack
    options: dict[str, Any] = {"namespace": NAMESPACE}
    if address is None or not address.startswith("ray://"):  # Ray Client would hand them on
        options |= {"log_to_driver": False, "logging_level": logging.WARNING}
    if address == "local":
        options["include_dashboard"] = False
    try:
        ray.init(address or "auto", **options)
    except Exception as error:  # isolation: Ray raises everything, bare exceptions too
        where = address or "on this machine"
        raise lt.ValidationError("dispatcher", f"no Ray cluster {where}: {error}") from error
    stack.callback(ray.shutdown)
    return stack
