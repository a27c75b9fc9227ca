"""Ports: free ones are found, remembered ones kept, and a taken door is named with its owner."""

import os
import socket
from collections.abc import Iterator

import pytest

from fvm import ports
from fvm.trouble import Trouble


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not ports.is_free(taken)


def test_remembered_ports_are_kept_while_they_are_free() -> None:
    first = ports.settle({}, ("a", "b"), set())

    assert ports.settle(first, ("a", "b"), set()) == first
    assert first["a"] != first["b"]


def test_a_remembered_port_that_was_taken_meanwhile_is_replaced(taken: int) -> None:
    settled = ports.settle({"a": taken}, ("a",), set())

    assert settled["a"] != taken
    assert ports.is_free(settled["a"])


def test_a_remembered_port_is_given_up_where_it_has_become_one_of_the_doors() -> None:
    port = ports.pick(set())

    assert ports.settle({"a": port}, ("a",), {port})["a"] != port


def test_a_taken_door_is_named_with_its_owner_and_the_way_out(taken: int) -> None:
    with pytest.raises(Trouble) as trouble:
        ports.must_be_free(taken, "FVM_GATEWAY_PORT", "the gateway's")

    assert f"Port {taken} (the gateway's) is already taken by" in trouble.value.sentence
    assert f"(pid {os.getpid()})" in trouble.value.sentence
    assert "FVM_GATEWAY_PORT=NNNN" in trouble.value.sentence
