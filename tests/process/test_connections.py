"""Places are bounded, and whoever has few gets one from whoever has many."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv6Network, ip_network

from hypothesis import given
from hypothesis import strategies as st

from gateway.process.connections import Connections, State


class One:
    def __init__(self, state: State = State.SILENT) -> None:
        self.now = state
        self.is_evicted = False

    def state(self) -> State:
        return self.now

    def evict(self) -> None:
        self.is_evicted = True


def filled(connections: Connections, peer: str, count: int, state: State) -> list[One]:
    made = [One(state) for _ in range(count)]
    assert [connections.admit(one, peer) for one in made] == [True] * count
    return made


def test_an_address_has_its_part_and_its_oldest_silent_connection_goes_for_its_next() -> None:
    connections = Connections(10, 4)
    made = filled(connections, "192.0.2.1", 4, State.SILENT)
    made[0].now = State.BUSY
    assert connections.admit(One(), "192.0.2.1")
    assert [one.is_evicted for one in made] == [False, True, False, False]
    assert len(connections) == 4
    assert connections.ended == {"evicted": 1}


def test_what_is_at_work_is_never_cut_off() -> None:
    connections = Connections(4, 4)
    made = filled(connections, "192.0.2.1", 4, State.BUSY)
    assert not connections.admit(One(), "192.0.2.1")
    assert not connections.admit(One(), "192.0.2.2")
    assert not any(one.is_evicted for one in made)
    assert connections.ended == {"address": 1, "all": 1}


def test_a_body_that_is_still_to_come_goes_only_for_who_has_fewer() -> None:
    connections = Connections(4, 4)
    made = filled(connections, "192.0.2.1", 4, State.READING)
    assert not connections.admit(One(), "192.0.2.1")
    assert connections.admit(One(State.READING), "192.0.2.2")
    assert sum(one.is_evicted for one in made) == 1


def test_a_network_of_ipv6_is_one_address() -> None:
    connections = Connections(100, 2)
    filled(connections, "2001:db8::1", 2, State.BUSY)
    assert not connections.admit(One(), "2001:db8::ffff:1")
    assert connections.admit(One(), "2001:db8:0:1::1")


def test_a_trusted_proxy_may_have_more_than_its_part_but_not_more_than_all() -> None:
    connections = Connections(6, 2, lambda: [ip_network("192.0.2.0/30")])
    filled(connections, "192.0.2.1", 6, State.BUSY)
    assert not connections.admit(One(), "192.0.2.1")
    assert connections.ended == {"all": 1}


def test_a_proxy_takes_no_place_of_its_neighbours_and_may_be_named_later() -> None:
    trusted: list[IPv6Network] = []
    connections = Connections(100, 2, lambda: trusted)
    filled(connections, "2001:db8::1", 2, State.BUSY)
    assert not connections.admit(One(), "2001:db8::1")
    trusted.append(IPv6Network("2001:db8::1/128"))
    filled(connections, "2001:db8::1", 5, State.BUSY)
    assert not connections.admit(One(), "2001:db8::2")
    other = Connections(100, 2, lambda: trusted)
    filled(other, "2001:db8::1", 5, State.BUSY)
    assert other.admit(One(), "2001:db8::2")


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(State), st.booleans()), max_size=200))
def test_bounds_hold_and_the_greediest_gives(steps: list[tuple[int, State, bool]]) -> None:
    most, each = 12, 8
    connections = Connections(most, each)
    of: dict[One, int] = {}
    for number, state, is_coming in steps:
        if is_coming:
            new = One(state)
            counts = Counter(of.values())
            is_in = connections.admit(new, f"192.0.2.{number}")
            gone = [one for one in of if one.is_evicted]
            assert len(gone) <= (1 if is_in else 0)
            for one in gone:
                assert one.now < State.BUSY
                assert counts[of[one]] >= counts[number] or of[one] == number
                del of[one]
            if is_in:
                of[new] = number
            else:
                assert not new.is_evicted
                assert len(of) == most or counts[number] == each
        elif of:
            leaving = next(iter(of))
            del of[leaving]
            connections.leave(leaving)
            connections.leave(leaving)
        assert len(connections) == len(of) <= most
        assert all(count <= each for count in Counter(of.values()).values())
        assert set(connections) == set(of)


def test_one_who_has_few_gets_in_however_many_another_opens() -> None:
    connections = Connections(800, 400)
    for _ in range(2000):
        connections.admit(One(), "192.0.2.1")
        connections.admit(One(State.READING), "192.0.2.2")
    assert all(connections.admit(One(State.BUSY), f"198.51.100.{n}") for n in range(200))
    assert len(connections) == 800
