"""Opening the dispatcher at a URL."""

from __future__ import annotations

import longtake as lt
from longtake_ray.connecting import connected
from longtake_ray.dispatcher import RayDispatcher
from longtake_ray.leftovers import leftovers
from longtake_ray.parcels import travelling
from longtake_ray.places import Place, place_of
from longtake_ray.replica import Wanted
from longtake_ray.versions import loaded_versions

__all__ = ["open_dispatcher"]


def open_dispatcher(
    url: str,
    spec: lt.PipelineSpec,
    *,
    sessions: lt.SessionStore,
    blobs: lt.BlobStore | None,
    media: lt.MediaSink | None,
) -> RayDispatcher:
    """The one of ``ray:``, ``ray:local``, ``ray:HOST:PORT`` or ``ray://HOST:PORT``.

    Workers of the pool that a killed server left behind go on under this one. It waits for the
    first worker, a minute unless the URL says otherwise; after that workers that
    are still begun come when they are there. Raises `longtake.ValidationError` for a URL that it
    cannot use, a cluster that is not there and stores that do not travel, `longtake.PluginError`
    for workers with other packages, and what the first worker's loading raises.
    """
    place = place_of(url)
    parts = travelling(sessions=sessions, blobs=blobs, media=media)
    registry = lt.Registry.default()
    wanted = Wanted(
        pool=place.pool,
        ranks=place.ranks,
        resources=_resources(place, spec),
        spec=lt.unstructure(spec),
        parts=parts,
        versions=loaded_versions(registry),
        maker=_maker(spec, registry),
    )
    with connected(place.address) as connection:
        left = leftovers(wanted, place.workers + place.spares)
        dispatcher = RayDispatcher(
            wanted, place.workers, sessions, connection.pop_all(), left, spares=place.spares
        )
    try:
        dispatcher.wait_for_first(place.start)
    except BaseException:
        dispatcher.close()
        raise
    return dispatcher


def _resources(place: Place, spec: lt.PipelineSpec) -> dict[str, float]:
    gpus = place.gpus
    if gpus is None:
        gpus = 0.0 if spec.model is None else 1.0
    return {"CPU": place.cpus, **({"GPU": gpus} if gpus else {})}


def _maker(spec: lt.PipelineSpec, registry: lt.Registry) -> str | None:
    found = [each.plugin for each in registry.families if each.value.name == spec.family]
    return found[0].distribution if found else None
