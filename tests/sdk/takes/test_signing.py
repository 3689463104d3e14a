"""A signed copy of a take: what it holds stays, what it claims can be read and checked."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import longtake as lt
from longtake.media.reader import read_take
from tests.sdk.takes.footage import footage
from tests.sdk.takes.signers import Signer, make_signer

c2pa = pytest.importorskip("c2pa")


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return make_signer(tmp_path / "signer")


@pytest.fixture
def take(tmp_path: Path) -> Path:
    return footage(frames=(24, 16)).write(tmp_path / "take.mp4", [0, 1])


def sign(take: Path, target: Path, signer: Signer, **options: Any) -> Path:
    given = {"certificate": signer.certificate, "key": signer.key, **options}
    lt.sign_take(take, target, **given)
    return target


def manifest(path: Path) -> tuple[str, dict[str, Any]]:
    """Whether it is valid, by the library's own reader, and what it is."""
    with c2pa.Reader(str(path)) as reader:
        store = json.loads(reader.json())
    return store["validation_state"], store["manifests"][store["active_manifest"]]


def test_the_copy_holds_the_take_and_says_that_a_model_made_it(
    take: Path, tmp_path: Path, signer: Signer
) -> None:
    before = take.read_bytes()
    signed = sign(take, tmp_path / "signed.mp4", signer)
    assert take.read_bytes() == before
    state, found = manifest(signed)
    assert state == "Valid"  # and not trusted: nobody knows the root
    assert found["title"] == "signed.mp4"
    assert found["signature_info"]["issuer"] == "A studio"
    (actions,) = (each["data"] for each in found["assertions"] if "actions" in each["label"])
    (action,) = actions["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert action["softwareAgent"]["name"] == "longtake"
    assert "prompt" not in json.dumps(found)
    one, other = read_take(take), read_take(signed)
    np.testing.assert_array_equal(one.frames, other.frames)
    assert one.audio is not None and other.audio is not None
    np.testing.assert_array_equal(one.audio, other.audio)
    assert lt.read_take_record(signed) == lt.read_take_record(take)


@pytest.mark.parametrize("box", [b"mdat", b"uuid"], ids=["pictures", "record"])
def test_a_change_is_seen(take: Path, tmp_path: Path, signer: Signer, box: bytes) -> None:
    signed = sign(take, tmp_path / "signed.mp4", signer)
    content = bytearray(signed.read_bytes())
    content[content.rindex(box) + 100] ^= 1
    signed.write_bytes(content)
    assert manifest(signed)[0] == "Invalid"


@pytest.mark.parametrize("suffix", [".m4a", ".wav", ".gif", ".webp"])
def test_other_kinds_of_file(take: Path, tmp_path: Path, signer: Signer, suffix: str) -> None:
    other = tmp_path / f"other{suffix}"
    lt.join_takes([take], other)
    assert manifest(sign(other, tmp_path / f"signed{suffix}", signer))[0] == "Valid"


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_other_kinds_of_key(take: Path, tmp_path: Path, key: Any) -> None:
    signer = make_signer(tmp_path / "other", key)
    assert manifest(sign(take, tmp_path / "signed.mp4", signer))[0] == "Valid"


def test_what_does_not_fit_is_refused_and_leaves_nothing(
    take: Path, tmp_path: Path, signer: Signer
) -> None:
    other = make_signer(tmp_path / "other")
    (tmp_path / "text.pem").write_text("no certificate")
    target = tmp_path / "signed.mp4"
    refused: list[tuple[str, dict[str, Any]]] = [
        ("certificate: is no PEM", {"certificate": tmp_path / "text.pem"}),
        ("certificate: .* cannot be read", {"certificate": tmp_path / "none.pem"}),
        ("key: is no PEM", {"key": tmp_path / "text.pem"}),
        ("key: is encrypted", {"key": signer.locked_key}),
        ("key: is not that of the first certificate", {"key": other.key}),
        ("certificate: cannot sign", {"time_authority": "http://127.0.0.1:9/"}),
    ]
    for problem, options in refused:
        with pytest.raises(lt.ValidationError, match=problem):
            sign(take, target, signer, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("other", "signer", "take.mp4", "text.pem")
    ]


def test_a_kind_of_key_that_c2pa_has_not(take: Path, tmp_path: Path) -> None:
    signer = make_signer(tmp_path / "other", ec.generate_private_key(ec.SECP256K1()))
    with pytest.raises(lt.ValidationError, match="key: is of a kind that C2PA does not sign with"):
        sign(take, tmp_path / "signed.mp4", signer)


def test_files_that_cannot_be_signed(take: Path, tmp_path: Path, signer: Signer) -> None:
    for source, target, problem in (
        (tmp_path / "take.mkv", tmp_path / "signed.mkv", "source: is a .mkv; sign a .mp4"),
        (take, tmp_path / "signed.wav", "target: is no .mp4"),
        (tmp_path / "none.mp4", tmp_path / "signed.mp4", "source: .*no such file"),
        (take, take, "target: is the source"),
    ):
        with pytest.raises(lt.ValidationError, match=problem):
            sign(source, target, signer)


def test_what_is_there_is_replaced_only_when_asked(
    take: Path, tmp_path: Path, signer: Signer
) -> None:
    target = tmp_path / "signed.mp4"
    target.write_bytes(b"mine")
    with pytest.raises(lt.OutputError, match="is there already"):
        sign(take, target, signer)
    assert target.read_bytes() == b"mine"
    assert manifest(sign(take, target, signer, overwrite=True))[0] == "Valid"


def test_without_the_package_it_says_what_to_install(
    take: Path, tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "c2pa":
            raise ImportError(name)
        return there(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(lt.MissingDependencyError, match=r"pip install longtake\[c2pa\]"):
        sign(take, tmp_path / "signed.mp4", signer)
