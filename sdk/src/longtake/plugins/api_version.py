"""The version of the SDK API, and whether it is one that a plugin can use."""

from __future__ import annotations

import re

from longtake.errors import PluginError

__all__ = ["API_VERSION", "check_api_version"]

API_VERSION = (1, 0)
"""What plugins may require with a module attribute such as ``LONGTAKE_API = ">=1,<2"``."""

_CLAUSE = re.compile(r"(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)")


def check_api_version(required: object) -> None:
    """Raise `PluginError` when ``required`` (``">=1,<2"``) is malformed or not satisfied."""
    clauses = required.split(",") if isinstance(required, str) else [""]
    parsed = [_CLAUSE.fullmatch(clause.strip()) for clause in clauses]
    if not all(parsed):
        raise PluginError(f"LONGTAKE_API is {required!r}; it must be like '>=1,<2'")
    if not all(_holds(match[1], match[2]) for match in parsed if match):
        offered = ".".join(map(str, API_VERSION))
        raise PluginError(
            f"it needs the SDK API {required!r}, this Longtake offers {offered}; install versions "
            "of the two that fit together"
        )


def _holds(operator: str, text: str) -> bool:
    wanted = tuple(int(part) for part in text.split("."))
    width = max(len(API_VERSION), len(wanted))
    left = API_VERSION + (0,) * (width - len(API_VERSION))
    right = wanted + (0,) * (width - len(wanted))
    return {
        ">=": left >= right,
        "<=": left <= right,
        "==": left == right,
        "!=": left != right,
        ">": left > right,
        "<": left < right,
    }[operator]
