"""``longtake doctor``: a table and what there is to say, for people and for programs."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

import longtake as lt
from longtake.doctor import diagnosis as diagnoses
from longtake.doctor.values import (
    Diagnosis,
    Examination,
    MissingExtra,
    MissingRequirement,
    Problem,
    StoreTrial,
)
from longtake.testing import FakeDistributions
from tests.sdk.cli.cli_support import Command

FOG = Examination(
    name="fog",
    distribution="longtake-fog-machine",
    version="1.2",
    status="loaded",
    api=">=1,<2",
    provides=tuple(f"preset:fog_number_{index}" for index in range(12)),
    import_ms=12.3,
    heavy=("numpy", "torch"),
    missing_extras=(MissingExtra("wet", ("droplets>=2",)),),
    stores=(StoreTrial("fog", "fog://localhost", "unavailable", "nobody listens"),),
    printed="thank you\n\x1b[31mfor installing",
)
MUD = Examination(
    name="mud",
    distribution="longtake-mud",
    version="0.9",
    status="failed",
    phase="import",
    reason="its process was killed by SIGSEGV at " + "/a/long/path" * 9 + "/mud.py:3 in read",
)
ICE = Examination(
    name="ice",
    distribution="longtake-ice",
    version="0.1",
    status="blocked",
    reason="blocked by LONGTAKE_BLOCK",
)


def told(longtake: Command, monkeypatch: pytest.MonkeyPatch, *found: Examination) -> list[str]:
    """The lines that are printed when ``found`` are installed."""
    monkeypatch.setenv("COLUMNS", "80")
    diagnosis = Diagnosis(found, (StoreTrial("file", "file:///blobs", "ok"),))
    monkeypatch.setattr("longtake.cli.commands.doctor.diagnose", lambda *_, **__: diagnosis)
    done = longtake("doctor")
    assert done.code == (0 if diagnosis.is_well else 1)
    return done.out.splitlines()


def test_it_fits_a_terminal_of_eighty_columns(
    longtake: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = told(longtake, monkeypatch, FOG, MUD, ICE)
    assert max(map(len, lines)) <= 80
    assert lines[0] == (
        f"longtake {lt.__version__}, SDK API 1.0, Python {platform.python_version()}"
    )
    table = [line.split() for line in lines[3:7]]
    assert table[0] == ["PLUGIN", "VERSION", "API", "IMPORT", "STATUS"]
    assert table[1] == ["longtake-fog-machine:fog", "1.2", ">=1,<2", "12", "ms", "loaded"]
    assert table[2] == ["longtake-mud:mud", "0.9", "-", "-", "failed", "in", "import"]
    assert table[3] == ["longtake-ice:ice", "0.1", "-", "-", "blocked"]


def test_everything_there_is_to_say_of_a_plugin_is_below_its_name(
    longtake: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n".join(told(longtake, monkeypatch, FOG))
    assert "\nlongtake-fog-machine:fog\n  provides    preset:fog_number_0, " in text
    assert "\n  heavy       numpy, torch: import it only when it is used\n" in text
    assert "\n  blob store  fog://localhost: unavailable (nobody listens)\n" in text
    assert "\n  extra       longtake-fog-machine[wet] lacks droplets>=2\n" in text
    assert "\n  prints      thank you [31mfor installing\n" in text
    assert "\nfile:///blobs\n  --blobs     ok\n" in text


def test_all_is_well_where_only_extras_and_servers_are_missing(
    longtake: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told(longtake, monkeypatch, FOG, ICE)[-1] == "2 plugins, none with errors"
    assert told(longtake, monkeypatch, FOG, MUD)[-1] == "2 plugins, 1 with errors"


def test_what_would_fail_when_it_is_used_and_what_is_required_have_a_line_each(
    longtake: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = (Problem("targets", "family 'fog': load"), Problem("wiring", "preset 'thick'"))
    needed = (MissingRequirement("droplets>=2", "1.5"), MissingRequirement("puddles"))
    fog = evolve(
        FOG,
        status="failed",
        phase="targets",
        reason=problems[0].text,
        problems=problems,
        awaiting_extras=("family 'fog': stages[0]",),
    )
    ice = evolve(FOG, distribution="longtake-ice", name="ice", missing_requirements=needed)
    text = "\n".join(told(longtake, monkeypatch, fog, ice))
    assert "failed in targets\n" in text
    assert "lacks a package\n" in text
    assert "\n  failed      family 'fog': load\n  failed      preset 'thick'\n" in text
    assert "\n  requires    droplets>=2; 1.5 is installed\n" in text
    assert "\n  requires    puddles; it is not installed\n" in text
    assert "\n  extra       family 'fog': stages[0]\n" in text
    assert text.endswith("2 plugins, 2 with errors")


def test_as_json_with_real_plugins(installed: FakeDistributions) -> None:
    installed.add_family("longtake-fog", family="fog")
    installed.add("longtake-mud", "import ctypes\nctypes.string_at(0)")
    names = "longtake,longtake-fog,longtake-mud"
    done = installed.python("-m", "longtake", "doctor", "--json", LONGTAKE_PLUGINS=names)
    assert (done.code, done.err) == (1, "")
    document: dict[str, Any] = json.loads(done.out)
    assert (document["longtake"], document["api"]) == (lt.__version__, "1.0")
    assert document["python"] == platform.python_version()
    assert document["ok"] is False
    plugins = {each["distribution"]: each for each in document["plugins"]}
    assert plugins["longtake-fog"]["provides"][0] == "family:fog"
    assert plugins["longtake-fog"]["heavy"] == []
    assert plugins["longtake-mud"]["phase"] == "import"
    assert "SIGSEGV" in plugins["longtake-mud"]["reason"]


def test_the_users_store_decides_the_exit_code(installed: FakeDistributions) -> None:
    def doctor(url: str) -> int:
        command = ("-m", "longtake", "doctor", "--blobs", url)
        return installed.python(*command, LONGTAKE_PLUGINS="longtake").code

    assert doctor("memory:") == 0
    assert doctor("nobody://here") == 1


def heed_interrupts() -> None:
    """Also where the tests run in the background, for which shells have Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_ctrl_c_ends_it_and_the_processes_of_the_plugins(
    installed: FakeDistributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = "import os, time\nprint(file=open(f'{__file__}.{os.getpid()}.pid', 'w'))\n"
    installed.add("longtake-mud", hangs + "time.sleep(60)")
    monkeypatch.setenv("PYTHONPATH", str(installed.folder))
    monkeypatch.setenv("LONGTAKE_PLUGINS", "longtake-mud")
    command = [sys.executable, "-m", "longtake", "doctor"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    ) as process:
        while not (begun := list(installed.folder.glob("*.pid"))):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors.strip()) == (130, "interrupted")
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun[0].name.split(".")[-2]), 0)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_plugin_that_hangs_ends_also_when_nobody_is_left_to_end_it(
    installed: FakeDistributions, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = "import fcntl\nfile = open(f'{__file__}.lock', 'w')\nfcntl.flock(file, fcntl.LOCK_EX)\n"
    hangs = "import time\nfile.write('x')\nfile.flush()\ntime.sleep(60)"
    installed.add("longtake-mud", locks + hangs)
    monkeypatch.setenv("PYTHONPATH", str(installed.folder))
    monkeypatch.setenv("LONGTAKE_PLUGINS", "longtake-mud")
    command = [sys.executable, "-m", "longtake", "doctor", "--timeout", "0.1"]
    with subprocess.Popen(command) as process:
        while not (begun := list(installed.folder.glob("*.lock"))) or not begun[0].stat().st_size:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert is_free(begun[0])


def is_free(lock: Path) -> bool:
    """Whether the process that has ``lock`` ends within half a minute."""
    import fcntl

    with lock.open() as file:
        for _ in range(300):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
            else:
                return True
    return False


def test_options_reach_the_examination(longtake: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def diagnose(settings: object, **options: Any) -> Diagnosis:
        asked.update(options)
        return Diagnosis(())

    monkeypatch.setattr("longtake.cli.commands.doctor.diagnose", diagnose)
    assert longtake("doctor").code == 0
    default = {"urls": (), "session_urls": (), "timeout": diagnoses.DEFAULT_TIMEOUT}
    assert asked == default
    longtake("doctor", "--timeout", "3", "--blobs", "a:", "--blobs", "b:", "--sessions", "c:")
    assert asked == {"urls": ("a:", "b:"), "session_urls": ("c:",), "timeout": 3.0}
    assert longtake("doctor", "--timeout", "0").code == 2
