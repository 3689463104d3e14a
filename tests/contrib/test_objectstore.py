"""longtake-objectstore beside real servers that speak S3."""

from __future__ import annotations

import http.client
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

import pytest

import longtake as lt
from longtake.testing import BlobStoreContract, RawBlobs
from longtake.testing.blobs.outages import soon
from tests.servers import MotoServer, RcloneServer, S3Server

pytest.importorskip("longtake_objectstore")

MIB = 2**20


def open_store(url: str) -> Any:
    return lt.open_blob_store(url, registry=lt.Registry.of("longtake_objectstore.plugin"))


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3Server.key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3Server.secret)


@pytest.fixture
def store(moto_server: MotoServer) -> Iterator[Any]:
    with closing(open_store(moto_server.new_url())) as store:
        yield store


def client(server: S3Server) -> Any:
    """boto3's client of the server."""
    boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: pip install boto3")
    return boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1")


def names(server: S3Server, prefix: str = "") -> list[str]:
    listed = client(server).list_objects_v2(Bucket=server.bucket, Prefix=prefix)
    return [each["Key"] for each in listed.get("Contents", [])]


class ObjectsRaw(RawBlobs):
    """The objects of a folder, through another client than the store's."""

    def __init__(self, server: S3Server, url: str) -> None:
        self._server = server
        self._client = client(server)
        self._prefix = urlsplit(url).path.lstrip("/") + "/"

    def read(self, blob_id: str) -> bytes:
        name = self._prefix + blob_id
        content: bytes = self._client.get_object(Bucket=self._server.bucket, Key=name)[
            "Body"
        ].read()
        return content

    def write(self, blob_id: str, content: bytes) -> None:
        name = self._prefix + blob_id
        self._client.put_object(Bucket=self._server.bucket, Key=name, Body=content)

    def names(self) -> set[str]:
        return {name.removeprefix(self._prefix) for name in names(self._server, self._prefix)}


class ServerContract(BlobStoreContract):
    """The contract over one server."""

    secrets = (S3Server.key_id, S3Server.secret)
    num_ids = 100
    cycles = 200
    kills = 8
    uses = 40
    examples = 10

    @pytest.fixture
    def server(self) -> S3Server:
        raise NotImplementedError

    @pytest.fixture
    def url(self, server: S3Server) -> str:
        return server.new_url()

    @pytest.fixture
    def store(self, url: str) -> Iterator[Any]:
        with closing(open_store(url)) as store:
            yield store

    @pytest.fixture
    def raw(self, server: S3Server, url: str) -> RawBlobs:
        return ObjectsRaw(server, url)

    @pytest.fixture
    def outage(self, server: S3Server) -> Any:
        return server.stopped


class TestMotoBlobs(ServerContract):
    @pytest.fixture
    def server(self, moto_server: MotoServer) -> S3Server:
        return moto_server


class TestRcloneBlobs(ServerContract):
    @pytest.fixture
    def server(self, rclone_server: RcloneServer) -> S3Server:
        return rclone_server


# What lies in the bucket


def test_a_blob_is_one_object_in_the_folder(moto_server: MotoServer) -> None:
    url = moto_server.new_url()
    folder = urlsplit(url).path.strip("/")
    with closing(open_store(url)) as store:
        blob_id = store.put(b"abc")
        assert names(moto_server, f"{folder}/") == [f"{folder}/{blob_id}"]
        store.drop(blob_id)
    assert names(moto_server, f"{folder}/") == []


def test_folders_keep_stores_apart(moto_server: MotoServer, store: Any) -> None:
    with closing(open_store(moto_server.new_url())) as other:
        blob_id = store.put(b"abc")
        assert blob_id in store
        assert blob_id not in other


