"""The page on which takes are made and watched: the files of the package, and nothing else."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

__all__ = ["page_routes"]

_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "svg": "image/svg+xml",
}
"""Of what is sent, by the ends of names; other files of the folder are not."""

_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' blob: data:",
        "media-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
"""Nothing of another server, and no script or style that stands in a document. ``blob:`` is what a
page has made itself: video from fragments, pictures that were asked for with a token."""


def page_routes() -> list[Route]:
    """A route for each file below ``/page/``, and ``/`` for the page itself.

    They need no token: the page asks for it. The files are read once.
    """
    routes = []
    for path, data in sorted(_files(files("longtake_serve") / "page", "").items()):
        kind = _TYPES[path.rpartition(".")[2]]
        routes.append(_route(f"/page/{path}", data, kind))
        if path == "index.html":
            routes.append(_route("/", data, kind))
    return routes


def _files(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for each in folder.iterdir():
        if each.is_dir():
            found |= _files(each, f"{prefix}{each.name}/")
        elif each.name.rpartition(".")[2] in _TYPES:
            found[prefix + each.name] = each.read_bytes()
    return found


def _route(path: str, data: bytes, kind: str) -> Route:
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}

    async def send(request: Request) -> Response:
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers, media_type=kind)

    return Route(path, send, methods=["GET"])
