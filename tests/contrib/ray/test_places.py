"""What a pool's URL says, and what it may not say."""

from __future__ import annotations

import pytest

pytest.importorskip("longtake_ray")

import longtake as lt
from longtake_ray.places import Place, place_of


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ray:", None),
        ("RAY:local", "local"),
        ("ray:head.films:6379", "head.films:6379"),
        ("ray:[::1]:6379", "[::1]:6379"),
        ("ray://head.films:10001", "ray://head.films:10001"),
    ],
)
def test_a_url_says_where_the_cluster_is(url: str, address: str | None) -> None:
    assert place_of(url) == Place(address=address)


def test_a_url_says_what_its_workers_are() -> None:
    options = "pool=films&workers=4&spares=1&ranks=2&gpus=0.5&cpus=3&start=600"
    assert place_of(f"ray://head:10001?{options}") == Place(
        address="ray://head:10001",
        pool="films",
        workers=4,
        spares=1,
        ranks=2,
        gpus=0.5,
        cpus=3,
        start=600,
    )


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ray://", "write ray: for the cluster of this machine"),
        ("ray://head", "write ray: for"),
        ("ray:everywhere", "write ray: for"),
        ("ray:?worker=4", "there is no option 'worker'; options: pool, workers, spares, ranks"),
        ("ray:?workers=0", "workers is '0'; must be a number from 1"),
        ("ray:?workers=2&workers=3", "workers is said twice"),
        ("ray:?gpus=-1", "gpus is '-1'"),
        ("ray:?cpus=nan", "cpus is 'nan'"),
        ("ray:?pool=a/b", "pool is 'a/b'"),
        ("ray:?workers", "is not name=value"),
    ],
)
def test_what_it_cannot_say_is_refused(url: str, problem: str) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        place_of(url)
    assert refused.value.path == "dispatcher"
    assert problem in refused.value.problem


@pytest.mark.parametrize("url", ["ray:elsewhere", "ray:local?workers=many"])
def test_a_wrong_url_is_refused_before_anything_is_begun(url: str) -> None:
    pytest.importorskip("ray")
    with pytest.raises(lt.ValidationError, match="dispatcher"):
        lt.open_dispatcher(url, lt.PipelineSpec(family="pendulum"), sessions="memory:")
    with pytest.raises(lt.ValidationError, match="dispatcher"):
        lt.open_dispatcher_pool(url)
