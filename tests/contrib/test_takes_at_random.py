"""Whatever commands, kills and people do: no acknowledged segment is lost, doubled or out of sync.

And no file that a person made is replaced without being asked. ``--steps 200`` rolls for minutes;
without, there is a short run, always the same.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contrib.command_server import CommandServer
from tests.contrib.take_machine import TakeMachine

SHORT = 30
"""Steps; more than these are drawn anew in each run."""


@pytest.fixture(scope="module")
def server() -> Iterator[CommandServer]:
    with CommandServer() as server:
        yield server


def test_no_take_is_lost_doubled_or_out_of_sync(
    server: CommandServer, request: pytest.FixtureRequest
) -> None:
    steps: int = request.config.getoption("steps")
    TakeMachine.server = server
    TakeMachine.counted.clear()
    run_state_machine_as_test(
        TakeMachine,
        settings=settings(
            max_examples=3,
            stateful_step_count=steps,
            derandomize=steps <= SHORT,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    told = [f"{what}: {count}" for what, count in sorted(TakeMachine.counted.items())]
    sys.stdout.write("\n".join(["", *told, ""]))
    assert TakeMachine.counted["acknowledged segments"] > steps // 2
