"""A pipeline's specification is plain JSON, and loads the pipeline that it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import longtake as lt


def test_it_travels_as_json_and_loads() -> None:
    spec = lt.PipelineSpec(
        family="pendulum",
        options={"device": "cpu"},
    )
    document = json.loads(json.dumps(lt.unstructure(spec)))
    again = lt.structure(document, lt.PipelineSpec)
    assert again == spec
    with again.load() as pipeline:
        assert (pipeline.family.name, pipeline.device) == ("pendulum", "cpu")


def test_a_pipeline_that_only_checks_needs_no_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("longtake_ltx2")
    model = str(tmp_path / "elsewhere")
    spec = lt.PipelineSpec(model=model, family="ltx2", preset="ltx2_distilled")
    with spec.unloaded() as pipeline:
        assert (pipeline.family.name, pipeline.preset.name) == ("ltx2", "ltx2_distilled")
        pipeline.check("a tram")
        bad = lt.GenerationRequest("a tram", sampling=lt.Sampling(num_frames=122))
        with pytest.raises(lt.ValidationError, match="num_frames"):
            pipeline.check(bad)


@pytest.mark.parametrize("missing", ["family", "preset"])
def test_a_model_that_is_elsewhere_says_nothing_of_itself(tmp_path: Path, missing: str) -> None:
    named = {"family": "ltx2", "preset": "ltx2_distilled"}
    del named[missing]
    spec = lt.PipelineSpec(model=str(tmp_path / "elsewhere"), **named)  # type: ignore[arg-type]
    with pytest.raises(lt.ValidationError, match=rf"spec\.{missing}: must be named"):
        spec.unloaded()


def test_the_same_on_another_device() -> None:
    spec = lt.PipelineSpec(model="/models/one", options={"device": "cuda:0", "compile": True})
    assert spec.on("cuda:1").options == {"device": "cuda:1", "compile": True}
    assert spec.options["device"] == "cuda:0"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "spec.model"),
        ({"family": ""}, "spec.family"),
        ({"model": 7}, "spec.model"),
        ({"family": "fog", "preset": ["thin"]}, "spec.preset"),
        ({"family": "fog", "options": ["device"]}, "spec.options"),
        ({"family": "fog", "options": {"blob": b"x"}}, "spec.options"),
        ({"family": "fog", "options": {"path": "x"}}, "spec.options.path"),
        ({"family": "fog", "options": {"preset": "x"}}, "spec.options.preset"),
        ({"family": "fog", "options": {"observers": {}}}, "spec.options.observers"),
        ({"family": "fog", "options": {"registry": None}}, "spec.options.registry"),
    ],
)
def test_what_cannot_be_loaded_or_cannot_travel_is_refused(
    fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(lt.ValidationError) as refused:
        lt.PipelineSpec(**fields)
    assert refused.value.path == path


def test_an_unknown_field_of_a_document_is_refused() -> None:
    with pytest.raises(lt.ValidationError, match=r"unknown field.*allowed: model, family"):
        lt.structure({"famly": "fog"}, lt.PipelineSpec)
