"""The plugin: a command, and files of tokens. The web server is imported when it is run."""

from __future__ import annotations

import longtake as lt

LONGTAKE_API = ">=1,<2"


@lt.hookimpl
def longtake_commands() -> list[lt.Command]:
    return [lt.Command("serve", "longtake_serve.command:serve", help="Serve takes over HTTP.")]


@lt.hookimpl
def longtake_authenticators() -> list[lt.AuthenticatorBackend]:
    return [lt.AuthenticatorBackend("file", "longtake_serve.http.access:open_token_file")]
