"""A zip is read strictly: what it says about itself must hold, and it must hold nothing else."""

import functools
import io
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.datasets.ingest.archive import Zip, name_fault
from registry.datasets.ingest.contract import Limits, RefusedError
from tests.registry.datasets.ingest.looking import look_at
from tests.registry.datasets.ingest.zips import (
    FULL,
    File,
    deflate,
    deflated_zeros,
    make,
    picture,
    pictures,
    wide,
)

ONE = picture()
GIB = 2**30


def opened(data: bytes, **limits) -> Zip:
    return Zip(io.BytesIO(data), len(data), Limits(**limits))


@pytest.mark.parametrize("name", ["../../evil.png", "a/../../evil.png", "a\\..\\evil.png", "..", "a/.."])
def test_names_that_lead_out(refusal, name):
    assert refusal(make(*pictures("a/1.png"), File(name, ONE)), "a.zip") == ("zip_path_traversal", {"member": name})


@pytest.mark.parametrize("name", ["/etc/passwd", "//host/share", "C:\\x.png", "c:x.png", "\\x.png"])
def test_absolute_names(refusal, name):
    assert refusal(make(*pictures("a/1.png"), File(name, ONE)), "a.zip") == ("zip_absolute_path", {"member": name})


@pytest.mark.parametrize(
    "name",
    ["a\0b.png", "a\nb.png", "", "a//b.png", "./a.png", "a\\b.png", "a/" + "x" * 300, "\x7f.png"],
)
def test_unsafe_names(refusal, name):
    assert refusal(make(File(name, ONE)), "a.zip")[0] == "zip_unsafe_name"


@pytest.mark.parametrize("character", "\u200b\u200d\u2060\ufeff\u00ad\u202e\u2066\u061c\u180e\u2028\u3164\u2800")
def test_a_name_with_an_invisible_character_is_refused_by_its_name(look, character):
    found = look(make(*pictures("cat/1.png"), File(f"cat{character}/2.png", ONE)), "a.zip").refusal
    assert (found.code, found.params) == ("zip_invisible_name", {"character": f"U+{ord(character):04X}"})
    assert found.where["member"].endswith("/2.png") and f"U+{ord(character):04X}" in found.message()


def test_a_name_that_is_not_utf8_although_it_says_so(refusal):
    assert refusal(make(File(b"\xff\xfe.png", ONE)), "a.zip")[0] == "zip_unsafe_name"


@pytest.mark.parametrize("name", ["a b/ü-1 (2).png", "中文/猫.png", "a.b/c", "Inc./x.png", "folder/"])
def test_ordinary_names(name):
    assert name_fault(name) is None


@pytest.mark.parametrize(
    ("mode", "code"),
    [
        (0o120777, "zip_symlink"),
        (0o020666, "zip_special_file"),
        (0o060666, "zip_special_file"),
        (0o010666, "zip_special_file"),
        (0o140666, "zip_special_file"),
        (0o104755, "zip_setuid"),
        (0o102755, "zip_setuid"),
        (0o040755, "zip_header_lies"),
    ],
)
def test_what_is_no_plain_file(refusal, mode, code):
    assert refusal(make(*pictures("a/1.png"), File("a/2.png", ONE, mode=mode)), "a.zip") == (
        code,
        {"member": "a/2.png"},
    )


def test_folders_may_carry_group_rights(look):
    assert look(make(File("a/", mode=0o042775), *pictures("a/1.png", "a/2.png")), "a.zip").ok


def test_names_given_twice(look, refusal):
    assert refusal(make(*pictures("a/1.png", "a/1.png")), "a.zip") == ("zip_duplicate_name", {"member": "a/1.png"})
    assert refusal(make(*pictures("a", "a")), "a.zip")[0] == "zip_duplicate_name"
    report = look(make(*pictures("a/ok.png", "a/OK.png")), "a.zip")
    assert report.refusal.code == "zip_case_collision"
    assert (report.refusal.params, report.refusal.where) == ({"other": "a/ok.png"}, {"member": "a/OK.png"})
    assert refusal(make(*pictures("a/é.png", "a/e\u0301.png")), "a.zip")[0] == "zip_case_collision"


def test_encrypted(refusal):
    for flags in (0x801, 0x841, 0x2800):
        assert refusal(make(File("1.png", ONE, flags=flags)), "a.zip") == ("zip_encrypted", {"member": "1.png"})
    assert refusal(make(File("1.png", ONE, method=99)), "a.zip")[0] == "zip_encrypted"


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93])
def test_unusual_methods(refusal, method):
    assert refusal(make(File("1.png", ONE, method=method)), "a.zip") == ("zip_method", {"member": "1.png"})


@pytest.mark.parametrize(
    "lie",
    [
        {"local_size": 5},
        {"local_crc": 5},
        {"central_name": "2.png"},
        {"size": len(ONE) - 1},
        {"size": len(ONE) + 1},
        {"size": 10, "method": 8},
    ],
)
def test_headers_that_lie(refusal, lie):
    assert refusal(make(File("1.png", ONE, **lie)), "a.zip")[0] == "zip_header_lies"


