"""LTX-2 for Longtake: picture and sound together, segment after segment.

Importing this package, its plugin, presets or continuation codec imports nothing heavy.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from longtake_ltx2.duration import predict_num_frames as predict_num_frames
else:

    def __getattr__(name):
        if name == "predict_num_frames":
            from longtake_ltx2.duration import predict_num_frames

            return predict_num_frames
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["predict_num_frames"]

__version__ = "0.1.0"
