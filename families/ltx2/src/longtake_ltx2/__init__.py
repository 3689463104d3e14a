"""LTX-2 for Longtake: picture and sound together, segment after segment.

Importing this package, its plugin, presets or continuation codec imports nothing heavy.
"""

from __future__ import annotations

__version__ = "0.1.0"
