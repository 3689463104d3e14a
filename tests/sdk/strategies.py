"""What hypothesis draws: JSON, and the states made of it."""

from __future__ import annotations

from hypothesis import strategies as st

import longtake as lt

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
states = st.builds(
    lt.ContinuationState, st.text(), st.dictionaries(st.text(), json_values, max_size=4)
)
