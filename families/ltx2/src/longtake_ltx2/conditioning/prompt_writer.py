"""A language model that rewrites a prompt in more words, before it is encoded.

As ltx-core's ``base_encoder`` and diffusers' ``LTX2Pipeline.enhance_prompt`` do it: the same
messages, padding, ways of decoding and cleaning, so that the same network and the same instructions
give the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen
from numpy.typing import NDArray
from torch.nn.functional import pad

import longtake as lt
from longtake_ltx2.conditioning.instructions import FOR_A_PICTURE, FOR_A_PROMPT
from longtake_ltx2.quiet import quiet_libraries

__all__ = ["NOTHING_WRITES", "PromptWriter", "cleaned", "most_tokens"]

NOTHING_WRITES = (
    "is true, and nothing here can rewrite prompts: the text encoder of LTX-2.5 was not trained to "
    "write, so give an instruct Gemma as prompt_enhancer_path"
)
"""What is said where a prompt is to be rewritten, and there is no `PromptWriter`."""

_ALIGNMENT = 8
"""Prompts are padded on the left to a multiple of it."""
_LONG_SIDE = 896
"""Pixels of the longer side of a picture that the model sees."""
_PLAIN = str.maketrans(
    {
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{LEFT DOUBLE QUOTATION MARK}": '"',
        "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
        "\N{EM DASH}": "-",
        "\N{EN DASH}": "-",
        "\N{NO-BREAK SPACE}": " ",
        "\N{PRIME}": "'",
        "\N{MINUS SIGN}": "-",
    }
)
_NEWER = "gemma4"
"""How the type of the models begins that are decoded greedily."""


def most_tokens(model_type: str) -> int:
    """How many tokens a model of this type writes, unless a request says it."""
    return 600 if model_type.startswith(_NEWER) else 512


def cleaned(text: str) -> str:
    """Typographic signs as those of ASCII, and nothing before the first letter."""
    plain = text.translate(_PLAIN)
    first = next((at for at, sign in enumerate(plain) if sign.isalpha()), 0)
    return plain[first:]


@frozen(eq=False)
class PromptWriter:
    """A Gemma that answers, and what makes its tokens.

    - ``load``: gives the network on the device that it computes on, loaded when first asked for.
    - ``tokenizer``: with the template of a chat. ``tokenizer_place``: to name in errors.
    - ``load_processor``: gives what makes tokens of pictures, too; None where the files have none.
    - ``model_type``: of the network, as its configuration says it.
    - ``sees``: whether the network takes pictures.
    - ``instructions``: in the place of Longtake's own.
    """

    load: Callable[[], Any]
    tokenizer: Any
    tokenizer_place: Path
    load_processor: Callable[[], Any] | None
    model_type: str
    sees: bool
    instructions: str | None = None

    def check(self, *, sees_a_picture: bool) -> None:
        """Raise `longtake.CheckpointError` for what its files lack; the network is not loaded."""
        if not self.tokenizer.chat_template:
            raise lt.CheckpointError(
                str(self.tokenizer_place),
                "has no chat template, by which prompts are rewritten; take the tokenizer of the "
                "published Gemma, or leave enhance_prompt out",
            )
        if not sees_a_picture:
            return
        if self.load_processor is None:
            raise lt.CheckpointError(
                str(self.tokenizer_place),
                "has no processor (processor_config.json) beside it, which the model sees the "
                "request's image by; give the folder of the published Gemma as "
                "prompt_enhancer_path, or leave enhance_prompt out",
            )
        if not self.sees:
            raise lt.CheckpointError(
                str(self.tokenizer_place),
                f"is of a {self.model_type} that sees no images, and the request has one; give "
                "another Gemma as prompt_enhancer_path, or leave enhance_prompt out",
            )

    @property
    def most_tokens(self) -> int:
        """How many it writes, unless a request says it."""
        return most_tokens(self.model_type)

    @property
    def settings(self) -> dict[str, Any]:
        """How its tokens are chosen."""
        if self.model_type.startswith(_NEWER):
            return {"do_sample": False, "no_repeat_ngram_size": 5}
        return {"do_sample": True, "temperature": 0.7}

    @torch.no_grad()
    def write(
        self,
        prompt: str,
        *,
        seed: int,
        count: int,
        ticks: Iterator[Any],
        picture: NDArray[np.uint8] | None = None,
        instructions: str | None = None,
    ) -> str:
        """The prompt as the model rewrites it.

        ``count``: of tokens, at most; ``ticks``: goes on with each of them. ``picture``: uint8 RGB
        ``[H, W, 3]`` that it sees. ``instructions``: in the place of those that it has.
        """
        told = instructions or self.instructions
        told = told or (FOR_A_PROMPT if picture is None else FOR_A_PICTURE)
        network = self.load()
        if network.get_output_embeddings() is None:
            raise lt.CheckpointError(
                str(self.tokenizer_place),
                f"is of a {type(network).__name__}, which has no language head to write with; give "
                "another Gemma as prompt_enhancer_path",
            )
        inputs = self._inputs(prompt, told, picture)
        inputs = {name: tensor.to(network.device) for name, tensor in inputs.items()}
        devices = range(torch.cuda.device_count())
        with torch.random.fork_rng(devices=devices), quiet_libraries():
            torch.manual_seed(seed)
            written = network.generate(
                **inputs,
                max_new_tokens=count,
                stopping_criteria=_counting(ticks),
                **self.settings,
            )
        ids = written[0, inputs["input_ids"].shape[1] :]
        return cleaned(self.tokenizer.decode(ids, skip_special_tokens=True))

    def _inputs(
        self, prompt: str, told: str, picture: NDArray[np.uint8] | None
    ) -> dict[str, torch.Tensor]:
        asked: Any = f"user prompt: {prompt}"
        if picture is not None:
            text = f"User Raw Input Prompt: {prompt}."
            asked = [{"type": "image"}, {"type": "text", "text": text}]
        messages = [{"role": "system", "content": told}, {"role": "user", "content": asked}]
        chat = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        with quiet_libraries():  # the prompt is longer than one that is encoded may be
            if picture is None:
                made = dict(self.tokenizer(chat, return_tensors="pt"))
            else:
                assert self.load_processor is not None  # or `check` has refused it
                processor, image = self.load_processor(), _fitted(picture)
                made = dict(processor(text=chat, images=image, return_tensors="pt"))
        return _padded(made, self.tokenizer.pad_token_id or 0)


def _padded(made: dict[str, torch.Tensor], pad_token: int) -> dict[str, torch.Tensor]:
    length = made["input_ids"].shape[1]
    missing = -length % _ALIGNMENT
    fill = dict.fromkeys(("attention_mask", "token_type_ids", "mm_token_type_ids"), 0)
    fill["input_ids"] = pad_token
    return {
        name: pad(tensor, (missing, 0), value=fill[name]) if name in fill else tensor
        for name, tensor in made.items()
    }


def _fitted(picture: NDArray[np.uint8]) -> Any:
    from PIL import Image

    image = Image.fromarray(picture)
    scale = _LONG_SIDE / max(image.size)
    width, height = (max(1, int(side * scale)) for side in image.size)
    return image.resize((width, height), resample=Image.Resampling.BICUBIC)


def _counting(ticks: Iterator[Any]) -> Any:
    """What `generate` asks after each token, and never ends it but by raising."""
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Counting(StoppingCriteria):  # type: ignore[misc]  # transformers is not typed
        def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
            next(ticks, None)
            return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)

    return StoppingCriteriaList([Counting()])
