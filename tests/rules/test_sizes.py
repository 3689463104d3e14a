"""A file answers one question and a function fits a screen or two; every module says what it is."""

from __future__ import annotations

import ast

from tests.rules.sources import all_sources

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def test_every_module_says_what_it_is() -> None:
    assert [s.module for s in all_sources() if not ast.get_docstring(s.tree)] == []


def test_files_are_short() -> None:
    long = {s.module: len(s.lines) for s in all_sources() if len(s.lines) > MAX_FILE_LINES}
    assert long == {}


def test_functions_are_short() -> None:
    long = {
        f"{source.at(node)} {node.name}": node.end_lineno - node.lineno + 1
        for source in all_sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= MAX_FUNCTION_LINES
    }
    assert long == {}
