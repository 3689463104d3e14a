"""What travels between processes, and what becomes of what cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("longtake_ray")

import longtake as lt
from longtake_ray.parcels import packed, travelling, unpacked
from longtake_ray.versions import check_versions, loaded_versions


class TwoFields(lt.LongtakeError):
    """An error that is pickled, and not read again: its text alone is kept of its arguments."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} in {where}")


@pytest.mark.parametrize(
    "error",
    [
        lt.ValidationError("sampling.seed", "is wrong"),
        lt.Conflict("fog", 3, 2),
        lt.StageError("draw", "it rains"),
        lt.SessionNotFound("fog"),
        ValueError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_the_same_on_the_other_side(error: Exception) -> None:
    failed = lt.OrderFailed(order_id="a1", error=error)
    again = unpacked(packed(failed))
    assert type(again.error) is type(error)
    assert (again.order_id, str(again.error)) == ("a1", str(error))


def test_an_error_that_cannot_be_read_is_told_in_words() -> None:
    again = unpacked(packed(lt.OrderFailed(order_id="a1", error=TwoFields("rain", "fog"))))
    assert type(again) is lt.LongtakeError
    assert str(again) == "TwoFields: rain in fog"


def test_a_class_that_is_not_here_is_told_in_words() -> None:
    again = unpacked((b"cnowhere_at_all\nError\n.", "Error: of a plugin"))
    assert str(again) == "Error: of a plugin"


@pytest.mark.parametrize("part", ["sessions", "blobs"])
def test_stores_of_one_process_do_not_travel(part: str) -> None:
    store = (
        lt.open_session_store("memory:") if part == "sessions" else lt.open_blob_store("memory:")
    )
    with pytest.raises(lt.ValidationError, match="lives in one process") as refused:
        travelling(**{part: store})
    assert refused.value.path == part


def test_a_dispatcher_is_refused_such_stores_before_it_looks_for_a_cluster(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    spec = lt.PipelineSpec(family="pendulum")
    with pytest.raises(lt.ValidationError, match="sessions: must travel to workers"):
        lt.open_dispatcher("ray:nowhere.invalid:1", spec, sessions="memory:")


def test_workers_must_have_what_makes_the_segments() -> None:
    here = {"longtake": "1", "longtake-fog": "2", "longtake-serve": "3"}
    check_versions(here, here, "longtake-fog")
    check_versions(here, {"longtake": "1", "longtake-fog": "2", "other": "9"}, "longtake-fog")
    with pytest.raises(lt.PluginError, match="longtake-fog is 2 here and 3 there; install"):
        check_versions(here, {**here, "longtake-fog": "3"}, "longtake-fog")
    with pytest.raises(lt.PluginError, match="longtake-fog is not there"):
        check_versions(here, {"longtake": "1"}, "longtake-fog")


def test_versions_are_those_of_loaded_plugins() -> None:
    found = loaded_versions(lt.Registry.discover())
    assert found["longtake"] == lt.__version__
    assert found["longtake-ray"]
    assert found["Python"].count(".") == 1
