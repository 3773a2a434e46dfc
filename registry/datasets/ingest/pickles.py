"""Recognises a Python pickle by walking its opcodes, without ever running one. Used by the sniffer.

Protocol 2 and later begin with a byte that no UTF-8 text begins with. Protocols 0 and 1 have no signature: they are
programs for a stack machine, so the walk keeps account of the stack and asks whether the bytes are a program at all.
"""

from __future__ import annotations

import re

HEAD = 256 * 1024  # so much of a file is walked

_LINE = re.compile(rb"[^\n]*\n")
_MODULE = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_INTEGER = re.compile(rb"[+-]?\d+L?")
_FLOAT = re.compile(rb"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+|inf|nan)", re.IGNORECASE)
_DIGITS = re.compile(rb"\d+")
_QUOTED = re.compile(rb"""(?:'.*'|".*")""", re.DOTALL)
_ANY = re.compile(rb".*", re.DOTALL)

# Opcodes by the shape of their argument; the meaning of each is in the description of the pickle machine.
_FIXED = {b"J": 4, b"K": 1, b"M": 2, b"G": 8, b"h": 1, b"j": 4, b"q": 1, b"r": 4, b"\x82": 1, b"\x83": 2, b"\x84": 4}
_FIXED |= {b"\x80": 1, b"\x95": 8}
_COUNTED = {b"T": 4, b"U": 1, b"X": 4, b"B": 4, b"C": 1, b"\x8c": 1, b"\x8d": 8, b"\x8e": 8, b"\x8a": 1, b"\x8b": 4}
_COUNTED |= {b"\x96": 8}
_LINES = {b"F": _FLOAT, b"I": _INTEGER, b"L": _INTEGER, b"S": _QUOTED, b"V": _ANY, b"P": _ANY, b"g": _DIGITS}
_LINES |= {b"p": _DIGITS}

# What an opcode takes from the stack and gives to it; opcodes that reach down to a mark are apart.
_TAKES_GIVES = {
    **dict.fromkeys([b"J", b"K", b"M", b"G", b"T", b"U", b"X", b"B", b"C", b"F", b"I", b"L", b"S", b"V"], (0, 1)),
    **dict.fromkeys([b"N", b"\x88", b"\x89", b"]", b"}", b")", b"\x8f", b"g", b"h", b"j", b"P", b"c"], (0, 1)),
    **dict.fromkeys([b"\x82", b"\x83", b"\x84", b"\x8a", b"\x8b", b"\x8c", b"\x8d", b"\x8e", b"\x96", b"\x97"], (0, 1)),
    **dict.fromkeys([b"\x80", b"\x95"], (0, 0)),
    **dict.fromkeys([b"p", b"q", b"r", b"\x94", b"\x98", b"Q", b"\x85"], (1, 1)),
    **dict.fromkeys([b"R", b"a", b"b", b"\x81", b"\x86", b"\x93"], (2, 1)),
    **dict.fromkeys([b"s", b"\x87", b"\x92"], (3, 1)),
    b"0": (1, 0),
    b"2": (1, 2),
}
# Opcodes that take all down to the last mark: (how many they need below the mark, how many they leave there).
_TO_MARK = {b"d": (0, 1), b"l": (0, 1), b"t": (0, 1), b"i": (0, 1), b"o": (0, 1), b"\x91": (0, 1), b"1": (0, 0)}
_TO_MARK |= {b"e": (1, 1), b"u": (1, 1), b"\x90": (1, 1)}

_NAMES_CODE = frozenset({b"c", b"\x93", b"i", b"\x82", b"\x83", b"\x84"})
# Opcodes that write and read the memo. Nothing can be read from it that was not written before.
_PUTS, _GETS = frozenset({b"p", b"q", b"r", b"\x94"}), frozenset({b"g", b"h", b"j"})
_RUNS_CODE = frozenset({b"R", b"\x81", b"\x92", b"o", b"i", b"b"})


def looks_like_pickle(head: bytes, *, whole: bool) -> bool:
    """Whether bytes begin a pickle of any protocol. `whole`: `head` is the entire file, not only its beginning."""
    if len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return True
    return _Walk(head[:HEAD], whole=whole and len(head) <= HEAD).is_pickle()


class _Walk:
    """One pass over the opcodes, with the height of the stack and the marks on it."""

    def __init__(self, data: bytes, *, whole: bool) -> None:
        self.data, self.whole = data, whole
        self.at = 0
        self.ops = 0
        self.height = 0
        self.marks: list[int] = []
        self.memo: set[int] = set()
        self.names_code = False
        self.consumed = False  # something was built of something: mere pushes can be a word such as "NNNN"

    def is_pickle(self) -> bool:
        while self.at < len(self.data):
            op = self.data[self.at : self.at + 1]
            self.at += 1
            self.ops += 1
            if op == b".":
                return self._stopped()
            begin = self.at
            if not self._argument(op):
                return self._ran_out()
            if not self._stack(op) or not self._remembers(op, self.data[begin : self.at]):
                return False
            self.names_code = self.names_code or op in _NAMES_CODE
            if self.names_code and op in _RUNS_CODE:
                return True  # an unpickler would have run something by now, whatever follows
        return self._ran_out()

    def _stopped(self) -> bool:
        if self.height < 1 or self.marks:
            return False
        nothing_more = self.whole and not self.data[self.at :].strip()
        return self.names_code or (self.height == 1 and (nothing_more or self.ops >= 4) and self.ops >= 2)

    def _ran_out(self) -> bool:
        """The bytes end within the program: believed only for a long one of which the rest was not read."""
        return self.at >= len(self.data) and not self.whole and self.consumed and self.ops >= 32

    def _argument(self, op: bytes) -> bool:
        """Step over the argument of `op`; false when it is malformed or lies beyond the data."""
        if op in _FIXED:
            self.at += _FIXED[op]
        elif op in _COUNTED:
            width = _COUNTED[op]
            self.at += width + int.from_bytes(self.data[self.at : self.at + width], "little")
        elif op in _LINES:
            return self._line(_LINES[op])
        elif op in (b"c", b"i"):
            return self._line(_MODULE) and self._line(_MODULE)
        return self.at <= len(self.data)

    def _line(self, pattern: re.Pattern[bytes]) -> bool:
        found = _LINE.match(self.data, self.at)
        if not found:
            self.at = len(self.data) if pattern is _ANY else self.at
            return False
        self.at = found.end()
        return pattern.fullmatch(found.group()[:-1].rstrip(b"\r")) is not None

    def _remembers(self, op: bytes, argument: bytes) -> bool:
        """Keep account of the memo; false where an unpickler would not find what it looks for."""
        if op not in _PUTS and op not in _GETS:
            return True
        text = op in (b"p", b"g")
        key = int(argument) if text else int.from_bytes(argument, "little") if argument else len(self.memo)
        if op in _GETS:
            return key in self.memo
        self.memo.add(key)
        return True

    def _stack(self, op: bytes) -> bool:
        """Do to the height of the stack what `op` does to the stack; false where an unpickler would fail."""
        if op == b"(":
            self.marks.append(self.height)
            return True
        floor = self.marks[-1] if self.marks else 0
        if op in _TO_MARK:
            needs, leaves = _TO_MARK[op]
            if not self.marks or floor < needs + (self.marks[-2] if len(self.marks) > 1 else 0):
                return False
            self.marks.pop()
            self.height = floor - needs + leaves
            self.consumed = True
            return True
        takes, gives = _TAKES_GIVES.get(op, (None, 0))
        if takes is None or self.height - floor < takes:
            return False
        self.consumed = self.consumed or takes > 1
        self.height += gives - takes
        return True
