"""Where each network of a checkpoint is: in a folder of its own, or in a single file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from attrs import frozen

import longtake as lt
from longtake_ltx2.checkpoints.folder import find_upsampler
from longtake_ltx2.checkpoints.single_file import SingleFile, read_file, recognise_files
from longtake_ltx2.generation import Generation

__all__ = ["Layout", "is_folder", "layout_of", "tokenizer_beside"]

_NEEDED = ("transformer", "connectors", "vae", "audio_vae", "vocoder", "text_encoder", "tokenizer")
_OPTIONAL = ("duration_head", "diffusion_decoder")
_ENHANCER = "prompt_enhancer"
_OPTIONS = {
    "transformer": "transformer_path",
    "text_projection": "text_encoder_path, whose file has it since 2.5",
    "vae": "vae_path",
    "audio_vae": "audio_vae_path",
    "vocoder": "vocoder_path",
    "text_encoder": "text_encoder_path",
    "tokenizer": "tokenizer_path",
}
_WORDS = {
    "text_projection": "text projection",
    "vae": "video VAE with a convolutional decoder",
    "audio_vae": "audio VAE",
    "text_encoder": "text encoder",
}
_TOKENIZERS = ("tokenizer.json", "tokenizer.model")


@frozen
class Layout:
    """A checkpoint's networks.

    - ``path``: of the checkpoint.
    - ``places``: by component, its folder in diffusers' layout or the single file that it is in.
      ``tokenizer`` is a component too; ``text_projection`` is one in single files alone, where it
      may be in another file than the rest of the connectors.
    - ``generation``: what the files say; None in diffusers' layout.
    """

    path: Path
    places: Mapping[str, Path]
    generation: Generation | None = None

    def place(self, name: str) -> Path:
        """The folder or file of a component. Raises `longtake.CheckpointError` if it has none."""
        if name not in self.places:
            raise lt.CheckpointError(str(self.path), f"has no {_missing(name)}")
        return self.places[name]

    def has(self, name: str) -> bool:
        """Whether there is such a component."""
        return name in self.places

    def file(self, name: str) -> SingleFile | None:
        """The single file that a component is in; None for a folder."""
        place = self.place(name)
        return None if place.is_dir() else read_file(place)

    def check(self) -> None:
        """Refuse a checkpoint that lacks a network. Raises `longtake.CheckpointError`.

        It names all that are missing; what is in diffusers' layout is checked folder by folder.
        """
        needed = list(_NEEDED)
        if self.has("connectors") and not self.places["connectors"].is_dir():
            needed.append("text_projection")
        if missing := [name for name in needed if not self.has(name)]:
            lacks = "; ".join(map(_missing, missing))
            raise lt.CheckpointError(str(self.path), f"has no {lacks}")


def is_folder(path: Path) -> bool:
    """Whether ``path`` is a checkpoint in diffusers' layout, be it incomplete."""
    return (path / "transformer").is_dir() or (path / "model_index.json").is_file()


def layout_of(path: Path, given: Mapping[str, Path]) -> Layout:
    """Where the networks of the checkpoint at ``path`` are.

    ``path``: a folder in diffusers' layout, a single file, or a folder with several of them.
    ``given``: what is taken from elsewhere, by component; a folder of the text encoder may have
    the tokenizer in it or beside it. Single files that are given also lend what the checkpoint has
    not, as the vocoder in the file of the audio VAE. Weights are not read.

    Raises `longtake.CheckpointError` for a file that is damaged, and where two files have the same
    network.
    """
    given = _with_text(given)
    if is_folder(path):
        return _of_folder(path, given)
    files = recognise_files(path)
    places = dict(given)
    for name in ("transformer", *sorted({name for file in files for name in file.components})):
        if name not in places and (file := _only(path, name, files, places)) is not None:
            places[name] = file.path
    lent = {place for place in given.values() if place.is_file() and place.suffix != ".gguf"}
    for file in [found for place in sorted(lent) if (found := read_file(place)) is not None]:
        places = dict.fromkeys(file.components, file.path) | places
    if "tokenizer" not in places and (place := _tokenizer_of(places.get("text_encoder"))):
        places["tokenizer"] = place
    generations = [file.generation for file in files if "transformer" in file.starts]
    return Layout(path, places, next(iter(generations), None))


def _of_folder(path: Path, given: Mapping[str, Path]) -> Layout:
    places = {name: path / name for name in _NEEDED}
    places |= {name: path / name for name in _OPTIONAL if (path / name).is_dir()}
    if any((path / _ENHANCER).glob("*.safetensors")):  # its small files alone may have been fetched
        places[_ENHANCER] = path / _ENHANCER
    if (upsampler := find_upsampler(path)) is not None:
        places["upsampler"] = upsampler
    return Layout(path, places | dict(given))


def _only(
    path: Path, name: str, files: Iterable[SingleFile], places: Mapping[str, Path]
) -> SingleFile | None:
    """The one file that a component is in. What more files have, the transformer's own has."""
    having = [file for file in files if name in file.starts and _is_spatial(name, file)]
    beside = [file for file in having if file.path == places.get("transformer")]
    found = beside or having
    if len(found) > 1:
        one, other = (file.path.name for file in found[:2])
        option = _OPTIONS.get(name, "upsampler_weights" if name == "upsampler" else "")
        by_option = f", or say which as {option.split(',')[0]}" if option else ""
        problem = f"two files have the {_WORDS.get(name, name)}: {one} and {other}"
        raise lt.CheckpointError(str(path), f"{problem}; give a folder with one of them{by_option}")
    return found[0] if found else None


def _is_spatial(name: str, file: SingleFile) -> bool:
    """An upsampler over time has a convolution over time where it enlarges."""
    if name != "upsampler":
        return True
    return len(file.shapes.get("upsampler.0.weight", ())) != len(file.shapes["initial_conv.weight"])


def _with_text(given: Mapping[str, Path]) -> dict[str, Path]:
    """With the tokenizer that comes with the text encoder that is given.

    A checkpoint's folder, which has both in folders of their own, will do for it.
    """
    found = dict(given)
    enhancer = found.get(_ENHANCER)
    if enhancer is not None and (enhancer / "text_encoder").is_dir():
        found[_ENHANCER] = enhancer / "text_encoder"
    place = found.get("text_encoder")
    if place is None:
        return found
    if (place / "text_encoder").is_dir():
        found["text_encoder"] = place / "text_encoder"
    if "tokenizer" not in found and (tokenizer := _tokenizer_of(found["text_encoder"])):
        found["tokenizer"] = tokenizer
    return found


def _tokenizer_of(text_encoder: Path | None) -> Path | None:
    """The tokenizer in a text encoder's file or folder, or in the folder beside it."""
    from longtake_ltx2.checkpoints.gemma_file import has_tokenizer

    if text_encoder is None:
        return None
    if not text_encoder.is_dir():
        file = read_file(text_encoder)
        return text_encoder if file is not None and has_tokenizer(file.shapes) else None
    for folder in (text_encoder, text_encoder.parent / "tokenizer"):
        if any((folder / name).is_file() for name in _TOKENIZERS):
            return folder
    return None


def tokenizer_beside(gemma: Path) -> Path | None:
    """The tokenizer in the folder of a Gemma, or in the folder beside it, if there is one."""
    return _tokenizer_of(gemma)


def _missing(name: str) -> str:
    """A component in words, and how to give it."""
    option = _OPTIONS.get(name)
    return _WORDS.get(name, name) + (f" (give it as {option})" if option else "")
