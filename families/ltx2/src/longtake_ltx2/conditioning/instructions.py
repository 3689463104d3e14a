"""What a model is told when it is to rewrite a prompt."""

from __future__ import annotations

from pathlib import Path

import longtake as lt

__all__ = ["FOR_A_PICTURE", "FOR_A_PROMPT", "read_instructions"]

_MOST_BYTES = 2**16

_SHARED = """\
Answer with one paragraph of at most 200 words and nothing else: no title, no list, no quotation \
marks around it, no word about your task.

- Write in the present tense, and in the order in which things happen.
- Begin with what is done, not with "the video shows" or the like.
- Say who or what is there: looks, clothes, material, number, where it stands in the picture.
- Say how it moves, and how the camera does: still, panning, following, coming closer. One shot, \
unless the prompt asks for a cut.
- Say where it is, what time of day, where the light comes from and which colours it has.
- Say what is heard: voices with their mood and language, sounds of what is seen, the room, music \
only where the prompt asks for it. Spoken words stand in double quotation marks, word for word.
- Keep all that the prompt says, also names, numbers and written text. Add nothing against it, no \
brand, and no feeling that cannot be seen or heard.
"""

FOR_A_PROMPT = (
    "You turn short notes into descriptions of a film clip with sound, for a model that makes the "
    'clip from them. The notes stand behind "user prompt:".\n' + _SHARED
)
"""The instructions where there is a prompt alone."""

FOR_A_PICTURE = (
    "You turn short notes into descriptions of a film clip with sound that begins with the picture "
    'you see, for a model that makes the clip from both. The notes stand behind "User Raw Input '
    'Prompt:". Take people, things, place and style from the picture, mention them briefly, and '
    "describe at length what changes from there on. Where notes and picture disagree, the clip "
    "goes from the picture to what the notes say.\n" + _SHARED
)
"""The instructions where the model sees a picture, too."""


def read_instructions(path: str | Path) -> str:
    """The text in a file of the user's own.

    Raises `longtake.ValidationError` with the path ``prompt_instructions_path`` for a file that is
    missing, empty, too long or not UTF-8.
    """
    where = "prompt_instructions_path"
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        text = data.decode("utf-8-sig").strip()
    except OSError as error:
        raise lt.ValidationError(where, f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise lt.ValidationError(where, f"{path} is no text in UTF-8") from None
    if len(data) > _MOST_BYTES:
        raise lt.ValidationError(where, f"{path} has more than {_MOST_BYTES} bytes")
    if not text:
        raise lt.ValidationError(where, f"{path} is empty; write there how prompts are rewritten")
    return text
