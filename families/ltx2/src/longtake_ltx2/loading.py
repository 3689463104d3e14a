"""Loading a checkpoint's networks, each when a stage first asks for it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from attrs import frozen

import longtake as lt
from longtake_ltx2.checkpoints import check_components, generation_of, read_json
from longtake_ltx2.config import LTX2LoadOptions, Precisions
from longtake_ltx2.numerics import NUMERICS, Numerics
from longtake_ltx2.placement import float_dtype_name, torch_dtype, usable_device
from longtake_ltx2.quiet import quiet_transformers

__all__ = ["CheckpointComponents", "load"]

logger = logging.getLogger(__name__)

_LOADABLE = ("2.0", "2.3")
_TEXT_ENCODERS = ("Gemma3ForConditionalGeneration", "Gemma3ForCausalLM")
_VOCODERS = ("LTX2Vocoder", "LTX2VocoderWithBWE")
_ALIGNMENT = 16


def load(source: lt.ModelSource) -> lt.LoadedModel:
    """The networks of a folder in diffusers layout, loaded on demand, offline.

    Raises `longtake.CheckpointError` naming the file that is missing or damaged.
    """
    if source.path is None:
        raise lt.ValidationError("path", "LTX-2 needs the path of a checkpoint")
    options = source.options or LTX2LoadOptions()
    device = usable_device(source.device)
    precisions = Precisions.choose(float_dtype_name(source.dtype), device)
    generation = generation_of(read_json(source.path / "transformer" / "config.json"))
    if generation not in _LOADABLE:
        raise lt.CheckpointError(
            str(source.path), f"is of generation {generation}; these load: {', '.join(_LOADABLE)}"
        )
    check_components(source.path)
    loader = _Loader(source.path, device, precisions, NUMERICS[options.numerics])
    return lt.LoadedModel(CheckpointComponents(loader.makers()), device)


class CheckpointComponents(Mapping[str, Any]):
    """Components by the names that stage constructors use, each made when first looked up."""

    def __init__(self, makers: Mapping[str, Callable[[], Any]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@frozen
class _Loader:
    path: Path
    device: str
    precisions: Precisions
    numerics: Numerics

    def makers(self) -> dict[str, Callable[[], Any]]:
        audio_vae = functools.cache(self._audio_vae)
        return {
            "text_encoders": lambda: (self._text_encoder(),),
            "tokenizers": lambda: (self._tokenizer(),),
            "connectors": self._connectors,
            "transformer": self._transformer,
            "vae": self._vae,
            "audio_vae": audio_vae,
            "audio_decoder": audio_vae,
            "vocoder": self._vocoder,
            "numerics": lambda: self.numerics,
        }

    def _transformer(self) -> Any:
        from diffusers import LTX2VideoTransformer3DModel

        # Converted 2.0 checkpoints say perturbed_attn=False, which makes STG do nothing; the flag
        # adds no weights. Parity with diffusers keeps what the file says.
        changes = {"perturbed_attn": True} if self.numerics.name == "official" else {}
        return self._network(
            LTX2VideoTransformer3DModel, "transformer", self.precisions.dit_precision, **changes
        )

    def _vae(self) -> Any:
        from diffusers import AutoencoderKLLTX2Video

        return self._network(AutoencoderKLLTX2Video, "vae", self.precisions.vae_precision)

    def _audio_vae(self) -> Any:
        from diffusers import AutoencoderKLLTX2Audio

        precision = self.precisions.audio_decoder_precision
        return self._network(AutoencoderKLLTX2Audio, "audio_vae", precision)

    def _connectors(self) -> Any:
        from diffusers.pipelines.ltx2 import LTX2TextConnectors

        precision = self.precisions.text_encoder_precision
        return self._network(LTX2TextConnectors, "connectors", precision)

    def _vocoder(self) -> Any:
        from diffusers.pipelines.ltx2 import vocoder

        name = _class_name(self.path / "vocoder", "_class_name", _VOCODERS)
        precision = self.precisions.vocoder_precision
        return self._network(vars(vocoder)[name], "vocoder", precision)

    def _text_encoder(self) -> Any:
        import transformers

        folder = self.path / "text_encoder"
        name = _class_name(folder, "architectures", _TEXT_ENCODERS)
        cls = getattr(transformers, name)
        dtype = torch_dtype(self.precisions.text_encoder_precision)
        return self._loaded(
            folder,
            lambda: cls.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,  # never unpickle
                dtype=dtype,
                output_loading_info=True,
            ),
        )

    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        folder = self.path / "tokenizer"
        try:
            return AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # tokenizers raises nothing narrower
            raise lt.CheckpointError(str(folder), f"cannot be loaded: {error}") from error

    def _network(self, cls: Any, name: str, precision: str, **changes: Any) -> Any:
        from diffusers.utils import is_accelerate_available

        folder = self.path / name
        return self._loaded(
            folder,
            lambda: cls.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                torch_dtype=torch_dtype(precision),
                low_cpu_mem_usage=is_accelerate_available(),
                output_loading_info=True,
                **changes,
            ),
        )

    def _loaded(self, folder: Path, load_with_info: Callable[[], tuple[Any, Any]]) -> Any:
        logger.info("loading %s", folder)
        try:
            with quiet_transformers():
                network, info = load_with_info()
        except Exception as error:  # the libraries raise all sorts for what makes no sense
            raise lt.CheckpointError(str(folder), f"cannot be loaded: {error}") from error
        if missing := sorted(info["missing_keys"]):
            raise lt.CheckpointError(
                str(folder), f"lacks {len(missing)} weights, the first is {missing[0]!r}"
            )
        network = network.to(self.device).eval().requires_grad_(False)
        align(network)
        return network


def align(network: torch.nn.Module) -> None:
    """Copy weights that do not start on a 16-byte boundary, as those mapped from a file.

    On such, MKL's matrix products of three or fewer rows give other bits, so two workers with the
    same weights would differ.
    """
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.data_ptr() % _ALIGNMENT:
            tensor.data = tensor.data.clone()


def _class_name(folder: Path, key: str, known: tuple[str, ...]) -> str:
    value = read_json(folder / "config.json").get(key)
    name = value[0] if isinstance(value, list) and value else value
    if name not in known:
        raise lt.CheckpointError(
            str(folder / "config.json"), f"{key} is {name!r}; these load: {', '.join(known)}"
        )
    return str(name)
