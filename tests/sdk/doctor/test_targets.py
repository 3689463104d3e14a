"""What records name, found whatever they are, and imported one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest

import longtake as lt
from longtake.doctor.targets import Target, named_by, targets_in, try_target
from longtake.plugins.loading import Plugin

STAGE = lt.StageSpec(
    "paint",
    "fog.stages:Paint",
    options="fog.options:PaintOptions",
    arguments={"sound": "a:text"},
    defaults={"brush": lt.Reference("fog.brushes:WIDE")},
)


def names(targets: Iterable[Target]) -> dict[str, str]:
    return {target.place: target.name for target in targets}


def test_every_field_that_takes_a_name_is_found_and_no_text_is() -> None:
    family = lt.ModelFamily(
        "fog",
        (STAGE, "fog.stages:Sing"),
        finish=("fog.stages:Settle",),
        codecs=(lt.AttrsCodec("fog:v1", "fog.states:FogState"),),
        recognise="fog:recognise",
        load="fog:load",
        options="fog:Options",
        example="fog:example",
        estimate="fog:estimate",
        predict_num_frames="fog:predict",
        check_sampling="fog:check",
        fit_clip="fog:fit",
        place="fog:place",
        published="fog:PUBLISHED",
        description="not:this",
        presets=(
            lt.Preset(
                "thick",
                workload="nor:this",
                description="nor:that",
                defaults={"negative_prompt": "a:text"},
                stage_defaults={"paint": {"brush": lt.Reference("fog:BRUSH"), "name": "b:c"}},
                stages="fog.presets:thick",
                overrides={"paint": "fog.options:Override"},
            ),
            lt.Preset("thin", stages=(STAGE,)),
        ),
    )
    store = lt.BlobBackend("fog", "fog.store:open_store", "fog:example")
    plugin = Plugin("fog", "longtake-fog", "1", "loaded", None, (family,), (store,))
    whose = "family 'fog': "
    assert names(named_by(plugin)) == {
        f"{whose}stages[0].stage": "fog.stages:Paint",
        f"{whose}stages[0].options": "fog.options:PaintOptions",
        f"{whose}stages[0].defaults.brush": "fog.brushes:WIDE",
        f"{whose}stages[1].stage": "fog.stages:Sing",
        f"{whose}finish[0].stage": "fog.stages:Settle",
        f"{whose}codecs[0]._state_type": "fog.states:FogState",
        f"{whose}recognise": "fog:recognise",
        f"{whose}load": "fog:load",
        f"{whose}options": "fog:Options",
        f"{whose}example": "fog:example",
        f"{whose}estimate": "fog:estimate",
        f"{whose}predict_num_frames": "fog:predict",
        f"{whose}check_sampling": "fog:check",
        f"{whose}fit_clip": "fog:fit",
        f"{whose}place": "fog:place",
        f"{whose}published": "fog:PUBLISHED",
        f"{whose}presets['thick'].stage_defaults.paint.brush": "fog:BRUSH",
        f"{whose}presets['thick'].stages": "fog.presets:thick",
        f"{whose}presets['thick'].overrides.paint": "fog.options:Override",
        f"{whose}presets['thin'].stages[0].stage": "fog.stages:Paint",
        f"{whose}presets['thin'].stages[0].options": "fog.options:PaintOptions",
        f"{whose}presets['thin'].stages[0].defaults.brush": "fog.brushes:WIDE",
        "blob store 'fog': open": "fog.store:open_store",
    }


def test_what_a_checkpoint_names_is_found() -> None:
    checkpoint = lt.PublishedCheckpoint(
        name="fog-1",
        repository="Fog/fog:1",
        licence="free:now",
        disk_bytes=1,
        write_configs="fog:write",
        files=("a:b",),
    )
    assert names(targets_in((checkpoint,), "published")) == {
        "published[0].write_configs": "fog:write"
    }


def test_what_is_given_as_it_is_needs_no_import() -> None:
    family = lt.ModelFamily("fog", (print,), check_sampling=print, options=Target, published=())
    assert list(targets_in(family, "family")) == []


class Tool(lt.Frozen):
    """A record as a later hook may have them."""

    __slots__ = ("name", "command", "parts", "help", "hint")

    def __init__(
        self,
        name: str,
        command: str,
        parts: Mapping[str, str | type],
        help: str = "with: a colon",
        hint: str | None = "a:b",
    ) -> None:
        self.name: Final = name
        self.command: Final = command
        self.parts: Final = parts
        self.help: Final = help
        self.hint: Final = hint
        if ":" not in command:
            raise lt.PluginError("must name a command")


def test_a_record_of_any_kind_is_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tool, "__module__", "longtake.tools")
    tool = Tool("serve", "fog.serve:command", {"net": "fog.net:Net"})
    assert names(targets_in(tool, "tool")) == {
        "tool.command": "fog.serve:command",
        "tool.parts.net": "fog.net:Net",
    }


def test_records_that_are_not_longtakes_own_are_not_looked_into() -> None:
    assert list(targets_in(Tool("serve", "fog.serve:command", {}), "tool")) == []


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The name of a module that can be imported once, with the code that the test asks for."""
    monkeypatch.syspath_prepend(tmp_path)
    name = f"named_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(request.param)
    return name


@pytest.mark.parametrize(
    ("module", "text", "lacks"),
    [
        ("import a_lost_one.part", "No module named 'a_lost_one'", "a_lost_one"),
        (
            "import longtake as lt\nraise lt.MissingDependencyError('a-lost-one', 'fog')",
            "fog needs the package 'a-lost-one': pip install a-lost-one",
            "a-lost-one",
        ),
        ("", "has no attribute 'thing'", None),
        ("raise SystemExit('enough')", "SystemExit: enough", None),
        ("raise ValueError('two\\nlines')", "ValueError: two lines", None),
        ("thing = 3", "it is 3, which cannot be called", None),
        ("def thing(: pass", "SyntaxError", None),
    ],
    indirect=["module"],
)
def test_why_a_target_fails_is_said_with_its_place(
    module: str, text: str, lacks: str | None
) -> None:
    target = f"{module}:thing"
    problem = try_target(Target("family 'fog': load", target, is_called=True))
    assert problem is not None
    assert problem.text.startswith(f"family 'fog': load '{target}': ")
    assert text in problem.text
    assert (problem.phase, problem.lacks) == ("targets", lacks)


def test_what_is_there_is_no_problem() -> None:
    assert try_target(Target("a field", "longtake.errors:LongtakeError", is_called=True)) is None
    assert try_target(Target("a field", "longtake.cli.commands.doctor:_INDENT")) is None
