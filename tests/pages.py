"""Looking at pages in tests: as somebody, and with the number of queries they take."""

from __future__ import annotations

import re

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from collab.accounts.models import User


def as_(user: User) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def text(response) -> str:  # type: ignore[no-untyped-def]
    """What came back, as text."""
    return response.content.decode()


def hidden(response, name: str) -> str:  # type: ignore[no-untyped-def]
    """What the form of the page carries unseen, as a browser would send it again."""
    [field] = re.findall(rf'<input type="hidden" name="{name}"[^>]*>', text(response))
    return re.search(r'value="([^"]*)"', field)[1]  # type: ignore[index]


def queries(client: Client, url: str) -> int:
    """How many queries the page takes; it must answer."""
    with CaptureQueriesContext(connection) as caught:
        response = client.get(url)
    assert response.status_code == 200, (url, response.status_code)
    return len(caught)
