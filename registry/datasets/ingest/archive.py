"""A strict reader of zip files that believes no header: counts before it reads, and counts while it unpacks.

Stricter than the usual readers on purpose. The members must lie one behind the other from the first byte of the file
to the list of members, and the two descriptions each member has must agree; so every other reader sees the same files
that were checked here. Layout after the ZIP application note (sections 4.3 and 4.4), sizes little-endian.
"""

from __future__ import annotations

import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from .contract import MIB, Limits, RefusedError, clean

END = b"PK\x05\x06"
LOCAL = b"PK\x03\x04"
_CENTRAL = b"PK\x01\x02"
_END64 = b"PK\x06\x06"
_END64_PLACE = b"PK\x06\x07"
_END_BYTES, _CENTRAL_BYTES, _LOCAL_BYTES, _END64_BYTES, _PLACE_BYTES = 22, 46, 30, 56, 20
_MAX_COMMENT = 255
_BLOCK = 64 * 1024
_STORED, _DEFLATED = 0, 8
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000
_SIZES_BEHIND, _UTF8_NAME = 0x8, 0x800
_METHOD_AES = 99
# Beside the format characters (zero-width, bidi controls): letters that are blank, and what only varies its neighbour.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


@dataclass(frozen=True)
class Member:
    """One file in the zip, its name checked. Sizes in bytes as the zip claims them."""

    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    offset: int  # of the local header
    mode: int  # Unix mode, 0 when unknown

    @property
    def is_folder(self) -> bool:
        """An entry for a folder: it holds nothing."""
        return self.name.endswith("/")

    @property
    def where(self) -> dict[str, str]:
        """The place of a fault, for a refusal."""
        return {"member": clean(self.name)}


@dataclass(frozen=True)
class _End:
    """The end record: where the list of members lies and how many it says there are."""

    entries: int
    directory_offset: int
    directory_bytes: int
    offset: int  # of the end record (or of its 64-bit form before it)


def find_end(tail: bytes) -> int:
    """Position in `tail` (the last 64 KiB or so of a file) of the zip's end record, or -1."""
    at = len(tail)
    while (at := tail.rfind(END, 0, at)) >= 0:
        if len(tail) - at >= _END_BYTES:
            return at
    return -1


