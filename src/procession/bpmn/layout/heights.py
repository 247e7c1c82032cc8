"""The greatest value over a range, while ranges are raised: both in logarithmic time."""

from __future__ import annotations


class Heights:
    """A value for each index from 0 to `count - 1`, none at first (a segment tree)."""

    def __init__(self, count: int) -> None:
        self._size = 1 << max(count - 1, 0).bit_length()
        self._highest: list[int | None] = [None] * (2 * self._size)
        self._raised: list[int | None] = [None] * (2 * self._size)
        """What a whole node was raised to."""

    def raise_to(self, first: int, last: int, value: int) -> None:
        """Let no index from `first` to `last` be lower than `value`."""
        self._raise(1, 0, self._size, first, last + 1, value)

    def _raise(self, node: int, low: int, high: int, first: int, end: int, value: int) -> None:
        if end <= low or high <= first:
            return
        self._highest[node] = _max(self._highest[node], value)
        if first <= low and high <= end:
            self._raised[node] = _max(self._raised[node], value)
            return
        middle = (low + high) // 2
        self._raise(2 * node, low, middle, first, end, value)
        self._raise(2 * node + 1, middle, high, first, end, value)

    def highest(self, first: int, last: int) -> int | None:
        """The greatest value from `first` to `last`; None if none of them has one."""
        return self._find(1, 0, self._size, first, last + 1)

    def _find(self, node: int, low: int, high: int, first: int, end: int) -> int | None:
        if end <= low or high <= first:
            return None
        if first <= low and high <= end:
            return self._highest[node]
        middle = (low + high) // 2
        left = self._find(2 * node, low, middle, first, end)
        right = self._find(2 * node + 1, middle, high, first, end)
        return _max(self._raised[node], _max(left, right))


def _max(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)
