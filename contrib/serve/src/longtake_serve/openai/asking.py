"""From what OpenAI's API calls a video to the requests of a take's segments."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import evolve, field, frozen

import longtake as lt
from longtake_serve.openai.lengths import segment_lengths
from longtake_serve.takes.limits import ServeLimits, check_depth, check_request
from longtake_serve.takes.views import JobView, TakeJob

__all__ = ["AskedVideo", "Studio"]

_SECONDS = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})", re.ASCII)
_DATA_URL = re.compile(r"data:image/(?:png|jpeg|webp);base64,", re.ASCII)
_DEFAULT_SECONDS = 4.0
"""As OpenAI's API has it."""
_NAMES = (
    ("requests", "seconds"),
    ("sampling.num_frames", "seconds"),
    ("output.overlap_frames", "seconds"),
    ("sampling.height", "size"),
    ("sampling.width", "size"),
    ("inputs", "input_reference"),
)
"""Where a request is wrong, and by which field of the video that was said."""


@frozen(kw_only=True)
class AskedVideo:
    """A video as `Jobs` are asked for it: ``requests``, one for each segment, and the ``job``.

    ``said``: which of the fields that only OpenAI's API has were there.
    """

    requests: tuple[dict[str, Any], ...] = field(repr=False)
    job: TakeJob
    said: frozenset[str]

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """An error names the field by which it was said."""
        with _blamed(self.said):
            yield


@frozen
class Studio:
    """Knows what is served: ``pipeline`` says what a request leaves out, ``model`` is its name.

    ``limits``: of requests; a video has at most as many as a take's queue.
    A video names OpenAI's models, which means whatever is served, or that one.
    """

    pipeline: lt.Pipeline
    limits: ServeLimits

    @property
    def model(self) -> str:
        """``family/preset@version``, as takes say what they are made for."""
        preset = self.pipeline.preset
        return f"{self.pipeline.family.name}/{preset.name}@{preset.version}"

    def asked(self, document: dict[str, Any], *, after: JobView | None = None) -> AskedVideo:
        """What a document asks for: OpenAI's fields, and those of a `longtake.GenerationRequest`.

        ``after``: the video that it goes on from, whose size and frame rate it has. Raises
        `longtake.ValidationError` with the path of what is wrong.
        """
        check_depth(document)
        said = frozenset(document).intersection({"seconds", "size", "input_reference"})
        request = dict(document)
        self._check_model(request.pop("model", None))
        seconds = _seconds(request.pop("seconds", None))
        _say_size(request, request.pop("size", None))
        _say_image(request, request.pop("input_reference", None))
        with _blamed(said):
            wanted = _as_before(lt.GenerationRequest.from_dict(request), after)
            check_request(wanted, self.limits)
            return self._planned(wanted, seconds, after, said)

    def _planned(
        self,
        wanted: lt.GenerationRequest,
        seconds: float | None,
        after: JobView | None,
        said: frozenset[str],
    ) -> AskedVideo:
        sampling = self.pipeline.resolve(wanted).sampling
        before = 0 if after is None else after.job.overlap_frames
        if seconds is None and wanted.sampling.num_frames is not None:
            if sampling.num_frames <= before:
                problem = f"is {sampling.num_frames}; the first {before} repeat the video before"
                raise lt.ValidationError("sampling.num_frames", f"{problem}, so it must be more")
            seconds = float((sampling.num_frames - before) / sampling.fps)
            lengths = [sampling.num_frames]
        else:
            seconds = _DEFAULT_SECONDS if seconds is None else seconds
            lengths = segment_lengths(
                max(1, round(seconds * sampling.fps)),
                longest=sampling.num_frames,
                before=before,
                overlap=wanted.output.overlap_frames,
                most=self.limits.queue,
                fit=lambda frames: self.pipeline.num_frames_for(frames, wanted),
            )
        job = TakeJob(
            prompt=wanted.prompt,
            seconds=seconds + (0.0 if after is None else after.job.seconds),
            height=sampling.height,
            width=sampling.width,
            fps=sampling.fps,
            overlap_frames=min(wanted.output.overlap_frames, sum(lengths)),
        )
        return AskedVideo(requests=_requests(wanted, lengths), job=job, said=said)

    def _check_model(self, name: object) -> None:
        family, preset = self.model.split("/")
        known = {self.model, family, preset, preset.partition("@")[0]}
        is_known = isinstance(name, str) and (name in known or name.startswith("sora-"))
        if name is not None and not is_known:
            raise lt.ValidationError("model", f"is {name!r:.100}; here is {self.model}, or none")


