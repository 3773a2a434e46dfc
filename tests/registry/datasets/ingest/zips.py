"""Zip files for the tests, byte by byte, so that every header can lie. Nothing is stored; all is made when needed."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image

FULL = 0xFFFFFFFF


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), colour: int = 0, mode: str = "RGB", **options) -> bytes:
    """A small sound image."""
    file = io.BytesIO()
    fill = (colour % 256, colour // 256 % 256, 7) if mode == "RGB" else colour % 256
    Image.new(mode, size, fill).save(file, kind, **options)
    return file.getvalue()


def deflate(data: bytes) -> bytes:
    """A raw deflate stream."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return engine.compress(data) + engine.flush()


def deflated_zeros(size_bytes: int, start: bytes = b"") -> bytes:
    """A raw deflate stream of `start` and then zeros, made quickly: whole MiB of zeros pack to the same bytes."""
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = engine.compress(start) + engine.flush(zlib.Z_FULL_FLUSH)
    engine = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = engine.compress(bytes(2**20)) + engine.flush(zlib.Z_FULL_FLUSH)
    return head + block * (size_bytes // 2**20) + b"\x03\x00"


@dataclass
class File:
    """One member; everything that is None is filled in truthfully."""

    name: str | bytes
    data: bytes = b""
    method: int = 0
    packed: bytes | None = None
    size: int | None = None
    crc: int | None = None
    flags: int = 0x800
    mode: int = 0o100644
    extra: bytes = b""
    central_extra: bytes = b""
    central_name: str | bytes | None = None
    local_size: int | None = None
    local_crc: int | None = None
    offset: int | None = None  # where the list says the member is
    gap: bytes = b""  # bytes in front of it
    behind: bytes = b""  # bytes behind its data


def raw(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode()


def make(*files: File, before: bytes = b"", after: bytes = b"", comment: bytes = b"", entries: int | None = None):
    """A zip of these members. `before` shifts everything without telling the list."""
    out, listed = b"", b""
    for one in files:
        packed = one.packed
        if packed is None:
            packed = deflate(one.data) if one.method == 8 else one.data
        size = len(one.data) if one.size is None else one.size
        crc = zlib.crc32(one.data) if one.crc is None else one.crc
        out += one.gap
        offset = len(out) if one.offset is None else one.offset
        name = raw(one.name)
        local_size = size if one.local_size is None else one.local_size
        local_crc = crc if one.local_crc is None else one.local_crc
        numbers = (20, one.flags, one.method, 0, 0, local_crc, len(packed), local_size, len(name), len(one.extra))
        out += b"PK\x03\x04" + struct.pack("<5H3L2H", *numbers) + name + one.extra + packed + one.behind
        named = raw(one.central_name) if one.central_name is not None else name
        extra = one.central_extra or one.extra
        numbers = (0x031E, 20, one.flags, one.method, 0, 0, crc, len(packed), size)
        numbers += (len(named), len(extra), 0, 0, 0, one.mode << 16, offset)
        listed += b"PK\x01\x02" + struct.pack("<6H3L5H2L", *numbers) + named + extra
    count = len(files) if entries is None else entries
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, len(listed), len(out), len(comment)) + comment
    return before + out + listed + end + after


def pictures(*names: str, **options) -> list[File]:
    """Members that are small PNGs, each different."""
    return [File(name, picture(colour=at + 1), **options) for at, name in enumerate(names)]


def wide(*numbers: int) -> bytes:
    """The extra field for 64-bit numbers."""
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)
