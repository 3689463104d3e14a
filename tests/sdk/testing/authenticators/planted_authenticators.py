"""Authenticators with one fault each; `Test` classes run the contract over them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar

import pytest

import longtake as lt
from longtake.testing import AuthenticatorContract

TOKENS = {"Fog-1": "ann", "Fog-2": "ann", "Rain-1": "bob"}


WRONG_TENANT = (
    "test_a_tenant_can_be_written_down",
    "test_each_token_is_its_tenants",
    "test_it_may_be_asked_from_many_threads",
)


class Whole:
    """Nothing is wrong. ``fails``: the tests that fail, of one that is broken."""

    fails: ClassVar[tuple[str, ...]] = ()

    def tenant(self, token: str | None) -> str | None:
        return TOKENS.get(token or "")


class KnowsNobody(Whole):
    fails = WRONG_TENANT

    def tenant(self, token: str | None) -> str | None:
        return None


class WithoutCase(Whole):
    fails = ("test_what_is_nearly_a_token_is_nobodys",)

    def tenant(self, token: str | None) -> str | None:
        return {key.lower(): value for key, value in TOKENS.items()}.get((token or "").lower())


class BeginningIsEnough(Whole):
    fails = ("test_what_is_nearly_a_token_is_nobodys",)

    def tenant(self, token: str | None) -> str | None:
        return next((v for k, v in TOKENS.items() if (token or "").startswith(k)), None)


class Strips(Whole):
    fails = ("test_what_is_nearly_a_token_is_nobodys",)

    def tenant(self, token: str | None) -> str | None:
        return TOKENS.get((token or "").strip())


class LetsEverybodyIn(Whole):
    fails = ("test_who_has_no_token_is_no_tenant_of_a_token",)

    def tenant(self, token: str | None) -> str | None:
        return "ann" if token is None else TOKENS.get(token)


class WantsAscii(Whole):
    fails = tuple(f"test_other_texts_are_nobodys[{number}]" for number in (8, 9, 10))

    def tenant(self, token: str | None) -> str | None:
        return TOKENS.get((token or "").encode("ascii").decode())


class SaysATenantWithASpace(Whole):
    fails = WRONG_TENANT

    def tenant(self, token: str | None) -> str | None:
        found = TOKENS.get(token or "")
        return found and f"{found} of fog"


class ShowsTokens(Whole):
    fails = ("test_it_shows_no_token",)

    def __repr__(self) -> str:
        return f"<ShowsTokens {TOKENS}>"


class KeepsTheTokenMeanwhile(Whole):
    """Whoever is asked about at the same time is taken for another."""

    fails = ("test_it_may_be_asked_from_many_threads",)
    token: str | None = None

    def tenant(self, token: str | None) -> str | None:
        self.token = token
        time.sleep(0.001)
        return TOKENS.get(self.token or "")


def broken() -> list[type[Whole]]:
    return [Whole, *Whole.__subclasses__()]


class Authenticators(AuthenticatorContract):
    kind: ClassVar[type[Whole]] = Whole

    @pytest.fixture
    def authenticator(self) -> lt.Authenticator:
        return self.kind()

    @pytest.fixture
    def tokens(self) -> Mapping[str, str]:
        return TOKENS


for each in broken():
    globals()[f"Test{each.__name__}"] = type(
        f"Test{each.__name__}", (Authenticators,), {"kind": each}
    )
