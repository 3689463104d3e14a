"""``longtake sessions expire``, ``delete`` and ``sweep``: sessions that are over."""

from __future__ import annotations

import time

import pytest

import longtake as lt
from tests.sdk.cli.commands.sessions.takes import Takes


def test_a_session_expires_or_is_kept(takes: Takes) -> None:
    takes.roll("tram", "one")
    before = time.time()
    assert takes.done("expire", "tram", "30d").err.startswith("tram: expires 20")
    expires = takes.store().read("tram").expires
    assert expires is not None
    assert 0 <= expires - before - 30 * 86400 < 60
    assert takes.done("expire", "tram", "never").err == "tram: is kept\n"
    assert takes.store().read("tram").expires is None


@pytest.mark.parametrize("said", ["30", "d", "0s", "-1d", "1y", "nan", "9999999999d"])
def test_what_is_no_time_is_refused(takes: Takes, said: str) -> None:
    takes.roll("tram", "one")
    refused = takes.run("expire", "--", "tram", said)
    assert refused.code == 2
    assert takes.store().read("tram").expires is None


def test_a_session_is_forgotten_and_its_blobs_are_let_go_with_the_sweep(takes: Takes) -> None:
    takes.roll("tram", "one")
    takes.roll("rain", "one")
    kept = {each for segment in takes.store().history("rain") for each in segment.blob_ids}
    takes.done("delete", "tram", "never-there")
    assert takes.run("show", "tram").code == 2
    assert takes.done("sweep").err == "dropped 0 sessions, 1 holds and 0 blobs\n"
    store, blobs = takes.store(), takes.blobs()
    assert isinstance(store, lt.SupportsHolds)
    assert store.held() == kept
    assert all(each in blobs for each in kept)
    assert takes.done("sweep").err == "dropped 0 sessions, 0 holds and 0 blobs\n"


def test_a_session_whose_time_is_over_is_swept(takes: Takes) -> None:
    store = takes.store()
    store.create("brief", family="fog", expires_in=0.05)
    time.sleep(0.1)
    assert takes.done("sweep").err == "dropped 1 sessions, 0 holds and 0 blobs\n"


@pytest.mark.parametrize("said", ["1d", "never"])
def test_a_sweep_takes_an_age(takes: Takes, said: str) -> None:
    takes.roll("tram", "one")
    assert takes.done("sweep", "--unused", said).err.startswith("dropped 0 sessions")


def test_a_sweep_refuses_an_age_that_a_writer_may_reach(takes: Takes) -> None:
    takes.roll("tram", "one")
    refused = takes.run("sweep", "--unused", "12h")
    assert refused.code != 0
    assert "unused_seconds" in refused.err
