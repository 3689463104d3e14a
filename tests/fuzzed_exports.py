"""An exported session as a case that is mutated, and what may come of importing one.

The JSON of the manifest, then `MARK`, then the bytes of the other entries. The file is sealed as a
stranger would, and the sizes and digests of its states are made to fit, so that what is behind the
first checks is read, too.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import longtake as lt
from tests.sdk.sessions.exported import REGISTRY, Entries, forged

__all__ = ["MARK", "export_case", "import_case"]

MARK = b"an exported session"
GOLDEN = Path(__file__).parent / "sdk" / "sessions" / "exports" / "format-1.zip"


def _names() -> list[str]:
    with ZipFile(GOLDEN) as opened:
        return opened.namelist()


def export_case() -> list[bytes]:
    """The parts of a valid case."""
    with ZipFile(GOLDEN) as opened:
        *others, manifest = (opened.read(name) for name in opened.namelist())
    return [manifest, MARK, *others]


def import_case(manifest: bytes, contents: list[bytes]) -> None:
    """Import it into empty stores, which a refusal leaves empty.

    Raises what `longtake.import_session` raises.
    """

    def changed(entries: Entries) -> Entries:
        infos = [info for info, _ in entries]
        parts = [*contents, *[b""] * len(infos)][: len(infos) - 1]
        return list(zip(infos, [*parts, _fitting(manifest, parts)], strict=True))

    sessions, blobs = lt.open_session_store("memory:"), lt.open_blob_store("memory:")
    with TemporaryDirectory() as folder:
        path = Path(folder, "take.zip")
        path.write_bytes(GOLDEN.read_bytes())
        try:
            lt.import_session(sessions, forged(path, changed), blobs=blobs, registry=REGISTRY)
        except lt.LongtakeError:
            assert sessions.list() == [], "a refused import left a session"
            raise


def _fitting(manifest: bytes, parts: list[bytes]) -> bytes:
    """``manifest`` with the facts of those states that it has."""
    try:
        document = json.loads(manifest)
        entries = document["entries"]
        for name, data in zip(_names(), parts, strict=False):
            if name.startswith("states/") and name in entries:
                digest = hashlib.sha256(data).hexdigest()
                entries[name] = {"size": len(data), "sha256": digest}
        return json.dumps(document).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return manifest
