"""The contract of authenticators: the tests that every authenticator passes.

class TestMyTokens(AuthenticatorContract):
    @pytest.fixture
    def authenticator(self, tmp_path):
        return MyTokens(...)

    @pytest.fixture
    def tokens(self):
        return {"a token of ann's": "ann", "another": "ann", "one of bob's": "bob"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

import longtake as lt

__all__ = ["AuthenticatorContract"]

_TENANT = re.compile(r"[!-~]{1,128}", re.ASCII)
_NOBODYS = (
    *(
        "",
        " ",
        "\0",
        "\n",
        "None",
        "null",
        "*",
        "%",
        "é",
        "\udcff",
        "\N{MATHEMATICAL FRAKTUR SMALL A}",
    ),
    *("../../etc/passwd", "' OR 1=1 --", "a" * 100_000, "\0" * 1000, "e30.e30."),
)
"""What clients send who have no token."""


class AuthenticatorContract:
    """Every test of an authenticator. Subclass it; define ``authenticator`` and ``tokens``."""

    @pytest.fixture
    def authenticator(self) -> lt.Authenticator:
        """An authenticator that knows ``tokens``. To be defined."""
        raise NotImplementedError("define the fixture `authenticator`: it knows `tokens`")

    @pytest.fixture
    def tokens(self) -> Mapping[str, str]:
        """Tenants by tokens, of two tenants at least. To be defined."""
        raise NotImplementedError("define the fixture `tokens`: tenants by tokens")

    def test_it_has_the_method(self, authenticator: lt.Authenticator) -> None:
        assert isinstance(authenticator, lt.Authenticator)

    def test_each_token_is_its_tenants(
        self, authenticator: lt.Authenticator, tokens: Mapping[str, str]
    ) -> None:
        assert len(set(tokens.values())) > 1, "`tokens` must be of two tenants at least"
        for token, tenant in [*tokens.items()] * 2:
            assert authenticator.tenant(token) == tenant

    def test_a_tenant_can_be_written_down(
        self, authenticator: lt.Authenticator, tokens: Mapping[str, str]
    ) -> None:
        for token in tokens:
            tenant = authenticator.tenant(token)
            assert isinstance(tenant, str)
            assert _TENANT.fullmatch(tenant), "a tenant is 1 to 128 visible characters of ASCII"

    def test_who_has_no_token_is_no_tenant_of_a_token(
        self, authenticator: lt.Authenticator, tokens: Mapping[str, str]
    ) -> None:
        assert authenticator.tenant(None) not in tokens.values()

    @pytest.mark.parametrize("token", _NOBODYS, ids=range(len(_NOBODYS)))
    def test_other_texts_are_nobodys(self, authenticator: lt.Authenticator, token: str) -> None:
        assert authenticator.tenant(token) is None

    def test_what_is_nearly_a_token_is_nobodys(
        self, authenticator: lt.Authenticator, tokens: Mapping[str, str]
    ) -> None:
        for token, tenant in tokens.items():
            nearly = [token[1:], token[:-1], f"{token}x", f"x{token}", token.swapcase(), tenant]
            nearly += [f"{token} ", f"{token}\n", f"{token}\0", f"{token} {token}", token * 2]
            for text in nearly:
                if text not in tokens:
                    assert authenticator.tenant(text) is None, f"{text[:3]!r}... is not a token"

    def test_it_may_be_asked_from_many_threads(
        self, authenticator: lt.Authenticator, tokens: Mapping[str, str]
    ) -> None:
        asked = [*tokens, None, "nobody's"] * 50
        expected = [tokens.get(token or "", authenticator.tenant(token)) for token in asked]
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(authenticator.tenant, asked)) == expected

    def test_it_shows_no_token(
        self, authenticator: lt.Authenticator, tokens: Mapping[str, str]
    ) -> None:
        shown = f"{authenticator!r} {authenticator}"
        assert not any(token in shown for token in tokens)