def test_an_object_that_is_there_is_never_replaced(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob_id = store.put(b"first")
    monkeypatch.setattr("longtake.blobs.records.store.new_id", lambda: blob_id)
    with pytest.raises(lt.BlobStoreUnavailable):
        store.put(b"second")
    assert store.get(blob_id) == b"first"


def test_large_blobs_go_in_parts(moto_server: MotoServer, store: Any) -> None:
    blob_id = store.put(bytes(70 * MIB))
    (name,) = [name for name in names(moto_server) if name.endswith(blob_id)]
    tag = client(moto_server).head_object(Bucket=moto_server.bucket, Key=name)["ETag"]
    assert tag.endswith('-5"')  # the number of parts
    assert store.stat(blob_id).size == 70 * MIB


@pytest.fixture(params=["here", "in a helper"])
def where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where obstore works: here, or in a helper process, as for a process that was forked."""
    if request.param == "in a helper":
        monkeypatch.setattr("longtake_objectstore.records._IMPORTED_IN", 0)


@pytest.mark.usefixtures("where")
def test_blobs_are_listed_by_the_time_of_the_service(moto_server: MotoServer, store: Any) -> None:
    powers = isinstance(store, lt.SupportsRenewal), isinstance(store, lt.SupportsListing)
    assert powers == (False, True)
    ids = [store.put(b"%d" % index) for index in range(3)]
    while set(store.list_ids(min_age_seconds=1)) != set(ids):  # the service counts whole seconds
        time.sleep(0.1)
    store.drop(ids.pop())
    late = store.put(b"late")
    with closing(open_store(moto_server.new_url())) as other:
        other.put(b"in another folder")
    assert set(store.list_ids(min_age_seconds=-60)) == {*ids, late}
    assert set(store.list_ids(min_age_seconds=3600)) == set()


def test_what_lies_in_a_folder_within_is_not_listed(moto_server: MotoServer) -> None:
    url = moto_server.new_url()
    outer, _, options = url.partition("?")
    with closing(open_store(url)) as store, closing(open_store(f"{outer}/in?{options}")) as inner:
        blob_id = store.put(b"abc")
        inner.put(b"abc")
        assert list(store.list_ids(min_age_seconds=-60)) == [blob_id]


def test_a_bucket_that_is_not_there_is_unavailable_for_listing(moto_server: MotoServer) -> None:
    url = moto_server.new_url().replace(moto_server.bucket, "no-such-bucket")
    with closing(open_store(url)) as store, pytest.raises(lt.BlobStoreUnavailable):
        list(store.list_ids(min_age_seconds=1))


def test_a_sweep_of_sessions_drops_what_is_old_and_not_needed(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: Any = lt.open_session_store("memory:")
    needed, lost = store.put(b"needed"), store.put(b"lost")
    sessions.hold([needed], for_seconds=60)
    assert lt.sweep_sessions(sessions, store).blobs == 0
    listed = store.records.list_ids

    def after_days(*, min_age_seconds: float) -> Iterator[str]:
        names: Iterator[str] = listed(min_age_seconds=min_age_seconds - 3 * 86400)
        return names

    monkeypatch.setattr(store.records, "list_ids", after_days)
    assert lt.sweep_sessions(sessions, store).blobs == 1
    assert needed in store
    assert lost not in store


@pytest.mark.usefixtures("where")
def test_an_upload_that_fails_is_aborted(moto_server: MotoServer, store: Any) -> None:
    during: list[Any] = []

    def uploads() -> list[Any]:
        listed = client(moto_server).list_multipart_uploads(Bucket=moto_server.bucket)
        return list(listed.get("Uploads", []))

    def data() -> Iterator[bytes]:
        for _ in range(120):
            yield bytes(MIB)
        during.extend(uploads())
        raise RuntimeError("no more")

    before = names(moto_server)
    with pytest.raises(RuntimeError, match="no more"):
        store.put(data())
    assert len(during) == 1
    assert uploads() == []
    assert names(moto_server) == before
    assert store.put(b"abc") in store


def test_an_interrupt_in_the_middle_of_a_piece_ends_a_helpers_upload(
    store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longtake_objectstore.records._IMPORTED_IN", 0)
    send = Connection._send  # type: ignore[attr-defined]

    def interrupted(self: Connection, content: bytes) -> None:
        monkeypatch.setattr(Connection, "_send", send)
        send(self, content[:100])
        raise KeyboardInterrupt

    def data() -> Iterator[bytes]:
        yield bytes(MIB)
        monkeypatch.setattr(Connection, "_send", interrupted)
        yield bytes(MIB)

    with pytest.raises(KeyboardInterrupt):
        soon(20, store.put, data())
    assert store.put(b"abc") in store


def test_an_iterable_is_put_in_bounded_memory(store: Any) -> None:
    tracemalloc.start()
    try:
        blob_id = store.put(bytes(MIB) for _ in range(160))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 130 * MIB, peak / MIB
    assert store.stat(blob_id).size == 160 * MIB


# Servers that do less, or nothing


class Proxy(BaseHTTPRequestHandler):
    """Hands requests on to the server at ``port``; subclasses leave something out."""

    port: int
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing to standard error."""

    def hand_on(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        with closing(connection):
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            self.reply(answer.status, dict(answer.headers), answer.read())

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        has_body = self.command != "HEAD"
        for name, value in headers.items():
            if name.lower() not in {"connection", "transfer-encoding"} and (
                name.lower() != "content-length" or not has_body
            ):
                self.send_header(name, value)
        if has_body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body:
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = hand_on  # noqa: N815 - http.server's names


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The endpoint where ``handler`` answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def store_over(server: S3Server, kind: type[Proxy]) -> Iterator[Any]:
    """A store whose requests go through a proxy of this kind."""
    kind.port = server.port
    with (
        listening(kind) as endpoint,
        closing(open_store(server.new_url().replace(server.endpoint, endpoint))) as store,
    ):
        yield store


class WithoutRanges(Proxy):
    """Ignores Range, as RFC 9110 lets a server do."""

    def hand_on(self) -> None:
        del self.headers["Range"]
        super().hand_on()

    do_GET = hand_on  # noqa: N815


def test_a_server_that_ignores_ranges_gives_the_same(moto_server: MotoServer) -> None:
    data = os.urandom(5000)
    with store_over(moto_server, WithoutRanges) as store:
        blob_id = store.put(data)
        assert bytes(store.get_range(blob_id, 10, 400)) == data[10:400]
        assert bytes(store.get_range(blob_id, 4000, 9000)) == data[4000:]
        assert store.stat(blob_id).size == 5000


class WithoutConditions(Proxy):
    """Does not know If-None-Match."""

    def hand_on(self) -> None:
        if self.command == "PUT" and "If-None-Match" in self.headers:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b"<Error><Code>NotImplemented</Code></Error>"
            self.reply(501, {"Content-Type": "application/xml"}, body)
        else:
            super().hand_on()

    do_PUT = hand_on  # noqa: N815


def test_a_server_without_conditional_requests_is_enough(moto_server: MotoServer) -> None:
    with store_over(moto_server, WithoutConditions) as store:
        for data in (b"abc", b"def"):
            assert bytes(store.get(store.put(data))) == data


class LosingAnswers(Proxy):
    """Does what the first PUT asks for, and says that it failed."""

    lost = False

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        if self.command == "PUT" and not LosingAnswers.lost:
            LosingAnswers.lost = True
            status, headers, body = 500, {}, b""
        super().reply(status, headers, body)


def test_a_lost_answer_does_not_fail_the_put(moto_server: MotoServer) -> None:
    LosingAnswers.lost = False
    with store_over(moto_server, LosingAnswers) as store:
        blob_id = store.put(b"abc")
        assert LosingAnswers.lost
        assert bytes(store.get(blob_id)) == b"abc"


class SayingWhatIsAbsent(Proxy):
    """Deletes like Google's and Microsoft's services: what is absent is an error."""

    def hand_on(self) -> None:
        if self.command == "DELETE":
            self.reply(404, {}, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            super().hand_on()

    do_DELETE = hand_on  # noqa: N815


def test_dropping_what_is_absent_does_nothing_anywhere(moto_server: MotoServer) -> None:
    with store_over(moto_server, SayingWhatIsAbsent) as store:
        store.drop("0" * 32)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (507, "InsufficientStorage", lt.BlobStoreFull),
        (403, "QuotaExceeded", lt.BlobStoreFull),
        (400, "EntityTooLarge", lt.BlobTooLarge),
        (403, "AccessDenied", lt.BlobStoreUnavailable),
        (401, "Unauthorized", lt.BlobStoreUnavailable),
        (503, "SlowDown", lt.BlobStoreUnavailable),
    ],
)
def test_what_a_server_refuses_is_one_of_longtakes_errors(
    status: int, code: str, expected: type[lt.BlobError]
) -> None:
    class Refusing(Proxy):
        def hand_on(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.reply(status, {}, f"<Error><Code>{code}</Code></Error>".encode())

        do_PUT = hand_on  # noqa: N815

    with (
        listening(Refusing) as endpoint,
        closing(open_store(f"s3://bucket/folder?endpoint={endpoint}")) as store,
        pytest.raises(expected) as raised,
    ):
        store.put(b"abc")
    assert type(raised.value) is expected


@pytest.mark.parametrize("use", ["put", "get", "drop", "in", "stat"])
def test_a_bucket_that_is_not_there_is_unavailable(moto_server: MotoServer, use: str) -> None:
    uses: dict[str, Callable[[Any], object]] = {
        "put": lambda store: store.put(b"abc"),
        "get": lambda store: store.get("0" * 32),
        "drop": lambda store: store.drop("0" * 32),
        "in": lambda store: "0" * 32 in store,
        "stat": lambda store: store.stat("0" * 32),
    }
    url = f"s3://nothing-here/folder?endpoint={moto_server.endpoint}"
    with (
        closing(open_store(url)) as store,
        pytest.raises(lt.BlobStoreUnavailable, match="no such bucket"),
    ):
        uses[use](store)


def test_a_server_that_hangs_is_unavailable_in_bounded_time(moto_server: MotoServer) -> None:
    with closing(open_store(f"{moto_server.new_url()}&timeout=1")) as store:
        blob_id, other = store.put(b"abc"), store.put(b"def")
        with moto_server.hung():
            for use, argument in ((store.get, blob_id), (store.put, b"ghi"), (store.drop, other)):
                with pytest.raises(lt.BlobStoreUnavailable):
                    use(argument)
        assert bytes(store.get(blob_id)) == b"abc"


# Credentials


def test_wrong_credentials_are_unavailable_and_not_repeated(
    rclone_server: RcloneServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong/wrong/wrong")
    with (
        caplog.at_level(logging.DEBUG),
        closing(open_store(rclone_server.new_url())) as store,
        pytest.raises(lt.BlobStoreUnavailable, match="credentials") as raised,
    ):
        store.put(b"abc")
    said = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert "wrong/wrong" not in said
    assert S3Server.key_id not in said


def test_no_credentials_are_unavailable(
    rclone_server: RcloneServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1")  # a machine of no cloud
    with (
        closing(open_store(rclone_server.new_url())) as store,
        pytest.raises(lt.BlobStoreUnavailable),
    ):
        store.put(b"abc")


def test_a_pickle_has_no_credentials(store: Any) -> None:
    content = pickle.dumps(store)
    assert S3Server.secret.encode() not in content
    assert S3Server.key_id.encode() not in content


def test_plain_http_must_be_asked_for(
    moto_server: MotoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server.endpoint)
    with (
        closing(open_store(f"s3://{moto_server.bucket}/folder")) as store,
        pytest.raises(lt.BlobStoreUnavailable, match="http"),
    ):
        store.put(b"abc")


@pytest.mark.parametrize("url", ["s3://bucket", "gs://bucket/a", "az://bucket/a/b?account=name"])
def test_each_service_opens_without_asking_it(url: str) -> None:
    with closing(open_store(url)) as store:
        assert url.partition("?")[0] in repr(store)


BAD_URLS = {
    "no bucket": "s3:///folder",
    "no URL": "s3:",
    "credentials": "s3://secret:secret@bucket/folder",
    "a bucket that is none": "s3://Secret_Bucket!/folder",
    "a key": "s3://bucket?access_key_id=secret",
    "a token": "az://bucket?account=name&sas_token=secret",
    "another service's option": "gs://bucket?region=secret",
    "a way up": "s3://bucket/../secret",
    "an endpoint that is none": "s3://bucket?endpoint=secret",
    "an endpoint with half an address": "s3://bucket?endpoint=http://[secret",
    "an endpoint with a word as port": "s3://bucket?endpoint=http://host:secret",
    "credentials in the endpoint": "s3://bucket?endpoint=https://secret:secret@host",
    "a signed endpoint": "s3://bucket?endpoint=https://host/%3Fsignature=secret",
    "a timeout that is none": "s3://bucket?timeout=secret",
    "a fragment": "s3://bucket/folder#secret",
    "no account": "az://bucket/folder",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_bad_urls_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(lt.ValidationError) as raised:
        open_store(url)
    assert raised.value.path == "blobs"
    assert "secret" not in str(raised.value).lower()


def test_the_plugin_is_listed_without_importing_the_client() -> None:
    code = (
        "import sys, longtake_objectstore.plugin as p; p.longtake_blob_stores(); "
        "sys.exit('obstore' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
