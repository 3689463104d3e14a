"""The drawings of the site show what the code does, all of it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

import longtake as lt
from docs.drawings.clock import draw_clock, lanes_of
from docs.drawings.state import documents_of, draw_state
from docs.drawings.take import Take, roll_take
from docs.drawings.tutorial import tutorial_family
from docs.drawings.wires import Span, draw_wires, wires_of
from tests.sdk.toy_family import FOG

LTX2_PRESETS = ("ltx2_base", "ltx2_two_stage")


@pytest.fixture(scope="module")
def take() -> Take:
    return roll_take()


def ltx2() -> lt.ModelFamily:
    return lt.Registry.default().family("ltx2")


def words_in(drawing: Path) -> list[str]:
    """The texts, which stand as comments beside their outlines."""
    return [text.strip() for text in re.findall(r"<!--(.*?)-->", drawing.read_text(), re.DOTALL)]


@pytest.mark.parametrize("preset", LTX2_PRESETS)
def test_every_stage_and_value_of_a_recipe_is_in_its_drawing(preset: str, tmp_path: Path) -> None:
    wires = wires_of(ltx2(), preset)
    recipe = ltx2().recipe(ltx2().preset(preset))
    assert [name for name, _, _ in wires.stages] == [spec.name for spec in recipe]
    draw_wires(wires, tmp_path / "wires.svg")
    words = words_in(tmp_path / "wires.svg")
    for name in {spec.name for spec in recipe}:
        assert words.count(name) == sum(spec.name == name for spec in recipe)
    for _, kind, _ in wires.stages:
        assert kind in words
    for span in wires.spans:
        assert span.value in words


def test_the_tutorials_family_is_drawn(tmp_path: Path) -> None:
    wires = wires_of(tutorial_family())
    draw_wires(wires, tmp_path / "wires.svg")
    assert {name for name, _, _ in wires.stages} <= set(words_in(tmp_path / "wires.svg"))
    kept = {span.value for span in wires.spans if span.let_go == len(wires.stages)}
    assert {"Frames", "Waveform"} < kept


def test_a_value_lives_from_its_maker_to_its_last_reader() -> None:
    wires = wires_of(FOG)
    rows = [name for name, _, _ in wires.stages]
    assert rows == ["prepare", "denoise", "paint", "sing", "remember"]
    assert wires.spans == (
        Span("FogState", made=-1, reads=(0, 3, 4), let_go=4),
        Span("Noisy", made=0, reads=(1,), let_go=1),
        Span("Clean", made=1, reads=(2, 3, 4), let_go=4),
        Span("Frames", made=2, reads=(), let_go=5),
        Span("Waveform", made=3, reads=(), let_go=5),
        Span("FogState", made=4, reads=(), let_go=5),
    )


def test_what_stages_are_handed_beside_values_is_named() -> None:
    given = {name: given for name, _, given in wires_of(FOG).stages}
    assert given["denoise"] == "options, run"
    assert given["paint"] == "job"


def test_the_second_pass_has_values_of_its_own() -> None:
    spans = wires_of(ltx2(), "ltx2_two_stage").spans
    made = [span.value for span in spans]
    assert made.count("Geometry") == 3
    assert made.count("NoisyLatents") == made.count("CleanLatents") == 2


def test_the_lanes_of_a_take_join(take: Take) -> None:
    lanes = lanes_of(take)
    period = float(1 / take.clocks[0].fps)
    for before, after in pairwise(lanes):
        assert after.repeated == before.new[-len(after.repeated) :]
        assert after.new[0] == pytest.approx(before.new[-1] + period)
        assert after.sound[0] == before.sound[1]
        assert after.own[0] == pytest.approx((before.context + before.own)[-1] + 0.04)
        assert after.offset == pytest.approx(after.repeated[0] - after.context[0])
    assert all(segment.sound[1] < segment.decoded for segment in lanes)


def test_every_latent_lies_on_the_grid(take: Take) -> None:
    for segment in lanes_of(take):
        for start in segment.context + segment.own:
            assert start * 25 == pytest.approx(round(start * 25))


def test_the_clock_is_drawn(take: Take, tmp_path: Path) -> None:
    draw_clock(take, tmp_path / "clock.svg")
    words = words_in(tmp_path / "clock.svg")
    assert {"segment 1", "segment 2", "segment 3", "the take", "finish"} <= set(words)
    hold_back = round(1000 * (lanes_of(take)[0].decoded - lanes_of(take)[0].sound[1]))
    assert f"held back: {hold_back} ms" in words


def test_every_field_of_the_state_is_drawn(take: Take, tmp_path: Path) -> None:
    inline, referring = documents_of(take.states[1])
    draw_state(take.states[1], tmp_path / "state.svg")
    words = set(words_in(tmp_path / "state.svg"))
    assert {entry.name for entry in inline.entries} <= words
    assert [entry.name for entry in inline.entries] == [entry.name for entry in referring.entries]
    assert {f"blob: {blob.num_bytes:,} bytes" for blob in referring.blobs} <= words


def test_the_big_parts_are_inline_or_in_blobs(take: Take) -> None:
    inline, referring = documents_of(take.states[1])
    assert inline.blobs == ()
    assert [blob.field for blob in referring.blobs] == ["video", "audio"]
    assert referring.num_bytes < 1000 < sum(blob.num_bytes for blob in referring.blobs)
    assert {entry.name for entry in referring.entries if entry.is_reference} == {"video", "audio"}


def test_a_drawing_is_the_same_every_time(take: Take, tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        draw_wires(wires_of(FOG), folder / "wires.svg")
        draw_clock(take, folder / "clock.svg")
        draw_state(take.states[1], folder / "state.svg")
    for name in ("wires.svg", "clock.svg", "state.svg"):
        one, two = ((tmp_path / folder / name).read_text() for folder in ("one", "two"))
        assert one == two
