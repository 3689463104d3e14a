"""A prompt is rewritten before it is encoded: by whom, with which tokens, and what says so."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch.nn.attention import SDPBackend, sdpa_kernel

import longtake as lt
from longtake.cli import main
from longtake.media.reader import read_take
from longtake.takes.notes import read_take_record
from longtake_ltx2.conditioning.instructions import FOR_A_PICTURE, FOR_A_PROMPT
from longtake_ltx2.conditioning.prompt_writer import PromptWriter, cleaned
from longtake_ltx2.estimating.text_encoder import TextEncoderConfig
from longtake_ltx2.presets import PRESETS
from tests.ltx2.support import Checkpoints, FlopCounter, networks
from tests.ltx2.watching import Watched, quick

PROMPT = "a tram turns"
COUNT = 24
SHORT = {"max_new_tokens": COUNT}
PICTURE = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)


@pytest.fixture(scope="module")
def watched(checkpoints: Checkpoints) -> Iterator[Watched]:
    watched = Watched(checkpoints.path("2.0"))
    yield watched
    watched.pipeline.close()


@pytest.fixture(scope="module")
def writer(watched: Watched) -> PromptWriter:
    found: PromptWriter = watched.components["prompt_enhancer"]
    return found


@pytest.fixture(scope="module")
def greedy(checkpoints: Checkpoints) -> Iterator[PromptWriter]:
    """A Gemma 4 beside a checkpoint of 2.5."""
    path = checkpoints.path("2.5")
    enhancer = str(path / "text_encoder")
    with (
        lt.load(path, prompt_enhancer_path=enhancer, prepare=False) as pipeline,
        pipeline.components() as components,
    ):
        yield components["prompt_enhancer"]


def request(prompt: str = PROMPT, *, enhance: bool = True, **fields: Any) -> lt.GenerationRequest:
    overrides = {**quick(), "enhance": {**SHORT, **fields.pop("enhance_options", {})}}
    sampling = lt.Sampling(enhance_prompt=enhance, num_frames=17, height=64, width=64, seed=7)
    fields = {"sampling": sampling, "stage_overrides": overrides, **fields}
    return lt.GenerationRequest(prompt, **fields)


def written(writer: PromptWriter, *, seed: int = 3, count: int = COUNT, **given: Any) -> str:
    return writer.write(PROMPT, seed=seed, count=count, ticks=iter(()), **given)


def of_diffusers(writer: PromptWriter, instructions: str, seed: int, picture: Any = None) -> str:
    """What diffusers' own pipeline makes of the prompt with this network."""
    from diffusers import LTX2Pipeline
    from PIL import Image
    from transformers import AutoProcessor

    newer = writer.model_type.startswith("gemma4")
    network, tokenizer = writer.load(), writer.tokenizer

    class TextAlone:
        def __init__(self) -> None:
            self.tokenizer = tokenizer

        def __call__(self, *, text: str, images: None, return_tensors: str) -> Any:
            return tokenizer(text, return_tensors=return_tensors)

    processor = TextAlone() if newer else AutoProcessor.from_pretrained(writer.tokenizer_place)
    stand_in = SimpleNamespace(
        prompt_enhancer=network if newer else None,
        text_encoder=network,
        processor=processor,
        _execution_device="cpu",
    )
    image = None if picture is None else Image.fromarray(picture)
    with torch.random.fork_rng(devices=[]):
        found = LTX2Pipeline.enhance_prompt(
            stand_in, PROMPT, instructions, max_new_tokens=COUNT, seed=seed, image=image
        )
    return str(found[0])


@contextmanager
def shown(network: Any) -> Iterator[list[Any]]:
    """What pictures a network is shown meanwhile: a tiny one hardly minds which."""
    pictures: list[Any] = []
    generate = network.generate

    def watching(*args: Any, **given: Any) -> Any:
        pictures.append(given.get("pixel_values"))
        return generate(*args, **given)

    network.generate = watching
    try:
        yield pictures
    finally:
        del network.generate


@pytest.mark.parametrize("seed", [0, 11])
def test_the_tokens_are_those_of_diffusers(writer: PromptWriter, seed: int) -> None:
    found = written(writer, seed=seed)
    assert found == of_diffusers(writer, FOR_A_PROMPT, seed)
    assert found != of_diffusers(writer, FOR_A_PROMPT, seed + 1)
    with shown(writer.load()) as pictures:
        seen = written(writer, seed=seed, picture=PICTURE)
        assert seen == of_diffusers(writer, FOR_A_PICTURE, seed, PICTURE)
        of_diffusers(writer, FOR_A_PICTURE, seed, PICTURE[::-1].copy())
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[2])


