"""OpenAI's own client of a server here, and what its documentation leaves to find out."""

from __future__ import annotations

import io
from typing import Any

import av
import openai

__all__ = ["REFERENCE", "TINY", "client_of", "counted", "extended", "picture"]

TINY = {"height": 32, "width": 48, "num_frames": 17, "seed": 3}


def client_of(port: int, token: str = "any", *, max_retries: int = 0) -> Any:
    """A client of the server at this port of the machine; its types know OpenAI's lengths alone."""
    return openai.OpenAI(
        base_url=f"http://127.0.0.1:{port}/v1", api_key=token, max_retries=max_retries, timeout=30
    )


def extended(client: Any, video: str, prompt: str, seconds: str) -> Any:
    """A longer video. ``videos.extend(video={"id": ...})`` raises before anything is sent."""
    return client.videos.extend(
        prompt=prompt,
        seconds=seconds,
        video=openai.omit,
        extra_body={"video": {"id": video}},
    )


def counted(data: bytes) -> tuple[int, int, int]:
    """Frames of an MP4 file, their width and height."""
    with av.open(io.BytesIO(data), "r") as file:
        stream = file.streams.video[0]
        return len([*file.decode(video=0)]), stream.width, stream.height


def picture() -> bytes:
    """A PNG file."""
    from PIL import Image

    data = io.BytesIO()
    Image.new("RGB", (48, 32), (200, 80, 40)).save(data, "PNG")
    return data.getvalue()


REFERENCE = picture()
