"""What is the same: values, arrays and tensors, with their types."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from longtake.testing.codecs.comparing import same

SAME = [
    (1, 1),
    (float("nan"), float("nan")),
    ([1, 2], (1, 2)),
    ({"a": np.arange(3)}, {"a": np.arange(3)}),
    (torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.bfloat16)),
    (np.array([np.nan]), np.array([np.nan])),
    (b"x", b"x"),
]
DIFFERENT = [
    (1, 1.0),
    (1, True),
    (1, 2),
    ([1], [1, 2]),
    ({"a": 1}, {"b": 1}),
    (np.arange(3), np.arange(3.0)),
    (np.arange(3), np.arange(4)),
    (torch.ones(2), torch.ones(2, dtype=torch.bfloat16)),
    (torch.zeros(2), torch.ones(2)),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_is_the_same(one: object, other: object) -> None:
    assert same(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_differs_is_not_the_same(one: object, other: object) -> None:
    assert not same(one, other)