def test_a_gemma_4_decodes_greedily(greedy: PromptWriter) -> None:
    assert written(greedy, seed=0) == written(greedy, seed=1)
    assert written(greedy) == of_diffusers(greedy, FOR_A_PROMPT, 0)
    assert (greedy.most_tokens, greedy.settings["no_repeat_ngram_size"]) == (600, 5)


def test_the_ids_are_those_of_generate_called_directly(writer: PromptWriter) -> None:
    """With the settings that the reference has, spelled out."""
    messages = [
        {"role": "system", "content": "Say more."},
        {"role": "user", "content": f"user prompt: {PROMPT}"},
    ]
    tokenizer, network = writer.tokenizer, writer.load()
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text).input_ids
    padding = (8 - len(ids) % 8) % 8
    assert padding, "so that something is padded"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        expected = network.generate(
            torch.tensor([[tokenizer.pad_token_id] * padding + ids]),
            attention_mask=torch.tensor([[0] * padding + [1] * len(ids)]),
            do_sample=True,
            temperature=0.7,
            max_new_tokens=COUNT,
        )[0, padding + len(ids) :]
    found = written(writer, seed=5, instructions="Say more.")
    assert found == cleaned(tokenizer.decode(expected, skip_special_tokens=True))
    assert writer.most_tokens == 512


def test_pictures_are_fitted_to_the_long_side(writer: PromptWriter) -> None:
    sizes: list[tuple[int, int]] = []
    processor = writer.load_processor
    assert processor is not None

    def watching() -> Any:
        def make(*, text: str, images: Any, return_tensors: str) -> Any:
            sizes.append(images.size)
            return processor()(text=text, images=images, return_tensors=return_tensors)

        return make

    written(evolve(writer, load_processor=watching), picture=PICTURE)
    written(evolve(writer, load_processor=watching), picture=PICTURE.transpose(1, 0, 2).copy())
    assert sizes == [(896, 597), (597, 896)]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            "\u201cA \u2018tram\u2019\u201d \u2014 5\u2032 \u2013 \u22123\u00a0m",
            "A 'tram'\" - 5' - -3 m",
        ),
        ("**1. A tram", "A tram"),
        ("\n \u00e9t\u00e9", "\u00e9t\u00e9"),
        ("12:30", "12:30"),
        ("", ""),
    ],
)
def test_cleaning(text: str, clean: str) -> None:
    assert cleaned(text) == clean


def test_random_states_stay_as_they_are(writer: PromptWriter) -> None:
    before = torch.get_rng_state()
    written(writer)
    assert torch.equal(torch.get_rng_state(), before)


def test_each_segment_has_it_or_not(watched: Watched) -> None:
    pipeline = watched.pipeline
    output = lt.Output(return_state=True, last=False)
    first = pipeline.generate(request(output=output))
    assert first.prompt == pipeline.enhance(request()) != PROMPT
    assert first.state is not None
    assert first.state.payload["metadata"]["longtake"]["prompt"] == first.prompt
    more = request("it rains", enhance=False, output=output)
    second = pipeline.generate(evolve(more, sampling=lt.Sampling(num_frames=17), state=first.state))
    assert second.prompt == "it rains"
    assert second.state is not None
    assert "prompt" not in second.state.payload["metadata"]["longtake"]
    assert second.job is not None
    third = pipeline.generate(
        evolve(
            request(), sampling=lt.Sampling(num_frames=17, enhance_prompt=True), state=first.state
        )
    )
    assert third.prompt not in (PROMPT, first.prompt), "the segment's own seed"


def test_the_segment_is_that_of_the_used_prompt(watched: Watched) -> None:
    enhanced = watched.pipeline.generate(request())
    assert enhanced.prompt is not None
    plain = watched.pipeline.generate(request(enhanced.prompt, enhance=False))
    assert np.array_equal(enhanced.frames, plain.frames)
    without = watched.pipeline.generate(request(enhance=False))
    assert not np.array_equal(enhanced.frames, without.frames)


def test_nothing_is_written_unless_it_is_asked_for(watched: Watched) -> None:
    watched.pipeline.generate(request("quite another", enhance=False))
    with watched.counted() as ran:
        watched.pipeline.generate(request("something else", enhance=False))
    assert ran["text_encoder"] == 1


