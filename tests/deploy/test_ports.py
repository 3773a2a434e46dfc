"""Taken ports: who holds them, and the next free one. Real sockets on loopback."""

import os
import socket
import sys

import pytest

from deploy.tandem import ports
from deploy.tandem.say import Trouble


@pytest.fixture
def taken():
    """A port that this process listens on."""
    with socket.create_server((ports.HOST, 0)) as server:
        yield server.getsockname()[1]


def test_the_wanted_port_is_taken_when_it_is_free(taken):
    with socket.create_server((ports.HOST, 0)) as other:
        free = other.getsockname()[1]

    assert ports.choose(free) == free


def test_a_taken_port_gives_the_next_free_one(taken):
    chosen = ports.choose(taken)

    assert chosen > taken
    assert ports.is_free(chosen)


def test_two_services_never_get_the_same_port(taken):
    first = ports.choose(taken)

    assert ports.choose(taken, avoid={first}) > first


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which only Linux has (elsewhere lsof is asked)")
def test_the_holder_is_named_with_its_process(taken):
    found = ports.holder(taken)

    assert found.pid == os.getpid()
    assert found.name
    assert ports.reason(taken) == f"is taken by {found.name} (process {os.getpid()})"


def test_a_holder_one_may_not_look_into_is_named_by_its_user():
    assert str(ports.Holder(user="postgres")) == "a process of user postgres"
    assert str(ports.Holder()) == "another process"


def test_a_python_program_is_named_by_what_it_runs(tmp_path):
    (tmp_path / "cmdline").write_bytes(b"/venv/bin/python3.11\0-u\0/venv/bin/gunicorn\0config.wsgi\0")

    assert ports.program(tmp_path) == "gunicorn"


def test_no_free_port_in_reach_is_told(taken):
    with pytest.raises(Trouble, match=f"No port from {taken} to {taken} is free") as trouble:
        ports.choose(taken, tries=1)

    assert "TANDEM_WEB_PORT" in trouble.value.remedy
