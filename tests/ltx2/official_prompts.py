"""Prompts as Lightricks' own packages rewrite them, with the Gemma of a tiny checkpoint.

ltx-core's ``LTXGemmaTextEncoder`` has the network, and ltx-pipelines' ``clean_response`` what comes
of it. Its picture is fitted by Pillow, as diffusers and Longtake do it: theirs is resized as a
tensor, and no two resizings give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

import longtake as lt
from longtake_ltx2.conditioning.instructions import FOR_A_PICTURE, FOR_A_PROMPT
from longtake_ltx2.conditioning.prompt_writer import PromptWriter
from tests.ltx2.official_samplers import official_names
from tests.ltx2.support import Checkpoints

__all__ = ["prompts_compared"]

PROMPT, COUNT = "a tram turns", 24
PICTURE = np.arange(896 * 640 * 3, dtype=np.uint32).reshape(640, 896, 3).astype(np.uint8)


def prompts_compared(checkpoints: Checkpoints, checkout: Path) -> Iterator[tuple[str, bool]]:
    """The name of each case, and whether the text is the same."""
    for generation in ("2.0", "2.5"):
        path = checkpoints.path(generation, "tiny")
        enhancer = None if generation == "2.0" else str(path / "text_encoder")
        with (
            lt.load(path, prompt_enhancer_path=enhancer, prepare=False) as pipeline,
            pipeline.components() as components,
        ):
            writer: PromptWriter = components["prompt_enhancer"]
            for seed in (0, 11):
                ours = writer.write(PROMPT, seed=seed, count=COUNT, ticks=iter(()))
                yield f"{writer.model_type}, seed {seed}", ours == _theirs(writer, checkout, seed)
            if writer.sees and writer.load_processor is not None:
                ours = writer.write(PROMPT, seed=3, count=COUNT, ticks=iter(()), picture=PICTURE)
                theirs = _theirs(writer, checkout, 3, picture=PICTURE)
                yield f"{writer.model_type}, a picture", ours == theirs


@frozen
class _TextAlone:
    """In the place of a processor, where the checkpoint has a tokenizer alone."""

    tokenizer: Any

    def __call__(self, *, text: str, images: None, return_tensors: str) -> Any:
        return self.tokenizer(text, return_tensors=return_tensors)


def _theirs(writer: PromptWriter, checkout: Path, seed: int, picture: Any = None) -> str:
    from PIL import Image

    encoders = import_module("ltx_core.text_encoders.gemma.encoders.base_encoder")
    processor = _TextAlone(writer.tokenizer)
    if picture is not None:
        assert writer.load_processor is not None
        processor = writer.load_processor()
    encoder = encoders.LTXGemmaTextEncoder(model=writer.load(), processor=processor)
    # ltx-core asks for the name of a small Gemma 4, and tiny checkpoints have that of a larger one.
    encoder._model_type = lambda: writer.model_type.removesuffix("_unified")
    given: dict[str, Any] = {"max_new_tokens": COUNT, "seed": seed}
    if picture is None:
        text = encoder.enhance_t2v(PROMPT, system_prompt=FOR_A_PROMPT, **given)
    else:
        image = Image.fromarray(picture)
        text = encoder.enhance_i2v(PROMPT, image, system_prompt=FOR_A_PICTURE, **given)
    names = ("_UNICODE_REPLACEMENTS", "clean_response")
    cleaned = official_names(checkout, "utils/helpers.py", names)["clean_response"]
    return str(cleaned(text))
