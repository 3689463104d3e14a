"""Options of the test run, and what hypothesis may take for granted: not how fast a machine is."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

settings.register_profile("longtake", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("longtake")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--tries", type=int, default=1, help="how often takes of several processes are rolled"
    )
    parser.addoption(
        "--segments", type=int, default=12, help="how many processes roll the long take"
    )
    parser.addoption(
        "--kind-segments", type=int, default=4, help="how long a take of each kind of state is"
    )
    parser.addoption(
        "--steps", type=int, default=30, help="how much happens to takes on the command line"
    )
    parser.addoption(
        "--played", type=int, default=4, help="how many segments a browser shows while they grow"
    )
    parser.addoption(
        "--http-requests", type=int, default=300, help="how many requests at random are answered"
    )
    parser.addoption(
        "--served-segments", type=int, default=2, help="of each session of servers that are killed"
    )
    parser.addoption(
        "--server-kills", type=int, default=3, help="how often a server that rolls them is killed"
    )
    parser.addoption(
        "--segment-seconds", type=float, default=0.3, help="that a segment of a cluster takes"
    )
    parser.addoption(
        "--cluster-kills", type=int, default=3, help="of workers, nodes and servers in turn"
    )
    parser.addoption(
        "--kill-seconds", type=float, default=0.6, help="from one kill in a cluster to the next"
    )
    parser.addoption(
        "--soak-seconds", type=int, default=20, help="how long a server's memory is looked at"
    )
    parser.addoption(
        "--raced", type=int, default=20, help="for how many segments of a session workers race"
    )


LONGEST = (
    "tests/ltx2/test_parallel.py",
    "tests/ltx2/test_continuation_latents.py",
    "tests/ltx2/test_separate_processes.py",
    "tests/sdk/testing/families/test_planted.py",
    "tests/sdk/testing/codecs/test_planted.py",
    "tests/sdk/testing/dispatchers/test_planted_dispatchers.py",
    "tests/ltx2/test_lora_layouts.py",
    "tests/ltx2/test_official_numerics.py",
    "tests/contrib/serve/page/test_player.py",
    "tests/contrib/serve/page/test_playing.py",
    "tests/ltx2/test_contract.py",
    "tests/ltx2/test_continuation_of_takes.py",
    "tests/test_snippets.py",
    "tests/ltx2/test_demo.py",
    "tests/sdk/scaffolding/templates/test_blob_store.py",
    "tests/sdk/testing/sessions/test_planted_sessions.py",
    "tests/sdk/testing/blobs/test_planted_folder_stores.py",
    "tests/sdk/testing/blobs/test_planted_stores.py",
    "tests/ltx2/test_adapters.py",
    "tests/ltx2/test_parallel_failures.py",
    "tests/ltx2/test_plan.py",
    "tests/sdk/scaffolding/templates/test_family.py",
    "tests/sdk/takes/test_joining.py",
    "tests/ltx2/test_command_line.py",
    "tests/test_docs.py",
    "tests/training/test_learned_tiny.py",
    "tests/test_first_hour.py",
    "tests/sdk/blobs/file/test_store.py",
    "tests/sdk/blobs/records/test_store.py",
    "tests/sdk/sessions/test_faults.py",
    "tests/sdk/scaffolding/templates/test_extension.py",
    "tests/sdk/scaffolding/templates/test_session_store.py",
)
"""Files that take longest: they begin first, so that none of them runs alone at the end."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is imported and collected out of the garbage collector's work.

    It stays to the end, some million objects: a test that makes many itself had the collector go
    through all of them again and again, which took longer than the test.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 10, 10)
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ranks = {config.rootpath / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "attempt" in metafunc.fixturenames:
        metafunc.parametrize("attempt", range(metafunc.config.getoption("tries")))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The largest of the figures that tests recorded under a name that begins with "worst"."""
    figures: dict[str, list[float]] = {}
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties:
            if name.startswith("worst "):
                figures.setdefault(name, []).append(value)
    for name, values in sorted(figures.items()):
        terminalreporter.write_line(f"{name}: {max(values):.1e} in {len(values)} cases")
