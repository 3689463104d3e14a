"""A server without HTTP: ``serving_process.py SESSIONS BLOBS`` does what is left, and ends."""

from __future__ import annotations

import sys
import time

import longtake as lt
from longtake_serve.takes.service import TakeService


def main(sessions_url: str, blobs_url: str) -> None:
    sessions, blobs = lt.open_session_store(sessions_url), lt.open_blob_store(blobs_url)
    pipelines = [lt.load(family="pendulum") for _ in range(2)]
    preset = pipelines[0].preset
    service = TakeService(
        sessions,
        blobs,
        lt.InProcessDispatcher(pipelines, sessions=sessions, blobs=blobs),
        family="pendulum",
        preset=f"{preset.name}@{preset.version}",
    )
    service.resume()
    while any(take.open_work for take in service.list("ann")):
        time.sleep(0.01)
    service.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
