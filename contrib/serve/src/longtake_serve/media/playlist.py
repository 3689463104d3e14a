"""The list of a stream's segments, as HLS (RFC 8216) has it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from attrs import frozen

__all__ = ["PlaylistEntry", "playlist_text"]


@frozen(kw_only=True)
class PlaylistEntry:
    """One segment of the list. ``uri``: of it; ``initialization``: of what it begins with."""

    uri: str
    initialization: str
    seconds: Fraction


def playlist_text(entries: Sequence[PlaylistEntry], *, finished: bool) -> str:
    """The list: an EVENT, to which segments are added, or VOD when the take is ``finished``.

    It says that players begin at its beginning, where they would otherwise begin near its end, and
    of an EVENT that they may wait for its next segment. Times are rounded so that no error adds up.
    """
    longest = max((entry.seconds for entry in entries), default=Fraction(1))
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, floor(longest + Fraction(1, 2)))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        f"#EXT-X-PLAYLIST-TYPE:{'VOD' if finished else 'EVENT'}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        "#EXT-X-START:TIME-OFFSET=0,PRECISE=YES",
    ]
    if not finished:
        lines.append("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES")
    initialization, end, shown = "", Fraction(0), 0
    for entry in entries:
        if entry.initialization != initialization:
            initialization = entry.initialization
            lines.append(f'#EXT-X-MAP:URI="{initialization}"')
        end += entry.seconds
        micros = round(end * 10**6) - shown
        shown += micros
        lines += [f"#EXTINF:{micros // 10**6}.{micros % 10**6:06d},", entry.uri]
    if finished:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"
