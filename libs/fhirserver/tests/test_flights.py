"""Wishes that come together are carried together, none is left behind, and no more flights than two are under way."""

import asyncio

from fhirserver.flights import Flights


async def test_what_comes_while_two_are_under_way_goes_together_and_nothing_is_left() -> None:
    carried: list[list[int]] = []
    under_way = most = 0

    async def carry(wishes: list[int]) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        carried.append(wishes)
        under_way -= 1

    flights = Flights(carry)
    for number in range(200):
        flights.add(number)
    for _ in range(20):
        await asyncio.sleep(0)
    assert sorted(number for wishes in carried for number in wishes) == list(range(200))
    assert (most, max(map(len, carried))) == (2, 64)


async def test_a_wish_that_comes_in_the_moment_a_flight_ends_is_carried() -> None:
    carried: list[int] = []
    flights: Flights[int]

    async def carry(wishes: list[int]) -> None:
        carried.extend(wishes)

    flights = Flights(carry)
    for number in range(100):
        flights.add(number)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert carried == list(range(100))