def test_the_first_image_is_seen(watched: Watched) -> None:
    one, other = (lt.ImageInput.from_pixels(each) for each in (PICTURE, 255 - PICTURE))
    last = evolve(other, frame=-1)
    with shown(watched.components["text_encoders"][0]) as pictures:
        for images in ((), (one,), (one, last), (other,)):
            watched.pipeline.enhance(request(inputs=lt.Inputs(images=images)))
    none, first, with_last, another = pictures
    assert none is None
    assert torch.equal(first, with_last)
    assert not torch.equal(first, another)


def test_own_instructions(watched: Watched, checkpoints: Checkpoints, tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    own.write_text("Write a haiku.\n", "utf-8")
    in_request = request(enhance_options={"instructions": "Write a haiku."})
    expected = watched.pipeline.enhance(in_request)
    assert expected != watched.pipeline.enhance(request())
    path = checkpoints.path("2.0")
    with lt.load(path, prompt_instructions_path=str(own), prepare=False) as pipeline:
        assert pipeline.enhance(request()) == expected


def test_the_distilled_presets_write_with_one_seed(tiny: Path) -> None:
    fixed = {p.name for p in PRESETS if p.stage_defaults.get("enhance") == {"seed": 42}}
    assert fixed == {"ltx2_distilled", "ltx2_two_stage", "ltx2_5_distilled"}
    with lt.load(tiny, preset="ltx2_distilled", prepare=False) as pipeline:
        first, second = (
            pipeline.enhance(
                evolve(
                    request(), sampling=lt.Sampling(seed=seed), stage_overrides={"enhance": SHORT}
                )
            )
            for seed in (1, 2)
        )
    assert first == second


def test_it_can_be_cancelled(watched: Watched) -> None:
    cancel, steps = threading.Event(), []
    events = watched.pipeline.stream(request(), cancel=cancel.is_set)
    with pytest.raises(lt.Cancelled, match="enhance"):
        for event in events:
            if isinstance(event, lt.Progress) and event.stage == "enhance":
                steps.append((event.step, event.total))
                if event.step == 3:
                    cancel.set()
    assert steps[1:4] == [(1, COUNT), (2, COUNT), (3, COUNT)]
    assert len(steps) <= 5


# What is refused, before any network runs.


def refused(pipeline: lt.Pipeline, asked: lt.GenerationRequest) -> lt.LongtakeError:
    with pytest.raises((lt.ValidationError, lt.CheckpointError)) as caught:
        pipeline.enhance(asked)
    return caught.value


def test_the_text_encoder_of_2_5_does_not_write(checkpoints: Checkpoints) -> None:
    path = checkpoints.path("2.5")
    with lt.load(path, prepare=False) as pipeline:
        problem = refused(pipeline, request())
        assert str(problem).startswith("sampling.enhance_prompt: is true")
        assert "prompt_enhancer_path" in str(problem)
        asked = evolve(request(), sampling=lt.Sampling())
        asked.stage_overrides["enhance"]["enhance_prompt"] = True
        path_said = str(refused(pipeline, asked)).partition(":")[0]
        assert path_said == "stage_overrides.enhance.enhance_prompt"


def without(path: Path, target: Path, *names: str) -> Path:
    """The Gemma and the tokenizer of a checkpoint in one folder, without some files."""
    target.mkdir()
    for part in ("text_encoder", "tokenizer"):
        for file in (path / part).iterdir():
            if file.name not in names:
                shutil.copy(file, target)
    return target


def test_what_the_files_lack(checkpoints: Checkpoints, tmp_path: Path) -> None:
    path = checkpoints.path("2.0")
    picture = lt.Inputs(images=(lt.ImageInput.from_pixels(PICTURE),))
    blind = without(path, tmp_path / "blind", "processor_config.json")
    with lt.load(path, prompt_enhancer_path=str(blind), prepare=False) as pipeline:
        assert pipeline.enhance(request())
        problem = str(refused(pipeline, request(inputs=picture)))
        assert "blind" in problem
        assert "has no processor" in problem
    dumb = without(path, tmp_path / "dumb", "chat_template.jinja")
    with lt.load(path, prompt_enhancer_path=str(dumb), prepare=False) as pipeline:
        assert "has no chat template" in str(refused(pipeline, request()))
    text = without(path, tmp_path / "text", "config.json", "model.safetensors")
    of_text(networks(path)["text_encoders"][0], text)
    with lt.load(path, prompt_enhancer_path=str(text), prepare=False) as pipeline:
        assert pipeline.enhance(request())
        assert "sees no images" in str(refused(pipeline, request(inputs=picture)))


def of_text(network: Any, folder: Path) -> None:
    """Write the language model of a Gemma 3 alone."""
    from transformers import Gemma3ForCausalLM

    alone = Gemma3ForCausalLM(network.config.text_config)
    alone.model.load_state_dict(network.model.language_model.state_dict())
    alone.save_pretrained(folder)


def test_a_network_without_a_language_head(writer: PromptWriter) -> None:
    body = writer.load().model
    with pytest.raises(lt.CheckpointError, match="has no language head"):
        written(evolve(writer, load=lambda: body))


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("prompt_enhancer_path", "nowhere", "missing"),
        ("prompt_enhancer_path", "a.txt", "is a file"),
        ("prompt_enhancer_path", "", "is empty"),
        ("prompt_instructions_path", "nowhere", "cannot be read"),
        ("prompt_instructions_path", "empty.txt", "is empty"),
        ("prompt_instructions_path", "latin.txt", "UTF-8"),
        ("prompt_instructions_path", "long.txt", "65536"),
    ],
)
def test_bad_options(tiny: Path, tmp_path: Path, option: str, value: str, problem: str) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "latin.txt").write_bytes(b"\xe9t\xe9")
    (tmp_path / "long.txt").write_text("a" * 70_000)
    given: dict[str, Any] = {option: str(tmp_path / value) if value else ""}
    with pytest.raises((lt.CheckpointError, lt.ValidationError), match=problem):
        lt.load(tiny, prepare=False, **given)


