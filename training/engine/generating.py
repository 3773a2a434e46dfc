"""Writing on: token after token from a net that keeps what it has read, with the chance of each row its own.

A net that writes on has `memory(rows)`, `begin(ids, lengths, memory, rows)` and `go_on(ids, memory)` (see nets/gpt.py);
one that writes from a source has `remember(source, mask, room)` and `go_on(ids, kept)` (see nets/writing.py).
"""

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.engine import ordering
from training.engine.nets.writing import Kept
from training.engine.tokenizing import Tokenizer

MAX_NEW = 100_000
HIDDEN = "\ufffd"  # what an unfinished character is shown as
FRESH_TOKENS = 32


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. Temperature 0 takes the likeliest. Raises ValueError for what cannot be."""

    tokens: int = 80
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.tokens <= MAX_NEW:
            raise ValueError(f"the tokens to write must be between 1 and {MAX_NEW}")
        if not 0 <= self.temperature <= 100:
            raise ValueError("the temperature must be between 0 and 100")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError("top-k must be at least 1")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError("top-p must be greater than 0 and at most 1")
        if not all(self.stop):
            raise ValueError("a stop word must not be empty")


class Chooser:
    """Takes a token of each row. The draw of a token is a function of seed, row and place, whoever shares the batch."""

    def __init__(self, sampling: Sampling, numbers: Sequence[int]) -> None:
        self.sampling = sampling
        if sampling.temperature:
            draws = [ordering.generator(sampling.seed, n).random(sampling.tokens) for n in numbers]
            self._draws = torch.from_numpy(np.stack(draws, 1))

    def __call__(self, logits: Tensor, rows: list[int], place: int) -> Tensor:
        """Tokens (rows) from logits (rows, vocabulary); `place` counts the tokens that were written before."""
        asked = self.sampling
        if not asked.temperature:
            return logits.argmax(-1)
        # From the likeliest down, and in double, so that no temperature makes more of it than there are numbers for.
        logits = (logits - logits.amax(-1, keepdim=True)).double() / asked.temperature
        if asked.top_k is not None and asked.top_k < logits.shape[-1]:
            least = logits.topk(asked.top_k).values[:, -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        shares = logits.softmax(-1)
        if asked.top_p is not None and asked.top_p < 1:
            ordered, where = shares.sort(descending=True, stable=True)
            # A token goes when those before it are enough already; the first always stays.
            gone = ordered.cumsum(-1) - ordered >= asked.top_p
            shares = shares.masked_fill(gone.scatter(-1, where, gone), 0.0)
        edges = shares.cumsum(-1)
        drawn = self._draws[place][rows].to(edges.device)[:, None] * edges[:, -1:]
        # The last token that has a share, should rounding carry a draw past it.
        last = (edges < edges[:, -1:]).sum(-1)
        return torch.searchsorted(edges, drawn, right=True).squeeze(-1).minimum(last)


def tokens_after(
    net: Any,
    prompts: Sequence[Sequence[int]],
    choose: Chooser,
    *,
    end: int | None,
    check: Callable[[], None] = lambda: None,
) -> Generator[dict[int, int], Sequence[int] | None, None]:
    """Token by row, step by step, until every row has met `end` or has all its tokens; `end` itself is not told.

    A row may be ended from outside: send the rows that are. A net with room for so many tokens forgets the older half
    when it is full.
    """
    read = [list(prompt) for prompt in prompts]
    memory = net.memory(len(read))
    room: int | None = memory.room
    kept = [len(row) if room is None else min(len(row), room) for row in read]
    rows = list(range(len(read)))
    logits = _begin(net, [read[r][-kept[r] :] for r in rows], memory, rows)
    for place in range(choose.sampling.tokens):
        check()
        drawn = choose(logits, rows, place)
        told = dict(zip(rows, drawn.tolist(), strict=True))
        for row, token in told.items():
            read[row].append(token)
        left = [row for row in rows if told[row] != end]
        ended = yield {row: told[row] for row in left}
        left = [row for row in left if row not in (ended or ())]
        if not left or place + 1 == choose.sampling.tokens:
            return
        if len(left) < len(rows):
            here = torch.tensor([rows.index(row) for row in left], device=drawn.device)
            memory.keep(here)
            drawn, rows = drawn[here], left
        full = [n for n, row in enumerate(rows) if kept[row] == room]
        if len(full) < len(rows):
            # Of a full row the last place is written over; it begins anew below.
            logits = _go_on(net, drawn[:, None], memory)
        for row in rows:
            kept[row] += 1
        if full:
            assert room is not None
            for n in full:
                kept[rows[n]] = max(1, room // 2)
            fresh = _begin(net, [read[rows[n]][-kept[rows[n]] :] for n in full], memory, full)
            there = torch.tensor(full, device=drawn.device)
            logits = fresh if len(full) == len(rows) else logits.index_copy(0, there, fresh)


# Not around the whole: whoever is told a token would be in this mode too.
@torch.inference_mode()
def _begin(net: Any, prompts: list[list[int]], memory: Any, rows: list[int]) -> Tensor:
    """Read prompts into rows of the memory -> logits after the last token of each."""
    lengths = [len(prompt) for prompt in prompts]
    ids = torch.zeros(len(prompts), max(lengths), dtype=torch.int64)
    for n, prompt in enumerate(prompts):
        ids[n, : lengths[n]] = torch.tensor(prompt)
    return net.begin(ids.to(next(net.parameters()).device), lengths, memory, rows)


@torch.inference_mode()
def _go_on(net: Any, ids: Tensor, memory: Any) -> Tensor:
    return net.go_on(ids, memory)


GoOn = Callable[[Tensor, Kept], Tensor]


def tokens_from(
    go_on: GoOn,
    kept: Kept,
    start: int,
    choose: Chooser,
    *,
    end: int,
    check: Callable[[], None] = lambda: None,
) -> Generator[dict[int, int], Sequence[int] | None, None]:
    """As `tokens_after`, but from the source that is kept, with `start` as the first token, as far as there is room."""
    rows = list(range(kept.rows))
    drawn = torch.full((len(rows),), start, device=kept.source[0].device)
    for place in range(min(choose.sampling.tokens, kept.room - 1)):
        check()
        with torch.inference_mode():
            drawn = choose(go_on(drawn[:, None], kept), rows, place)
        told = dict(zip(rows, drawn.tolist(), strict=True))
        ended = (yield {row: token for row, token in told.items() if token != end}) or ()
        left = [row for row in rows if told[row] != end and row not in ended]
        if not left:
            return
        if len(left) < len(rows):
            here = torch.tensor([rows.index(row) for row in left], device=drawn.device)
            with torch.inference_mode():
                kept.keep(here)
            drawn, rows = drawn[here], left


def texts_from(
    go_on: GoOn,
    kept: Kept,
    start: int,
    tokenizer: Tokenizer,
    sampling: Sampling | None,
    *,
    end: int,
    first: int = 0,
    check: Callable[[], None] = lambda: None,
) -> list[str]:
    """What is written from each row of the source, up to a stop word; the likeliest tokens unless asked otherwise.

    `first` is the number of the first row, which draws its chance.
    """
    sampling = sampling or Sampling(tokens=max(1, kept.room - 1), temperature=0)
    ids: list[list[int]] = [[] for _ in range(kept.rows)]
    cut: dict[int, str] = {}
    steps = tokens_from(go_on, kept, start, Chooser(sampling, range(first, first + len(ids))), end=end, check=check)
    ended: list[int] | None = None
    with contextlib.suppress(StopIteration):
        while True:
            told = steps.send(ended)
            ended = []
            for row, token in told.items():
                ids[row].append(token)
                # Of all its tokens: some kinds of them are told with spaces only beside others.
                text = tokenizer.decode(ids[row]) if sampling.stop else ""
                if found := [place for word in sampling.stop if (place := text.find(word)) >= 0]:
                    cut[row] = text[: min(found)]
                    ended.append(row)
    return [cut[row] if row in cut else tokenizer.decode(own) for row, own in enumerate(ids)]


class Writer:
    """The text of one row while it grows: what can be told of it for certain, up to the first stop word."""

    def __init__(self, tokenizer: Tokenizer, stop: tuple[str, ...], before: Sequence[int] = ()) -> None:
        self.tokenizer, self.stop = tokenizer, stop
        self.text, self.stopped = "", False
        # Of what stands before: some kinds of tokens are told with spaces only beside others.
        self._before: list[int] = list(before)
        self._ids: list[int] = []
        self._told = 0

    def add(self, token: int) -> None:
        """One more token; sets `stopped` when it completes a stop word."""
        self._ids.append(token)
        piece = self._piece()
        # A character may be of several tokens; after many without an end it is none.
        hidden = piece.endswith(HIDDEN)
        if hidden and len(self._ids) < FRESH_TOKENS:
            return
        # Tokens without a text, such as an unknown word, part nothing.
        before = [] if hidden else self._ids if piece else [*self._before, *self._ids]
        self._before, self._ids = before[-FRESH_TOKENS:], []
        self._take(piece)

    def finish(self) -> str:
        """What was not yet told, at the end."""
        self._take(self._piece())
        self._ids = []
        return self.fresh(whole=True)

    def _piece(self) -> str:
        return self.tokenizer.decode([*self._before, *self._ids])[len(self.tokenizer.decode(self._before)) :]

    def _take(self, piece: str) -> None:
        longest = max(map(len, self.stop), default=0)
        start = max(0, len(self.text) - longest)
        self.text += piece
        found = [place for word in self.stop if (place := self.text.find(word, start)) >= 0]
        if found:
            self.text, self.stopped = self.text[: min(found)], True

    def fresh(self, *, whole: bool = False) -> str:
        """What is new since the last call; the beginning of a stop word waits, unless `whole`."""
        held = 0
        if not (whole or self.stopped):
            sizes = (n for word in self.stop for n in range(len(word) - 1, 0, -1) if self.text.endswith(word[:n]))
            held = max(sizes, default=0)
        end = max(self._told, len(self.text) - held)
        piece, self._told = self.text[self._told : end], end
        return piece


def pieces_after(
    net: nn.Module,
    tokenizer: Tokenizer,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    *,
    end: int | None,
    numbers: Sequence[int] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, str]]:
    """(row, piece of text) as it is written. `numbers` of the rows draw their chance; otherwise they are counted."""
    writers = [Writer(tokenizer, sampling.stop, prompt[-1:]) for prompt in prompts]
    choose = Chooser(sampling, range(len(prompts)) if numbers is None else numbers)
    steps = tokens_after(net, prompts, choose, end=end, check=check)
    told = next(steps)
    with contextlib.suppress(StopIteration):
        while True:
            for row, token in told.items():
                writers[row].add(token)
                if piece := writers[row].fresh():
                    yield row, piece
            told = steps.send([row for row in told if writers[row].stopped])
    for row, writer in enumerate(writers):
        if not writer.stopped and (piece := writer.finish()):
            yield row, piece