def test_a_folder_that_holds_something(refusal):
    assert refusal(make(File("a/", b"abc"), *pictures("a/1.png")), "a.zip")[0] == "zip_header_lies"


def test_damaged_members(refusal):
    assert refusal(make(File("1.png", ONE, crc=5)), "a.zip") == ("zip_member_corrupt", {"member": "1.png"})
    broken = deflate(ONE)[:-4] + b"\xff\xff\xff\xff"
    assert refusal(make(File("1.png", ONE, method=8, packed=broken)), "a.zip")[0] in {
        "zip_member_corrupt",
        "zip_hidden_data",
    }
    assert refusal(make(File("1.png", ONE, method=8, packed=deflate(ONE)[:-9])), "a.zip")[0] == "zip_member_corrupt"


def test_overlapping_members(refusal):
    data = make(File("1.png", ONE), File("2.png", ONE, offset=0))
    assert refusal(data, "a.zip")[0] == "zip_overlap"
    whole = make(File("2.png", ONE))[: len(ONE) + 35]
    assert refusal(make(File("1.png", whole), File("2.png", ONE, offset=35)), "a.zip")[0] == "zip_overlap"


def test_data_that_belongs_to_no_member(refusal):
    assert refusal(make(*pictures("1.png", "2.png", gap=b"?")), "a.zip")[0] == "zip_data_before"
    assert refusal(make(*pictures("1.png"), *pictures("2.png", gap=b"hidden")), "a.zip")[0] == "zip_hidden_data"
    assert refusal(make(*pictures("1.png", behind=b"hidden")), "a.zip")[0] == "zip_hidden_data"
    packed = deflate(ONE) + b"hidden"
    assert refusal(make(File("1.png", ONE, method=8, packed=packed)), "a.zip")[0] == "zip_hidden_data"
    assert refusal(make(*pictures("1.png"), before=b"MZ" + bytes(99)), "a.zip")[0] in {"polyglot", "zip_data_before"}


def test_sizes_behind_the_data_are_fine(look):
    behind = b"PK\x07\x08" + bytes(12)
    files = [
        File(f"a/{n}.png", picture(colour=n), flags=0x808, behind=behind, local_size=0, local_crc=0) for n in (1, 2)
    ]
    data = make(*files)
    for one in files:  # such writers leave the packed size out of the local header too
        at = data.index(one.data) - 30 - len(one.name)
        data = data[: at + 18] + bytes(4) + data[at + 22 :]
    assert look(data, "a.zip").ok


def test_comments(look, refusal):
    assert look(make(*pictures("1.png"), comment=b"made by hand"), "a.zip").ok
    assert refusal(make(*pictures("1.png"), comment=b"<?php ?>"), "a.zip")[0] == "zip_data_after"
    assert refusal(make(*pictures("1.png"), comment=b"x" * 256), "a.zip")[0] == "zip_data_after"


def test_cut_off(refusal):
    data = make(*pictures("a/1.png", "a/2.png"))
    assert refusal(data[:-30], "a.zip")[0] == "zip_truncated"
    assert refusal(data[:60], "a.zip")[0] == "zip_truncated"


def test_a_list_that_does_not_hold_together(refusal):
    data = make(*pictures("a/1.png", "a/2.png"))
    assert refusal(make(*pictures("a/1.png", "a/2.png"), entries=1), "a.zip")[0] == "zip_corrupt"
    assert refusal(make(*pictures("a/1.png", "a/2.png"), entries=3), "a.zip")[0] == "zip_corrupt"
    assert refusal(data[:-10] + struct.pack("<L", 0xFFFFFF) + data[-6:], "a.zip")[0] == "zip_corrupt"
    assert refusal(data[:-18] + b"\1" + data[-17:], "a.zip")[0] == "zip_corrupt"


# --- counts and bombs -------------------------------------------------------------------------------------------------


@functools.cache
def listing(n: int) -> bytes:
    """A zip of which the list names `n` empty members (their own headers are left out: it must not come to that)."""
    part = b"PK\x01\x02" + struct.pack("<6H3L5H2L", 788, 20, 0x800, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0)
    return b"".join(part + b"%07d" % at for at in range(n))


def with_end(names: bytes, entries: int, *, wide_entries: int | None = None) -> bytes:
    head = b"PK\x03\x04" + bytes(26)
    out = head + names
    offset, size = len(head), len(names)
    if wide_entries is not None:
        record = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, wide_entries, wide_entries, size, offset)
        place = b"PK\x06\x07" + struct.pack("<LQL", 0, len(out), 1)
        out += record + place
        offset = size = FULL
    return out + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, entries, entries, size, offset, 0)


def test_a_million_members_are_counted_not_read(look):
    data = with_end(listing(1_000_000), 0xFFFF, wide_entries=1_000_000)
    refusal = look(data, "a.zip").refusal
    assert (refusal.code, refusal.params) == ("zip_too_many_members", {"found": 1_000_000, "limit": 20_000})


