"""Sessions that come from one past: who left whom, and after how many segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from longtake.errors import SessionNotFound
from longtake.session_stores.protocol import SessionStore
from longtake.session_stores.records import SessionRecord, SessionSegment

__all__ = ["Relative", "relatives_of"]

_PAGE = 1000


@frozen
class Relative:
    """One session of a tree.

    - ``record``, ``segments``: it.
    - ``parent``: the index in the tree of the session that it leaves; None where there is none, or
      where nothing is left that both have. ``shared``: how many segments both have.
    """

    record: SessionRecord
    segments: Sequence[SessionSegment]
    parent: int | None = None
    shared: int = 0


def relatives_of(store: SessionStore, session_id: str) -> list[Relative]:
    """The session, those that it came from as far as they are there, and all forks of these.

    The first is the oldest. A fork of a fork that left before its parent did is one of the older
    session. Raises `SessionNotFound`.
    """
    records = {session_id: store.read(session_id)}
    children: dict[str, list[SessionRecord]] = {}
    for record in _all(store):
        records.setdefault(record.id, record)
        if record.parent is not None:
            children.setdefault(record.parent.id, []).append(record)
    root = records[session_id]
    seen = {root.id}
    while root.parent is not None and root.parent.id in records:
        root = records[root.parent.id]
        if root.id in seen:  # ids that were taken again
            break
        seen.add(root.id)
    tree: list[Relative] = []
    _gather(store, root, None, children, tree)
    return tree


def _all(store: SessionStore) -> Iterator[SessionRecord]:
    after = ""
    while page := store.list(after=after, limit=_PAGE):
        yield from page
        after = page[-1].id
        if len(page) < _PAGE:
            return


def _gather(
    store: SessionStore,
    record: SessionRecord,
    parent: int | None,
    children: dict[str, list[SessionRecord]],
    tree: list[Relative],
) -> None:
    todo = [(record, parent)]
    gathered: set[str] = set()
    while todo:
        record, parent = todo.pop()
        if record.id in gathered:
            continue
        gathered.add(record.id)
        try:
            segments = store.history(record.id)
        except SessionNotFound:  # deleted a moment ago
            continue
        above, shared = _left(tree, parent, segments)
        tree.append(Relative(record, segments, above, shared))
        index = len(tree) - 1
        todo += [(child, index) for child in reversed(children.get(record.id, []))]


def _left(
    tree: Sequence[Relative], parent: int | None, segments: Sequence[SessionSegment]
) -> tuple[int | None, int]:
    """The session that really is left, and after how many segments."""
    shared = 0
    while parent is not None:
        shared = _in_common(tree[parent].segments, segments)
        if shared > tree[parent].shared or tree[parent].parent is None:
            break
        parent = tree[parent].parent
    return (parent, shared) if shared else (None, 0)


def _in_common(one: Sequence[SessionSegment], other: Sequence[SessionSegment]) -> int:
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if (mine.step, mine.state_digest, mine.media) != (
            theirs.step,
            theirs.state_digest,
            theirs.media,
        ):
            break
        count += 1
    return count
