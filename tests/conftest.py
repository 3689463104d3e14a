"""Options of the test run, and what hypothesis may take for granted: not how fast a machine is."""

from __future__ import annotations

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
        "--raced", type=int, default=20, help="for how many segments of a session workers race"
    )


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
