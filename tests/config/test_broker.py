"""The filesystem broker: a message is there whole or not at all, for whoever looks in between."""

import json
import threading
from queue import Empty

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError
from kombu.transport import filesystem

from config import broker

FOLDERS = {"data_folder_in": "q", "data_folder_out": "q", "processed_folder": "done", "control_folder": "control"}


@pytest.fixture
def channel(tmp_path):
    """Channels on the folders of this test: ours, or kombu's own."""
    options = {name: str(tmp_path / folder) for name, folder in FOLDERS.items()}

    def channel(transport="config.broker:Transport"):
        return Connection("filesystem://", transport=transport, transport_options=options | STORE).channel()

    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir(exist_ok=True)
    return channel


STORE = {"store_processed": True}


class LookedAt(dict):
    """A message that somebody tries to fetch at the moment it is being written."""

    def __init__(self, reader):
        super().__init__(body="x")
        self.reader = reader
        self.seen = []

    def items(self):
        try:
            self.seen.append(self.reader._get("jobs"))
        except Empty:
            self.seen.append("nothing yet")
        return super().items()


def looked_at_while_written(content):
    return json.dumps(dict(content.items()))


def test_a_message_that_is_being_written_is_not_there_yet(channel, monkeypatch):
    writer, reader = channel(), channel()
    message = LookedAt(reader)
    monkeypatch.setattr(broker, "dumps", looked_at_while_written)

    writer._put("jobs", message)

    assert message.seen == ["nothing yet"]
    assert reader._get("jobs") == {"body": "x"}


def test_kombus_own_breaks_here_and_when_it_no_longer_does_ours_can_go(channel, monkeypatch):
    own = "kombu.transport.filesystem:Transport"
    writer, reader = channel(own), channel(own)
    monkeypatch.setattr(filesystem, "dumps", looked_at_while_written)

    with pytest.raises(json.JSONDecodeError):
        writer._put("jobs", LookedAt(reader))


def test_messages_come_each_once_and_only_from_their_queue(channel):
    writer, reader = channel(), channel()
    for number in range(20):
        writer._put("jobs", {"number": number})
        writer._put("other", {"number": -1})

    got = [reader._get("jobs")["number"] for _ in range(20)]

    assert sorted(got) == list(range(20))
    with pytest.raises(Empty):
        reader._get("jobs")


def test_a_torn_message_is_passed_over(channel, tmp_path):
    # messages are taken in the order of their names, and no clock's milliseconds begin with 0_
    (tmp_path / "q" / "0_torn.jobs.msg").write_bytes(b'{"body": ')
    one = channel()
    one._put("jobs", {"number": 2})

    assert one._get("jobs") == {"number": 2}
    assert (tmp_path / "done" / "0_torn.jobs.msg").exists()


def test_a_torn_table_is_written_anew(channel, tmp_path):
    (tmp_path / "control" / "jobs.exchange").write_bytes(b"")

    channel()._queue_bind("jobs", "", "", "queue-1")

    assert [bound.queue for bound in channel().get_table("jobs")] == ["queue-1"]


def test_what_cannot_be_written_leaves_nothing_behind(channel, tmp_path):
    with pytest.raises(TypeError):
        channel()._put("jobs", {"number": object()})

    assert list((tmp_path / "q").iterdir()) == []


def test_a_missing_folder_is_a_fault_of_the_channel(channel, tmp_path):
    one = channel()
    (tmp_path / "q").rmdir()

    with pytest.raises(ChannelError):
        one._put("jobs", {})


def test_many_may_bind_to_one_exchange_at_once(channel, tmp_path):
    queues = [f"queue-{number}" for number in range(8)]
    channels = [channel() for _ in queues]
    start = threading.Barrier(len(queues))

    def bind(one, queue):
        start.wait()
        one._queue_bind("jobs", "", "", queue)

    threads = [threading.Thread(target=bind, args=pair) for pair in zip(channels, queues, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(bound.queue for bound in channel().get_table("jobs")) == queues
    assert [file.name for file in (tmp_path / "control").iterdir()] == ["jobs.exchange"]


def test_our_celery_app_uses_it():
    from config.celery import app

    with app.connection("filesystem://") as connection:
        assert isinstance(connection.transport, broker.Transport)
