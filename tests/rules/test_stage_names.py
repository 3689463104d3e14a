"""A stage does not know what a recipe calls it, so no stage says a path with a stage's name."""

from __future__ import annotations

import ast

from tests.rules.sources import plugin_sources

FOLDERS = ("stages", "denoising", "conditioning")
"""Of a family whose stages are packages; elsewhere every module counts."""


def is_of_stages(module: str) -> bool:
    _, _, below = module.partition(".")
    return below.partition(".")[0] in FOLDERS or module.startswith("longtake_pendulum")


def test_no_stage_says_the_path_of_its_options() -> None:
    wrong = [
        source.at(node)
        for source in plugin_sources()
        if is_of_stages(source.module)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and "stage_overrides." in str(node.value)
    ]
    assert wrong == []


def test_the_stages_of_this_test_are_seen() -> None:
    """Guards the test above: there is something to look at."""
    seen = {source.module for source in plugin_sources() if is_of_stages(source.module)}
    assert {"longtake_ltx2.stages.denoising", "longtake_pendulum.stages"} <= seen