def test_a_million_members_that_say_they_are_five(refusal):
    assert refusal(with_end(listing(1_000_000), 5), "a.zip")[0] == "zip_directory_too_big"
    assert refusal(with_end(listing(6), 5), "a.zip")[0] == "zip_corrupt"


def test_more_members_than_the_limit(refusal):
    data = make(*pictures("a/1.png", "a/2.png", "a/3.png"))
    assert refusal(data, "a.zip", max_members=2)[0] == "zip_too_many_members"
    assert look_at(data, "a.zip", max_members=3).ok


def bomb(size_bytes: int, *, start: bytes = b"", **lies) -> bytes:
    packed = deflated_zeros(size_bytes, start)
    return make(*pictures("a/1.png"), File("a/2.png", method=8, packed=packed, **lies))


def test_an_honest_bomb(look):
    extra = wide(10 * GIB, 0)
    data = bomb(10 * GIB, size=FULL, crc=1, extra=extra)
    refusal = look(data, "a.zip").refusal
    assert (refusal.code, refusal.where) == ("zip_bomb", {"member": "a/2.png"})
    assert 900 < refusal.params["ratio"] < 1100
    assert look(data, "a.zip", max_ratio=2000).refusal.code == "zip_too_large"


@pytest.mark.parametrize("says", [1_000, 60 * 2**20])
def test_a_bomb_that_says_it_is_small(refusal, says):
    data = bomb(GIB, start=ONE[:40], size=says, crc=1)
    assert refusal(data, "a.zip", max_ratio=500) == ("zip_header_lies", {"member": "a/2.png"})


def test_a_lie_is_noticed_at_once():
    """Not after all of it was unpacked: what comes out is never more than was said."""
    archive = opened(bomb(GIB, size=1_000, crc=1))
    given = 0
    with pytest.raises(RefusedError):
        for block in archive.read(archive.members[1], 10 * GIB):
            given += len(block)
    assert given <= 1_000


def test_many_small_bombs(refusal):
    packed = deflated_zeros(2**20)
    files = [File(f"a/{n}.png", method=8, packed=packed, size=2**20, crc=1) for n in range(100)]
    assert refusal(make(*files), "a.zip")[0] == "zip_bomb"


def test_more_in_all_than_the_limit(look):
    data = make(*pictures("a/1.png", "a/2.png"))
    refusal = look(data, "a.zip", max_total_uncompressed_bytes=100).refusal
    assert (refusal.code, refusal.params["limit_bytes"]) == ("zip_too_large", 100)


# --- reading ----------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, database=None)
@given(
    st.lists(st.binary(max_size=3000), max_size=6),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.booleans(),
)
def test_the_same_bytes_as_the_standard_library(contents, method, streamed):
    file = io.BytesIO()
    target = Unseekable(file) if streamed else file
    with zipfile.ZipFile(target, "w", method) as archive:
        for at, content in enumerate(contents):
            with archive.open(f"folder/{at}", "w", force_zip64=streamed and at % 2 == 0) as member:
                member.write(content)
    ours = opened(file.getvalue())
    assert [b"".join(ours.read(one, one.size_bytes)) for one in ours.members] == contents
    assert [ours.head(one, 7) for one in ours.members] == [content[:7] for content in contents]


class Unseekable(io.RawIOBase):
    """A pipe: the zip writer must put the sizes behind the data."""

    def __init__(self, file):
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


@pytest.mark.parametrize(
    ("encoded", "codec"),
    [("猫狗/1.png".encode("gb2312"), "gb2312"), ("é/1.png".encode("cp437"), "cp437"), ("猫/1.png".encode(), "utf-8")],
)
def test_names_that_do_not_say_their_encoding(look, encoded, codec):
    report = look(make(File(encoded, ONE, flags=0), *pictures("b/2.png")), "a.zip")
    assert report.profile["encoding"] == codec
    assert encoded.decode(codec).split("/")[0] in report.profile["classes"]["label"]
    assert ("names_guessed" in [one.code for one in report.warnings]) is (codec != "utf-8")
    file = io.BytesIO(make(File(encoded, ONE, flags=0), *pictures("b/2.png")))
    with zipfile.ZipFile(file, metadata_encoding=codec) as archive:
        assert encoded.decode(codec) in archive.namelist()


@settings(max_examples=60, deadline=None, database=None)
@given(st.data())
def test_a_flipped_byte_never_crashes(data):
    whole = bytearray(make(*pictures("a/1.png", "b/2.png"), File("labels.csv", b"file,label\na/1.png,x\n", method=8)))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    look_at(bytes(whole), "a.zip")


def test_a_cut_anywhere_never_crashes():
    whole = make(*pictures("a/1.png", "b/2.png"))
    for at in range(0, len(whole), 7):
        assert not look_at(whole[:at], "a.zip").ok


def test_opening_needs_no_member(refusal):
    assert refusal(make(), "a.zip")[0] == "no_images"
    with pytest.raises(RefusedError):
        opened(b"PK\x03\x04")
