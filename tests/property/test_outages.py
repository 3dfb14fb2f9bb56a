"""Outages by the contract's definition, against a judge who walks the time in steps of a millisecond."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from haconsole.model.drill import Request
from haconsole.operations.drills.outages import all_outages, find, lost

VIP = "192.168.2.101"
Times = tuple[int | None, int | None, int]


def request(started: int, lasted: int, ok: bool) -> Request:
    return Request(vip=VIP, started=started / 1000, ended=(started + lasted) / 1000, ok=ok)


measurements = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 60), st.booleans()), max_size=24, unique_by=lambda r: r[0]
)
"""(started, lasted, ok) in ms; they end in any order."""


def walked(rows: list[tuple[int, int, bool]]) -> list[Times]:
    """(began, ended, failed) of each outage: milliseconds are walked, nothing is sorted or kept."""
    begun = {s: (s + d, ok) for s, d, ok in rows}

    def served_between(first: int, second: int) -> bool:
        """Was a good request begun after the one and ended when the other was begun?"""
        return any(begun[t][1] and begun[t][0] <= second for t in range(first + 1, second) if t in begun)

    outages: list[Times] = []
    before: int | None = None
    for now in range(301):
        if now not in begun or begun[now][1]:
            continue
        began = next((t for t in range(now, -1, -1) if t in begun and begun[t][1]), None)
        proofs = [
            end
            for end in range(now, 301)
            if any(t in begun and begun[t] == (end, True) for t in range(now + 1, end + 1))
        ]
        ended = proofs[0] if proofs else None
        if before is not None and not served_between(before, now):
            earlier = outages.pop()
            outages.append((earlier[0], ended, earlier[2] + 1))
        else:
            outages.append((began, ended, 1))
        before = now
    return outages


def ms(value: float | None) -> int | None:
    return None if value is None else round(value * 1000)


@given(measurements)
def test_outages_are_those_of_the_walk(rows: list[tuple[int, int, bool]]) -> None:
    found = find([request(*r) for r in rows], VIP)
    assert [(ms(f.began), ms(f.ended), len(f.failed)) for f in found] == walked(rows)


@given(measurements, st.integers(0, 260), st.integers(1, 260))
def test_windows_share_out_every_outage_once(rows: list[tuple[int, int, bool]], cut: int, length: int) -> None:
    requests = [request(*r) for r in rows]
    edges = (-1.0, cut / 1000, (cut + length) / 1000)
    windows = [lost(requests, VIP, a, b) for a, b in zip(edges, (*edges[1:], None), strict=True)]
    assert [o for w in windows for o in w.outages] == list(find(requests, VIP))
    assert sum(w.failed for w in windows) == sum(not r.ok for r in requests)
    for window in windows:
        steps = {t for o in window.outages if o.began is not None and o.ended is not None
                 for t in range(ms(o.began) or 0, ms(o.ended) or 0)}  # fmt: skip
        if window.longest_s is not None:
            assert all(o.lasted_s is not None for o in window.outages)
            assert window.longest_s == max((o.lasted_s or 0.0 for o in window.outages), default=0.0)
            assert ms(window.sum_s) == ms(window.at_least_s) == len(steps)
        else:
            assert window.why


@given(measurements)
def test_what_other_vips_do_and_the_order_of_arrival_change_nothing(rows: list[tuple[int, int, bool]]) -> None:
    requests = [request(*r) for r in rows]
    other = [Request(vip="192.168.2.102", started=r.started, ended=r.ended, ok=not r.ok) for r in requests]
    by_end = sorted([*requests, *other], key=lambda r: r.ended)
    assert find(by_end, VIP) == find(requests, VIP)
    assert [o for o in all_outages(by_end) if o.vip == VIP] == [f.outage for f in find(requests, VIP)]
