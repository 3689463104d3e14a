"""The plugin: one kind of dispatcher. Ray is imported when one is opened."""

from __future__ import annotations

import longtake as lt

LONGTAKE_API = ">=1,<2"


@lt.hookimpl
def longtake_dispatchers() -> list[lt.DispatcherBackend]:
    return [
        lt.DispatcherBackend(
            "ray", "longtake_ray.opening:open_dispatcher", pool="longtake_ray.pool:open_pool"
        )
    ]
