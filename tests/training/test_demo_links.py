"""Whatever the demo's people can click leads somewhere: every link of every page that they reach opens.

Every run follows the lead, who reaches most, and one of the others; in another turn another one, `make matrix` all.
"""

from __future__ import annotations

import re
from collections import deque
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.test import Client

from collab.accounts.models import User
from tests.turns import FULL, number_of
from training.demo import LEAD_EMAIL, seed

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

LINK = re.compile(r'<a\b[^>]*?\bhref="([^"#][^"]*)"')
ELSEWHERE = ("/admin/", "/mlflow/", "/accounts/logout/", "/static/", "/api/v1/schema/", "/media/")
CHANGES = ("/notifications/?unread",)  # its pages grow fewer as one reads
MOST_OF_A_KIND = 1  # of pages that differ in their id only
IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32,64}|\d+")


PEOPLE = [
    (LEAD_EMAIL, "en"),
    ("elin.berg@lakeside.example", "zh-hans"),  # technology transfer
    ("nora.lind@lakeside.example", "en"),  # internships
    ("wei.zhang@northwind.example", "zh-hans"),  # signs for the company
    ("freja.lund@lakeside.example", "en"),  # a student
    ("liu.yan@northwind.example", "zh-hans"),  # her mentor
]


def test_every_link_opens() -> None:
    seed()  # once for all of them: it takes longer than they do
    lead, *others = PEOPLE
    for email, language in PEOPLE if FULL else [lead, others[number_of("links") % len(others)]]:
        broken, opened = follow_all(email, language)
        assert opened > 60 and not broken, "\n".join([email, *broken])


def follow_all(email: str, language: str) -> tuple[list[str], int]:
    """What did not open for this person, and how many pages there were."""
    User.objects.update(language=language)
    client = Client()
    client.force_login(User.objects.get(email=email))
    waiting, seen, kinds = deque([("/", "")]), {"/"}, dict[str, int]()
    broken, opened = [], 0
    while waiting:
        address, found_on = waiting.popleft()
        answer = client.get(address)
        opened += 1
        if answer.status_code >= 400:
            broken.append(f"{answer.status_code} {address} on {found_on}")
        if answer.status_code == 302:
            follow(answer["Location"], address, waiting, seen, kinds)
        if not answer.streaming and answer.get("Content-Type", "").startswith("text/html"):
            for link in LINK.findall(answer.content.decode()):
                follow(link.replace("&amp;", "&"), address, waiting, seen, kinds)
    return broken, opened


def follow(link: str, page: str, waiting: deque[tuple[str, str]], seen: set[str], kinds: dict[str, int]) -> None:
    address = urldefrag(urljoin(page, link)).url
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or address in seen or address.startswith(ELSEWHERE + CHANGES):
        return
    seen.add(address)
    kind = IDS.sub("*", parts.path) + "?" + "&".join(sorted(re.findall(r"(\w+)=", parts.query)))
    kinds[kind] = kinds.get(kind, 0) + 1
    if kinds[kind] <= MOST_OF_A_KIND:
        waiting.append((address, page))