class Zip:
    """An opened zip: `members` in the order of their bytes, names and structure checked. Raises RefusedError."""

    def __init__(self, stream: BinaryIO, size_bytes: int, limits: Limits) -> None:
        self.stream = stream
        self.size_bytes = size_bytes
        self.limits = limits
        self.name_encoding = "utf-8"
        end = self._end()
        self.members = self._directory(end)
        self._check_names()
        self._check_sizes()
        self._data_offsets = self._check_places(end.directory_offset)

    # --- reading ------------------------------------------------------------------------------------------------------

    def read(self, member: Member, at_most: int) -> Iterator[bytes]:
        """Unpack a member in blocks of at most 64 KiB, up to `at_most` bytes (then it simply ends).

        Raises RefusedError when more comes out than the zip said, less, or something else (checksum).
        """
        out, crc = 0, 0
        for block in self._unpacked(member):
            out += len(block)
            if out > member.size_bytes:
                raise RefusedError("zip_header_lies", where=member.where)
            crc = zlib.crc32(block, crc)
            if out >= at_most and at_most < member.size_bytes:
                yield block[: len(block) - (out - at_most)]
                return
            yield block
        if out != member.size_bytes:
            raise RefusedError("zip_header_lies", where=member.where)
        if crc != member.crc:
            raise RefusedError("zip_member_corrupt", where=member.where)

    def head(self, member: Member, size_bytes: int) -> bytes:
        """The first bytes of a member."""
        return b"".join(self.read(member, size_bytes))

    def _unpacked(self, member: Member) -> Iterator[bytes]:
        if not member.packed_bytes and not member.size_bytes:
            return
        if member.method == _STORED:
            yield from self._packed(member)
            return
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            for packed in self._packed(member):
                while packed and not engine.eof:
                    yield engine.decompress(packed, _BLOCK)
                    packed = engine.unconsumed_tail
                if engine.eof and (packed or engine.unused_data):
                    raise RefusedError("zip_hidden_data", where=member.where)
            while not engine.eof:  # what the engine still holds once all packed bytes are in
                block = engine.decompress(b"", _BLOCK)
                if not block and not engine.eof:
                    raise RefusedError("zip_member_corrupt", where=member.where)
                yield block
        except zlib.error:
            raise RefusedError("zip_member_corrupt", where=member.where) from None

    def _packed(self, member: Member) -> Iterator[bytes]:
        at, left = self._data_offsets[member.offset], member.packed_bytes
        while left:
            self.stream.seek(at)
            block = self.stream.read(min(_BLOCK, left))
            if not block:
                raise RefusedError("zip_truncated")
            at, left = at + len(block), left - len(block)
            yield block

    # --- structure ----------------------------------------------------------------------------------------------------

    def _at(self, offset: int, size_bytes: int) -> bytes:
        self.stream.seek(offset)
        data = self.stream.read(size_bytes)
        if len(data) != size_bytes:
            raise RefusedError("zip_corrupt")
        return data

    def _end(self) -> _End:
        tail_bytes = min(self.size_bytes, _END_BYTES + 65_535)
        tail = self._at(self.size_bytes - tail_bytes, tail_bytes)
        found = find_end(tail)
        if found < 0:
            raise RefusedError("zip_truncated")
        disk, start, here, entries, size, offset, comment = struct.unpack_from("<4H2LH", tail, found + 4)
        text = tail[found + _END_BYTES :]
        if len(text) != comment or len(text) > _MAX_COMMENT or not _is_plain(text):
            raise RefusedError("zip_data_after")
        at = self.size_bytes - tail_bytes + found
        if disk or start or here != entries:
            raise RefusedError("zip_corrupt")
        end = self._end64(at) or _End(entries, offset, size, at)
        if end.entries > self.limits.max_members:
            raise RefusedError("zip_too_many_members", found=end.entries, limit=self.limits.max_members)
        if end.directory_bytes > self.limits.max_directory_bytes:
            limit = self.limits.max_directory_bytes
            raise RefusedError("zip_directory_too_big", size_bytes=end.directory_bytes, limit_bytes=limit)
        if end.directory_offset + end.directory_bytes > end.offset:
            raise RefusedError("zip_corrupt")
        if end.directory_offset + end.directory_bytes < end.offset:
            # Either something lies between list and end, or (as with data put before a zip) all places are shifted.
            shifted = self._at(end.offset - end.directory_bytes, 4) == _CENTRAL if end.directory_bytes >= 4 else False
            raise RefusedError("zip_data_before" if shifted else "zip_corrupt")
        return end

    def _end64(self, end_at: int) -> _End | None:
        """The 64-bit form of the end record, when there is one; its numbers count, not those of the short form."""
        if end_at < _PLACE_BYTES + _END64_BYTES or self._at(end_at - _PLACE_BYTES, 4) != _END64_PLACE:
            return None
        at = end_at - _PLACE_BYTES - _END64_BYTES
        record = self._at(at, _END64_BYTES)
        if record[:4] != _END64:
            raise RefusedError("zip_corrupt")
        disk, start, here, entries, size, offset = struct.unpack_from("<2L4Q", record, 16)
        if disk or start or here != entries:
            raise RefusedError("zip_corrupt")
        return _End(entries, offset, size, at)

    def _directory(self, end: _End) -> list[Member]:
        data = self._at(end.directory_offset, end.directory_bytes)
        rows: list[tuple[bytes, tuple[int, ...], bytes]] = []
        at = 0
        while at < len(data):
            if data[at : at + 4] != _CENTRAL or len(data) - at < _CENTRAL_BYTES:
                raise RefusedError("zip_corrupt")
            if len(rows) >= end.entries:
                raise RefusedError("zip_corrupt")
            numbers = struct.unpack_from("<6H3L5H2L", data, at + 4)
            name_bytes, extra_bytes, comment_bytes = numbers[9:12]
            name_at = at + _CENTRAL_BYTES
            name = data[name_at : name_at + name_bytes]
            extra = data[name_at + name_bytes : name_at + name_bytes + extra_bytes]
            at = name_at + name_bytes + extra_bytes + comment_bytes
            if at > len(data):
                raise RefusedError("zip_corrupt")
            rows.append((name, numbers, extra))
        if len(rows) != end.entries:
            raise RefusedError("zip_corrupt")
        self.name_encoding = _name_encoding([name for name, numbers, _ in rows if not numbers[2] & _UTF8_NAME])
        members = [self._member(*row) for row in rows]
        return sorted(members, key=lambda one: one.offset)

    def _member(self, raw_name: bytes, numbers: tuple[int, ...], extra: bytes) -> Member:
        flags, method, crc, packed, size = numbers[2], numbers[3], numbers[6], numbers[7], numbers[8]
        disk, attributes, offset = numbers[12], numbers[14], numbers[15]
        try:
            name = raw_name.decode("utf-8" if flags & _UTF8_NAME else self.name_encoding)
        except UnicodeDecodeError:
            raise RefusedError(
                "zip_unsafe_name", where={"member": clean(raw_name.decode("utf-8", "replace"))}
            ) from None
        size, packed, offset = _wide(extra, size, packed, offset)
        if disk:
            raise RefusedError("zip_corrupt")
        return Member(name, raw_name, flags, method, crc, packed, size, offset, attributes >> 16)

    # --- rules --------------------------------------------------------------------------------------------------------

    def _check_names(self) -> None:
        seen: dict[str, str] = {}
        for one in self.members:
            if one.flags & _ENCRYPTED_FLAGS or one.method == _METHOD_AES:
                raise RefusedError("zip_encrypted", where=one.where)
            if one.method not in (_STORED, _DEFLATED):
                raise RefusedError("zip_method", where=one.where)
            hidden = invisible(one.name)
            if hidden is not None:
                raise RefusedError("zip_invisible_name", character=f"U+{ord(hidden):04X}", where=one.where)
            fault = name_fault(one.name) or _mode_fault(one)
            if fault:
                raise RefusedError(fault, where=one.where)
            # Two names that some file system holds to be one: by case, or by how accents are written.
            key = unicodedata.normalize("NFC", one.name).casefold().rstrip("/")
            other = seen.get(key)
            if other == one.name:
                raise RefusedError("zip_duplicate_name", where=one.where)
            if other is not None:
                raise RefusedError("zip_case_collision", other=clean(other), where=one.where)
            seen[key] = one.name

    def _check_sizes(self) -> None:
        total = 0
        for one in self.members:
            total += one.size_bytes
            if one.is_folder and (one.size_bytes or one.packed_bytes > 2):
                raise RefusedError("zip_header_lies", where=one.where)
            if one.size_bytes > MIB and one.size_bytes > self.limits.max_ratio * one.packed_bytes:
                raise RefusedError("zip_bomb", ratio=one.size_bytes // max(1, one.packed_bytes), where=one.where)
        if total > self.limits.max_total_uncompressed_bytes:
            limit = self.limits.max_total_uncompressed_bytes
            raise RefusedError("zip_too_large", size_bytes=total, limit_bytes=limit)
        if total > 64 * MIB and total > self.limits.max_ratio * self.size_bytes:
            largest = max(self.members, key=lambda one: one.size_bytes)
            raise RefusedError("zip_bomb", ratio=total // self.size_bytes, where=largest.where)

    def _check_places(self, directory_offset: int) -> dict[int, int]:
        """Walk the members' own headers; they must tile the file from byte 0 to the list. Gives data offsets."""
        places: dict[int, int] = {}
        reached = 0
        gaps: tuple[int, ...] = (0,)
        for one in self.members:
            if one.offset < reached:
                raise RefusedError("zip_overlap", where=one.where)
            if one.offset - reached not in gaps:
                raise RefusedError("zip_hidden_data" if places else "zip_data_before", where=one.where)
            data_at = self._check_local(one, directory_offset)
            places[one.offset] = data_at
            reached = data_at + one.packed_bytes
            # Writers that learn the sizes late put them behind the data: 3 or 4 numbers of 4 or 8 bytes.
            gaps = (12, 16, 20, 24) if one.flags & _SIZES_BEHIND else (0,)
            if reached > directory_offset:
                raise RefusedError("zip_overlap", where=one.where)
        if directory_offset - reached not in gaps:
            raise RefusedError("zip_hidden_data" if places else "zip_data_before")
        return places

    def _check_local(self, one: Member, directory_offset: int) -> int:
        if one.offset + _LOCAL_BYTES > directory_offset:
            raise RefusedError("zip_corrupt")
        header = self._at(one.offset, _LOCAL_BYTES)
        if header[:4] != LOCAL:
            raise RefusedError("zip_corrupt")
        flags, method, _, _, crc, packed, size, name_bytes, extra_bytes = struct.unpack_from("<4H3L2H", header, 6)
        if one.offset + _LOCAL_BYTES + name_bytes + extra_bytes > directory_offset:
            raise RefusedError("zip_corrupt")
        rest = self._at(one.offset + _LOCAL_BYTES, name_bytes + extra_bytes)
        size, packed, _ = _wide(rest[name_bytes:], size, packed, 0)
        told = (crc, packed, size)
        agrees = told == (one.crc, one.packed_bytes, one.size_bytes) or (flags & _SIZES_BEHIND and not any(told))
        alike = _ENCRYPTED_FLAGS | _SIZES_BEHIND | _UTF8_NAME
        same = rest[:name_bytes] == one.raw_name and method == one.method and not (flags ^ one.flags) & alike
        if not (agrees and same):
            raise RefusedError("zip_header_lies", where=one.where)
        return one.offset + _LOCAL_BYTES + name_bytes + extra_bytes


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Replace numbers that are all ones by their 64-bit form in the extra field."""
    full = 0xFFFFFFFF
    if full not in (size, packed, offset):
        return size, packed, offset
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == 1:
            numbers = list(struct.unpack_from(f"<{length // 8}Q", extra[: at + 4 + length], at + 4)) if length else []
            wide = [numbers.pop(0) if one == full and numbers else one for one in (size, packed, offset)]
            return wide[0], wide[1], wide[2]
        at += 4 + length
    raise RefusedError("zip_corrupt")


def _is_plain(comment: bytes) -> bool:
    """A zip's comment may be words, not another file hiding at the end."""
    return all(32 <= byte < 127 or byte in b"\r\n\t" for byte in comment) and b"<" not in comment


def _name_encoding(names: list[bytes]) -> str:
    """The encoding of names that do not say it. What is not UTF-8 is a Chinese Windows, or the original code page."""
    joined = b"\n".join(names)
    for codec in ("utf-8", "gb2312"):
        try:
            joined.decode(codec)
        except UnicodeDecodeError:
            continue
        return codec
    return "cp437"


def invisible(name: str) -> str | None:
    """The first character that shows nothing or turns the direction: two labels would look like one."""
    return next((c for c in name if c in _BLANK or unicodedata.category(c) in ("Cf", "Zl", "Zp")), None)


def name_fault(name: str) -> str | None:
    """The code that refuses a name which is unsafe as a path on some system, or None."""
    if not name or len(name) > 1024 or any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        return "zip_unsafe_name"
    if name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":" and name[0].isascii() and name[0].isalpha()):
        return "zip_absolute_path"
    parts = name.replace("\\", "/").removesuffix("/").split("/")
    if ".." in parts:
        return "zip_path_traversal"
    if "\\" in name or any(part in ("", ".") or len(part.encode()) > 255 for part in parts):
        return "zip_unsafe_name"
    return None


def _mode_fault(one: Member) -> str | None:
    kind = stat.S_IFMT(one.mode)
    if kind == stat.S_IFLNK:
        return "zip_symlink"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "zip_special_file"
    if kind == stat.S_IFDIR:
        return None if one.is_folder else "zip_header_lies"
    return "zip_setuid" if one.mode & (stat.S_ISUID | stat.S_ISGID) else None
