"""``longtake sign``: a signed copy beside the take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.cli.cli_support import Command
from tests.sdk.takes.footage import footage
from tests.sdk.takes.signers import Signer, make_signer

pytest.importorskip("c2pa")


@pytest.fixture
def signer(longtake: Command) -> Signer:
    footage(frames=(24,)).write(Path("take.mp4"), [0])
    return make_signer(Path("signer"))


def test_the_copy_lies_beside_the_take_and_can_be_looked_at(
    longtake: Command, signer: Signer
) -> None:
    credentials = ("--certificate", str(signer.certificate), "--key", str(signer.key))
    done = longtake("sign", "take.mp4", *credentials)
    assert (done.code, done.out, done.err) == (0, "", "take-signed.mp4: signed\n")
    assert "24 frames" in longtake("inspect", "take-signed.mp4").out
    again = longtake("sign", "take.mp4", *credentials, "-o", "take-signed.mp4")
    assert again.code != 0
    assert "take-signed.mp4: is there already" in again.err
    assert (
        longtake("sign", "take.mp4", *credentials, "-o", "take-signed.mp4", "--overwrite").code == 0
    )


def test_bad_credentials_are_refused_by_their_option(longtake: Command, signer: Signer) -> None:
    refused = longtake(
        *("sign", "take.mp4", "--certificate", str(signer.certificate)),
        *("--key", str(signer.locked_key)),
    )
    assert refused.code == 2
    assert "key: is encrypted" in refused.err
    assert not Path("take-signed.mp4").exists()
