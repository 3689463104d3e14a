"""What the tests of a family share: the author's fixtures and what is made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import longtake as lt
from longtake.testing.families.trying import Setup, TriedFamily, Workshop

__all__ = ["FamilyFixtures"]


class FamilyFixtures:
    """The fixtures of `FamilyContract`; ``plugin`` is the author's to fill."""

    @pytest.fixture
    def plugin(self) -> str:
        """The name of the plugin's module, e.g. ``"longtake_fog"``."""
        pytest.fail("fill the fixture `plugin`: it returns the name of the plugin's module")

    @pytest.fixture
    def family_name(self) -> str | None:
        """The family to try; None when it is the plugin's only one."""
        return None

    @pytest.fixture
    def sampling(self) -> dict[str, Any]:
        """Fields of `longtake.Sampling` that make every request small, e.g. height and width."""
        return {}

    @pytest.fixture
    def stage_overrides(self) -> dict[str, dict[str, Any]]:
        """Of every request, e.g. ``{"denoise": {"num_inference_steps": 2}}``."""
        return {}

    @pytest.fixture
    def overlap_frames(self) -> int:
        """How many frames the next segment repeats."""
        return lt.Output().overlap_frames

    @pytest.fixture
    def load_options(self) -> dict[str, Any]:
        """Keywords of every `longtake.load`, e.g. ``{"device": "cpu"}``."""
        return {}

    @pytest.fixture
    def demanded_inputs(self) -> dict[str, lt.Inputs]:
        """By the names of presets that a prompt alone is not enough for, inputs that are.

        They fit requests of the size that ``sampling`` says.
        """
        return {}

    @pytest.fixture
    def states_folder(self, request: pytest.FixtureRequest) -> Path:
        """Where the states of every version ever written lie: ``states`` beside the test file."""
        return request.path.parent / "states"

    @pytest.fixture
    def tried(
        self,
        plugin: str,
        family_name: str | None,
        sampling: dict[str, Any],
        stage_overrides: dict[str, dict[str, Any]],
        overlap_frames: int,
        load_options: dict[str, Any],
        demanded_inputs: dict[str, lt.Inputs],
        longtake_workshop: Workshop,
    ) -> TriedFamily:
        """The family under test, with its pipelines and requests."""
        family = longtake_workshop.family_of(
            Setup(
                plugin,
                family_name,
                sampling,
                stage_overrides,
                overlap_frames,
                load_options,
                demanded_inputs,
            )
        )
        if not family.is_loaded:
            pytest.skip("the plugin does not load, which has a test of its own")
        return family
