"""LTX-2 for Longtake: picture and sound together, segment after segment.

Importing this package, its plugin, presets or continuation codec imports nothing heavy.
"""

from __future__ import annotations

from longtake_ltx2.duration import predict_num_frames

__all__ = ["predict_num_frames"]

__version__ = "0.1.0"
