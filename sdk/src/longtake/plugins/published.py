"""What is known of checkpoints that are not there: by name, or by what the hub calls them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from longtake.errors import CheckpointError, UnknownNameError
from longtake.families.family import ModelFamily
from longtake.families.published import PublishedCheckpoint, download_command

__all__ = ["check_not_on_hub", "find_published", "published_checkpoints"]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_MOST_QUOTED = 200


def published_checkpoints(
    families: Iterable[ModelFamily],
) -> Iterator[tuple[ModelFamily, PublishedCheckpoint]]:
    """Those that the families know; one whose list cannot be read costs only itself."""
    for family in families:
        try:
            known = family.published_checkpoints
        except Exception as error:  # isolation: one family's list must not hide another's
            import logging  # late, as nothing fails as a rule

            text = "what family %r says of published checkpoints cannot be read: %s"
            logging.getLogger(__name__).warning(text, family.name, error)
            continue
        yield from ((family, checkpoint) for checkpoint in known)


def find_published(
    families: Iterable[ModelFamily], name: str
) -> tuple[ModelFamily, PublishedCheckpoint]:
    """The published checkpoint that answers to ``name``, in upper or lower case.

    Raises `UnknownNameError` with the names that there are, the closest one first.
    """
    known = list(published_checkpoints(families))
    wanted = name.casefold()
    for family, checkpoint in known:
        if wanted in (each.casefold() for each in checkpoint.names):
            return family, checkpoint
    names = [checkpoint.name for _, checkpoint in known]
    close = get_close_matches(wanted, names, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    listed = f" known: {', '.join(names) or 'none'}"
    quoted = repr(name[:_MOST_QUOTED])
    raise UnknownNameError(f"no family knows a published checkpoint {quoted}{meant or ';'}{listed}")


def check_not_on_hub(path: Path, families: Iterable[ModelFamily]) -> None:
    """Refuse what is not there and looks like a name on the hub, saying how that is fetched.

    Raises `CheckpointError`.
    """
    said = path.as_posix()
    if not _HUB_NAME.fullmatch(said) or path.exists() or path.parent.is_dir():
        return
    command = download_command(said)
    for _, checkpoint in published_checkpoints(families):
        if said.casefold() == checkpoint.repository.casefold():
            command = checkpoint.download_command
    folder = said.rpartition("/")[2]
    raise CheckpointError(
        str(path),
        "there is no such file or folder; Longtake downloads nothing: if this is the name of a "
        f"repository on the hub, `{command}` fetches it, and the checkpoint is then the folder "
        f"{folder}",
    )