def _requests(wanted: lt.GenerationRequest, lengths: list[int]) -> tuple[dict[str, Any], ...]:
    """The documents: what stands at a frame stands in the first segment."""
    requests = []
    for number, num_frames in enumerate(lengths):
        each = evolve(wanted, sampling=evolve(wanted.sampling, num_frames=num_frames))
        requests.append((evolve(each, inputs=lt.Inputs()) if number else each).to_dict())
    return tuple(requests)


def _as_before(wanted: lt.GenerationRequest, after: JobView | None) -> lt.GenerationRequest:
    """The request with the size and frame rate of the video that it goes on from."""
    if after is None:
        return wanted
    sampling, job = wanted.sampling, after.job
    for name, asked, fixed in (
        ("height", sampling.height, job.height),
        ("width", sampling.width, job.width),
        ("fps", sampling.fps, job.fps),
    ):
        if asked not in (None, fixed):
            raise lt.ValidationError(f"sampling.{name}", f"is {asked}; the video has {fixed}")
    same = evolve(sampling, height=job.height, width=job.width, fps=job.fps)
    return evolve(wanted, sampling=same)


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    text = str(value)
    if not _SECONDS.fullmatch(text) or not float(text):
        raise lt.ValidationError("seconds", f"is {text[:50]!r}; must be a number such as '4'")
    return float(text)


def _say_size(request: dict[str, Any], size: object) -> None:
    if size is None:
        return
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None:
        raise lt.ValidationError("size", f"is {size!r:.50}; must be WIDTHxHEIGHT in pixels")
    _say(request, "sampling", {"width": int(found[1]), "height": int(found[2])}, "size")


def _say_image(request: dict[str, Any], reference: object) -> None:
    if reference is None:
        return
    data = b64encode(reference).decode() if isinstance(reference, bytes) else _in_url(reference)
    _say(request, "inputs", {"images": [{"data": data}]}, "input_reference")


def _in_url(reference: object) -> str:
    """The picture in a data URL. Nothing is fetched from anywhere."""
    if not isinstance(reference, Mapping) or set(reference) != {"image_url"}:
        problem = "must be a file, or {'image_url': 'data:image/png;base64,…'}; no files are kept"
        raise lt.ValidationError("input_reference", problem)
    url = reference["image_url"]
    found = _DATA_URL.match(url) if isinstance(url, str) else None
    if found is None:
        problem = "must be data:image/png;base64,… (or jpeg, webp); nothing is fetched from a URL"
        raise lt.ValidationError("input_reference.image_url", problem)
    return str(url[found.end() :])


def _say(request: dict[str, Any], part: str, values: dict[str, Any], by: str) -> None:
    """Put what OpenAI's field says where a request says it, if that says nothing of its own."""
    said = request.get(part, {})
    if not isinstance(said, dict):
        return  # what it is instead is refused with the request
    for name in values:
        if said.get(name) is not None:
            raise lt.ValidationError(f"{part}.{name}", f"is said by {by}, too; leave one out")
    request[part] = {**said, **values}


@contextmanager
def _blamed(said: frozenset[str]) -> Iterator[None]:
    try:
        yield
    except lt.ValidationError as error:
        for path, name in _NAMES:
            if name in said and (error.path + ".").startswith((f"{path}.", f"{path}[")):
                raise type(error)(name, f"{error.problem} ({error.path})") from None
        raise
