"""Habits that the code keeps: what it reads, prints, catches and calls things."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

from tests.rules.sources import Source, all_sources, sdk_sources

ISOLATING = {
    "longtake.cli.options.completion",
    "longtake.cli.options.family",
    "longtake.cli.terminal.narration",
    "longtake.cli.ending",
    "longtake.cli.group",
    "longtake.cli.listings",
    "longtake.dispatch.listening",
    "longtake.dispatch.working",
    "longtake.doctor.recipes",
    "longtake.doctor.stores",
    "longtake.doctor.targets",
    "longtake.errors",
    "longtake.plugins.installed",
    "longtake.runs.observers",
    "longtake.runs.shares",
    "longtake.plugins.loading",
    "longtake.plugins.metadata",
    "longtake.plugins.observing",
    "longtake.plugins.published",
    "longtake.plugins.registry",
    "longtake.runs.following",
    "longtake.runs.streaming",
    "longtake.sessions.ahead",
    "longtake.sessions.making_thread",
    "longtake.testing.blobs.integrity",
    "longtake.testing.blobs.outages",
    "longtake.testing.codecs.reading",
    "longtake.testing.families.recognised",
    "longtake.testing.hanging",
    "longtake.testing.observers.contract",
    "longtake_ray.connecting",
    "longtake_ray.dispatcher",
    "longtake_ray.hand",
    "longtake_ray.leftovers",
    "longtake_ray.parcels",
    "longtake_ray.worker",
    "longtake_serve.takes.clerk",
    "longtake_serve.takes.listeners",
}
"""Modules that may catch everything, each time with the reason beside it."""

MODEL_WORDS = ("ltx", "torch", "diffusers", "transformers")

KNOWS_LIBRARIES = {"longtake.doctor.heavy", "longtake.sessions.steps"}
"""Name libraries to say who imports them too early, and with which versions bits change."""

EXTENDS_A_MODEL = "extension"
"""The template of packages that add to one family, which they must name."""


def is_attribute(node: ast.AST, module: str, *names: str) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == module
        and node.attr in names
    )


def calls_of(source: Source, function: str) -> Iterator[ast.Call]:
    calls = (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))
    return (c for c in calls if isinstance(c.func, ast.Name) and c.func.id == function)


def test_only_settings_reads_the_environment() -> None:
    names = ("environ", "environb", "getenv", "putenv")
    found = {
        source.module
        for source in all_sources()
        for node in ast.walk(source.tree)
        if is_attribute(node, "os", *names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os")
    }
    assert found == {"longtake.settings"}


def test_nothing_prints_but_commands() -> None:
    wrong = [
        source.at(call)
        for source in all_sources()
        if not source.module.startswith("longtake.cli") and not source.module.endswith("__main__")
        for call in calls_of(source, "print")
    ]
    assert wrong == []


def is_python_protocol(name: ast.expr) -> bool:
    """Whether it is an attribute that Python itself sets, or not, such as ``__notes__``."""
    return isinstance(name, ast.Constant) and str(name.value).startswith("__")


def test_no_attribute_is_read_with_a_default() -> None:
    wrong = [
        source.at(call)
        for source in all_sources()
        for call in calls_of(source, "getattr")
        if len(call.args) > 2 and not is_python_protocol(call.args[1])
    ]
    assert wrong == []


def is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in kinds
    )


def broad_handlers() -> Iterator[tuple[Source, ast.ExceptHandler]]:
    for source in all_sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ExceptHandler) and is_broad(node):
                yield source, node


def raises_again(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.body[-1], ast.Raise)


def test_everything_is_caught_only_where_the_reason_is_given() -> None:
    wrong = [
        source.at(handler)
        for source, handler in broad_handlers()
        if not raises_again(handler)
        and (source.module not in ISOLATING or "  # " not in source.lines[handler.lineno - 1])
    ]
    assert wrong == []


def test_every_isolating_module_isolates() -> None:
    assert {source.module for source, _ in broad_handlers()} >= ISOLATING


def names_in(node: ast.AST) -> tuple[str | None, ...]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
            return (name,)
        case ast.keyword(arg=name):
            return (name,)
        case _:
            return ()


def test_nothing_is_called_extra() -> None:
    wrong = [
        source.at(node)
        for source in all_sources()
        for node in ast.walk(source.tree)
        if "extra" in names_in(node)
    ]
    assert wrong == []


def docstring_lines(source: Source) -> set[int]:
    """First lines of all strings that stand alone: docstrings, also of attributes."""
    return {
        node.lineno
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def test_sdk_knows_no_model_by_name() -> None:
    wrong = []
    for source in sdk_sources():
        if source.module in KNOWS_LIBRARIES or EXTENDS_A_MODEL in source.path.parts:
            continue
        examples = docstring_lines(source)
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.STRING and token.start[0] in examples:
                continue
            if any(word in token.string.lower() for word in MODEL_WORDS):
                wrong.append(f"{source.path.name}:{token.start[0]}: {token.string}")
    assert wrong == []
