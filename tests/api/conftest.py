"""A program with a token, and a short way to send it anything."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from collab.accounts.models import User
from tests.cast import Joint, token_for

TRACES = ("Traceback", 'File "', "/site-packages/", '.py"', "django.", "Exception", "/tmp/", "/home/", "/root/")


@dataclass
class Program:
    """Sends requests as a person's program and checks what every answer owes."""

    client: Client

    def send(self, method: str, path: str, body: Any = None, *, kind: str = "application/json", **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        response = self.client.generic(method, path, raw, content_type=kind, headers=headers)
        decent(response)
        return response

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **rest: Any) -> Any:
        return self.send("POST", path, body, **rest)

    def form(self, path: str, body: Any) -> Any:
        response = self.client.post(path, body)
        decent(response)
        return response


def decent(response: Any) -> None:
    """Never a 500, never a trace or a server path, and every error in the one shape."""
    assert response.status_code < 500, response.content[:500]
    if response.streaming or response.status_code < 400:
        return
    text = response.content.decode()
    assert not [trace for trace in TRACES if trace in text], text[:500]
    body = response.json()
    assert {"code", "detail", "field", "request_id"} <= set(body), body
    assert body["detail"] and body["request_id"] == response["X-Request-ID"], body


def program_of(user: User, **limits: Any) -> Program:
    secret = token_for(user, **limits)
    headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json"}
    return Program(Client(headers=headers, raise_request_exception=False))


@pytest.fixture
def covered(aurora: Joint) -> Joint:
    """Aurora with an agreement in force and one dataset."""
    aurora.cover(reference="DUA-1")
    return aurora


@pytest.fixture
def program(covered: Joint) -> Program:
    """The lead's program."""
    return program_of(covered.lead)
