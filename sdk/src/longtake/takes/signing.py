"""Content credentials: a signed copy of a file that says that a model made it (C2PA).

The manifest has one action, ``c2pa.created``, with IPTC's digital source type
``trainedAlgorithmicMedia``, as the specification of the Coalition for Content Provenance and
Authenticity has it for what a model made from nothing. It holds no prompt and no name.
"""

from __future__ import annotations

import json
import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longtake.durable import replacement
from longtake.errors import MissingDependencyError, OutputError, ValidationError, text_of

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["sign_take"]

_MADE_BY_A_MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_KINDS = {
    ".mp4": "video/mp4",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
"""Of what Longtake writes, what can hold a manifest, by suffix."""
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_LARGEST_PEM = 2**20


def sign_take(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    certificate: str | os.PathLike[str],
    key: str | os.PathLike[str],
    time_authority: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write a copy of a finished file to ``target`` with a signed C2PA manifest in it.

    The copy's pictures, sound and record are those of ``source``, a ``.mp4``, ``.m4a``, ``.wav``,
    ``.gif`` or ``.webp``; whatever changes it later, also going on with it, breaks the signature.

    ``certificate``: a PEM file with the signer's certificate and those that it follows from, in
    this order. ``key``: a PEM file with its private key, not encrypted: of the curves P-256, P-384
    or P-521, Ed25519, or RSA (which signs as PS256). ``time_authority``: the URL of a service that
    says when it was signed (RFC 3161), which is asked; without it the signature is no longer valid
    when the certificate is not.

    Raises `MissingDependencyError` without ``longtake[c2pa]``, `ValidationError` for files that do
    not fit, and `OutputError` for a ``target`` that is there, unless ``overwrite``, or cannot be
    written.
    """
    c2pa = _library()
    kind, name = _kind_of(source, target), os.fspath(target)
    chain, private, algorithm = _credentials(certificate, key)
    if os.path.lexists(name) and not overwrite:
        raise OutputError(name, "is there already; name another file, or say overwrite")
    authority = None if time_authority is None else time_authority.encode()
    try:
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(algorithm.encode(), chain, private, authority)
        )
        with (
            c2pa.Builder(json.dumps(_manifest(name, kind))) as builder,
            open(source, "rb") as read,
            replacement(os.path.realpath(name)) as temporary,
            open(temporary, "wb+") as written,
        ):
            builder.sign(signer, kind, read, written)
    except c2pa.C2paError as error:
        raise ValidationError("certificate", f"cannot sign: {text_of(error)}") from error
    except OSError as error:
        raise OutputError(name, f"cannot be written: {error.strerror or error}") from error


def _library() -> ModuleType:
    try:
        import c2pa
    except ImportError as error:
        raise MissingDependencyError("longtake[c2pa]", "signing a take") from error
    module: ModuleType = c2pa
    return module


def _kind_of(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> str:
    suffixes = [Path(each).suffix.lower() for each in (source, target)]
    if suffixes[0] not in _KINDS:
        can = ", ".join(_KINDS)
        raise ValidationError(
            "source", f"is a {suffixes[0] or 'file without suffix'}; sign a {can}"
        )
    if suffixes[0] != suffixes[1]:
        raise ValidationError("target", f"is no {suffixes[0]} as the source is; name one")
    if not Path(source).is_file():
        raise ValidationError("source", f"{os.fspath(source)}: there is no such file")
    if os.path.exists(target) and os.path.samefile(source, target):
        raise ValidationError("target", "is the source; sign into a file of its own")
    return _KINDS[suffixes[0]]


def _credentials(
    certificate: str | os.PathLike[str], key: str | os.PathLike[str]
) -> tuple[bytes, bytes, str]:
    """The PEM of both, and the algorithm that the key signs by."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    chain, private = _read("certificate", certificate), _read("key", key)
    try:
        signers = load_pem_x509_certificates(chain)
    except ValueError as error:
        raise ValidationError("certificate", f"is no PEM of certificates: {error}") from None
    try:
        loaded: Any = load_pem_private_key(private, None)
    except TypeError:
        raise ValidationError("key", "is encrypted; give one that is not") from None
    except Exception as error:  # also of kinds that the library does not know
        raise ValidationError("key", f"is no PEM of a private key: {text_of(error)}") from None
    if signers[0].public_key() != loaded.public_key():
        raise ValidationError(
            "key", "is not that of the first certificate; give both of one signer"
        )
    return chain, private, _algorithm(loaded)


def _read(path: str, file: str | os.PathLike[str]) -> bytes:
    try:
        with open(file, "rb") as opened:
            return opened.read(_LARGEST_PEM)
    except OSError as error:
        problem = f"{os.fspath(file)} cannot be read: {error.strerror or error}"
        raise ValidationError(path, problem) from None


def _algorithm(key: Any) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    problem = "is of a kind that C2PA does not sign with; use P-256, P-384, P-521, Ed25519 or RSA"
    raise ValidationError("key", problem)


def _manifest(name: str, kind: str) -> dict[str, Any]:
    agent = {"name": "longtake", "version": metadata.version("longtake")}
    created = {
        "action": "c2pa.created",
        "digitalSourceType": _MADE_BY_A_MODEL,
        "softwareAgent": agent,
    }
    return {
        "claim_generator_info": [agent],
        "title": os.path.basename(name),
        "format": kind,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
