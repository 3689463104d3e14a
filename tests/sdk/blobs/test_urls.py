"""URLs as they may be shown, where nobody learns how to log in; and the paths that they name."""

from __future__ import annotations

import pytest

import longtake as lt
from longtake.blobs.urls import local_path, masked_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory:", "memory:"),
        ("file:///var/a@b", "file:///var/a@b"),
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://me:hunter2@host:6379/0", "redis://host:6379/0"),
        ("redis://:hunter2@host", "redis://host"),
        ("redis://me:hun@ter2@host", "redis://host"),
        ("redis://me:hunter/2@host/0", "redis://host/0"),
        ("redis://me:hunter?2@host/0", "redis://***"),
        ("redis://me:hunter#2@host/0", "redis://***"),
        ("redis://me:hun/ter?2@host/0", "redis://***"),
        ("redis://me:hun/ter#2@host/0", "redis://***"),
        ("redis://me:hun@t/er?2@host/0", "redis://***"),
        ("redis:///me:hunter2@host/0", "redis://host/0"),
        ("redis:me:hunter?2@host", "***"),
        ("redis://me@host/a@b", "redis://host/a@b"),
        ("s3://bucket/a@b?secret=hunter2", "s3://bucket/a@b"),
        ("s3://bucket/a?endpoint=http://me:hunter2@host", "s3://bucket/a"),
        ("s3://bucket?secret=hunter2@x", "s3://***"),
        ("s3://bucket/prefix#hunter2", "s3://bucket/prefix"),
        ("memory:?secret=hunter2", "memory:"),
        ("me:hunter2@host", "host"),
    ],
)
def test_what_is_secret_is_left_out(url: str, shown: str) -> None:
    assert masked_url(url) == shown


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///var/blobs", "/var/blobs"),
        ("FILE:///var", "/var"),
        ("my-store+2.0:///a/b.db", "/a/b.db"),
        ("file://localhost/a", "/a"),
        ("file:///a%20b%2Fc%3f", "/a b/c?"),
        ("file:///%e2%82%ac", "/\u20ac"),
        ("file:///%ff", "/\udcff"),
    ],
)
def test_a_local_url_names_an_absolute_path(url: str, path: str) -> None:
    assert local_path(url) == path


@pytest.mark.parametrize(
    "url",
    [
        *("file:", "file:a", "file:/a", "file://", "file://host/a", "file://me@localhost/a"),
        *(
            "file:///a?b",
            "file:///a#b",
            "file:///a%",
            "file:///a%2",
            "file:///a%00",
            "/a",
            "",
            "://a",
            "2x:///a",
        ),
    ],
)
def test_anything_else_names_no_path(url: str) -> None:
    with pytest.raises(lt.ValidationError, match="'.*:///absolute/path'") as refused:
        local_path(url)
    assert refused.value.path == "blobs"


def test_a_scheme_may_be_asked_for() -> None:
    assert local_path("FILE:///a", scheme="file") == "/a"
    with pytest.raises(lt.ValidationError, match="a file store is 'file:///absolute/path'"):
        local_path("http:///a", scheme="file")