# On the command line.

SMALL = ("--height", "64", "--width", "64", "--num-frames", "17", "--steps", "2", "--device", "cpu")
SET = ("--set", f"enhance.max_new_tokens={COUNT}")


def test_a_take_is_made_again_without_enhancing_anew(
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "take.mkv"
    own = tmp_path / "own.txt"
    own.write_text("Write a haiku.", "utf-8")
    model = ("--model", str(tiny), "--preset", "ltx2_tiny")
    told = ("--prompt-instructions-path", str(own))
    assert main(["generate", PROMPT, "-o", str(out), *model, *told, *SMALL, *SET, "--enhance"]) == 0
    (segment,) = read_take_record(out).segments
    assert segment.prompt == PROMPT
    capsys.readouterr()
    assert main(["enhance", PROMPT, *model, *told, *SET, "--device", "cpu"]) == 0
    assert capsys.readouterr().out == f"{segment.used_prompt}\n"

    def never(*_: Any, **__: Any) -> str:
        raise AssertionError("nothing is written anew")

    monkeypatch.setattr(PromptWriter, "write", never)
    assert main(["again", str(out), "--model", str(tiny), "--device", "cpu"]) == 0
    found = read_take(tmp_path / "take-again.mkv")
    assert np.array_equal(read_take(out).frames, found.frames)


def test_the_length_is_that_of_the_used_prompt(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def predicted(components: Any, prompt: str, fps: Any) -> int:
        asked.append(prompt)
        return 17

    monkeypatch.setattr("longtake_ltx2.duration.predicted_num_frames", predicted)
    out = tmp_path / "take.mkv"
    options = [value for value in SMALL if value not in ("--num-frames", "17")]
    chosen = ("--model", str(tiny), "--preset", "ltx2_tiny", "--num-frames", "auto", *SET)
    assert main(["generate", PROMPT, "-o", str(out), *chosen, *options, "--enhance"]) == 0
    assert asked == [read_take_record(out).segments[0].used_prompt]


def test_plan_counts_the_tokens(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--model", str(tiny), "--preset", "ltx2_tiny", "--device", "cpu", "--json")
    found = []
    for options in ((), ("--enhance",), ("--enhance", *SET)):
        assert main(["plan", *asked, *options]) == 0
        stages = json.loads(capsys.readouterr().out)["segments"][0]["stages"]
        found.append(next(stage for stage in stages if stage["name"] == "enhance"))
    assert [stage["steps"] for stage in found] == [1, 512, COUNT]
    assert found[0]["flops"] == 0 < found[2]["flops"] < found[1]["flops"]


def test_the_formula_of_writing(writer: PromptWriter) -> None:
    network, known = writer.load(), 96
    network_config = TextEncoderConfig.from_config(network.config.to_dict())
    whole = evolve(network_config, layer_types=())
    ids = torch.full((1, known), 20)
    counter = FlopCounter()
    with sdpa_kernel(SDPBackend.MATH), counter, torch.no_grad():
        network.generate(ids, max_new_tokens=COUNT, min_new_tokens=COUNT, do_sample=False)
    assert whole.writing_flops(known, COUNT) == pytest.approx(counter.total, rel=0.2)
