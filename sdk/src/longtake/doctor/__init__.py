"""What ``longtake doctor`` finds out: every plugin examined in a process of its own.

`longtake.doctor.diagnosis` asks, `longtake.doctor.process` runs the processes,
`longtake.doctor.child` is what they run, and `longtake.doctor.values` is what they answer.
"""

from __future__ import annotations
