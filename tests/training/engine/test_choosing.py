"""Drawing tokens against exact shares, and text that is told while it grows against the whole of it. No net learns."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.engine.catalogue import Shape, Sizes
from training.engine.generating import MAX_NEW, Chooser, Sampling, Writer, pieces_after, tokens_after
from training.engine.registry import net_module
from training.engine.spec import TokenizerSpec
from training.engine.tokenizing import LM_SPECIALS, Tokenizer, train_tokenizer

GRID = 2_000
LOGITS = [2.0, -1.0, 0.5, -torch.inf, 1.5, 0.0, 1.0]
TEXT = "the cat sees milk. a dog, who likes the sea, sees né 木 and 😀!"
KINDS = ("char", "byte", "bpe", "wordpiece", "unigram")
TOKENIZERS = {
    kind: train_tokenizer(
        TokenizerSpec(kind, vocab=None if kind in ("char", "byte") else 300), [TEXT, TEXT.upper()] * 3, LM_SPECIALS
    )
    for kind in KINDS
}


def shares_of(logits: Sequence[float], **words: float) -> np.ndarray:
    """How often each token is drawn, of draws that lie evenly between 0 and 1."""
    choose = Chooser(Sampling(tokens=1, **words), range(GRID))  # type: ignore[arg-type]
    choose._draws = (torch.arange(GRID, dtype=torch.float64)[None] + 0.5) / GRID
    drawn = choose(torch.tensor([logits] * GRID), list(range(GRID)), 0).tolist()
    assert drawn == sorted(drawn)  # a draw falls to the tokens in their order
    return np.bincount(drawn, minlength=len(logits)) / GRID


def exact(logits: Sequence[float], temperature: float, top_k: int | None, top_p: float | None) -> np.ndarray:
    """By sorting, as the words are meant: the k likeliest, of these as few as together have p, then in proportion."""
    weights = np.exp((np.array(logits) - max(logits)) / temperature)
    order = np.argsort(-weights, kind="stable")
    kept = order[: top_k or len(order)]
    shares = weights / weights[kept].sum()
    chosen, sum_ = [], 0.0
    for token in kept:
        chosen.append(token)
        sum_ += shares[token]
        if top_p is not None and sum_ >= top_p:
            break
    found = np.zeros(len(logits))
    found[chosen] = weights[chosen] / weights[chosen].sum()
    return found


@pytest.mark.parametrize("temperature", [0.1, 0.7, 1.0, 3.0, 100.0])
@pytest.mark.parametrize(
    ("top_k", "top_p"),
    [(None, None), (1, None), (3, None), (7, None), (50, None), (None, 0.05), (None, 0.6), (None, 0.99), (None, 1.0),
     (4, 0.7), (2, 0.99), (5, 0.3)],
)  # fmt: skip
def test_tokens_have_their_exact_shares(temperature: float, top_k: int | None, top_p: float | None) -> None:
    words = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    found = shares_of(LOGITS, **words)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, exact(LOGITS, temperature, top_k, top_p), atol=1 / GRID + 1e-9)


def test_as_few_tokens_are_left_as_have_the_share_that_is_asked_for() -> None:
    assert shares_of([0.0, 0.0], temperature=1, top_p=0.5).tolist() == [1, 0]  # half is half
    assert shares_of([0.0, 0.0], temperature=1, top_p=0.51).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-45, 5e-324])
def test_the_smallest_temperature_takes_the_likeliest(temperature: float) -> None:
    """Far below what a number of 32 bits can be divided by."""
    assert shares_of([30.0, 80.0, -torch.inf, 79.0], temperature=temperature).tolist() == [0, 1, 0, 0]
    evenly = shares_of([80.0, 30.0, 80.0], temperature=temperature)
    np.testing.assert_allclose(evenly, [0.5, 0, 0.5], atol=1 / GRID)


@pytest.mark.parametrize("size", [1.0, 1e4, 3e38])
def test_logits_of_any_size_are_drawn_from(size: float) -> None:
    assert shares_of([-size, 0.0, size], temperature=0.8)[2] >= 0.7
    assert shares_of([-size, 0.0, size], temperature=0.01)[2] == 1


@pytest.mark.parametrize("words", [{}, {"top_k": 2}, {"top_p": 0.5}])
@pytest.mark.parametrize("draw", [0.0, 1.0])
def test_the_ends_of_chance_fall_to_tokens_that_have_a_share(draw: float, words: dict[str, float]) -> None:
    logits = torch.tensor([[-torch.inf, 1.0, 0.9, -torch.inf, -torch.inf]])
    choose = Chooser(Sampling(temperature=1, **words), [0])  # type: ignore[arg-type]
    choose._draws = torch.full((1, 1), draw, dtype=torch.float64)
    last = 1 if "top_p" in words else 2
    assert int(choose(logits, [0], 0)) == (1 if draw == 0 else last)


def test_a_draw_hangs_on_seed_row_and_place_alone() -> None:
    chance = torch.Generator().manual_seed(3)
    logits = torch.randn(4, 50, generator=chance)
    numbers = [7, 0, 3, 12]
    whole = Chooser(Sampling(tokens=20, temperature=2, seed=5), numbers)
    for place in (0, 1, 19):
        together = whole(logits, [0, 1, 2, 3], place).tolist()
        assert whole(logits[[2, 0]], [2, 0], place).tolist() == [together[2], together[0]]
        for row, number in enumerate(numbers):
            alone = Chooser(Sampling(tokens=20, temperature=2, seed=5), [number])
            assert int(alone(logits[row : row + 1], [0], place)) == together[row]
    other = [Chooser(Sampling(tokens=20, temperature=2, seed=seed), numbers) for seed in (5, 6)]
    drawn = [[choose(logits, [0, 1, 2, 3], place).tolist() for place in range(20)] for choose in other]
    alike = [whole(logits[:1].expand(4, -1), [0, 1, 2, 3], place).tolist() for place in range(20)]
    assert len(set(zip(*alike, strict=True))) == 4  # the same net and text, but each row has its own chance
    assert drawn[0] != drawn[1] and len({tuple(row) for row in drawn[0]}) > 10
    more = Chooser(Sampling(tokens=99, temperature=2, seed=5), numbers)  # asked for more tokens it begins the same
    assert [more(logits, [0, 1, 2, 3], place).tolist() for place in range(20)] == drawn[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"tokens": 1}, ""),
        ({"tokens": MAX_NEW}, ""),
        ({"tokens": 0}, "the tokens to write must be between 1 and 100000"),
        ({"tokens": MAX_NEW + 1}, "the tokens to write must be between 1 and 100000"),
        ({"temperature": 0}, ""),
        ({"temperature": 100}, ""),
        ({"temperature": -0.1}, "the temperature must be between 0 and 100"),
        ({"temperature": 100.5}, "the temperature must be between 0 and 100"),
        ({"temperature": float("inf")}, "the temperature must be between 0 and 100"),
        ({"top_k": 1}, ""),
        ({"top_k": -3}, "top-k must be at least 1"),
        ({"top_p": 1}, ""),
        ({"top_p": 1e-9}, ""),
        ({"top_p": 1.01}, "top-p must be greater than 0 and at most 1"),
        ({"top_p": float("nan")}, "top-p must be greater than 0 and at most 1"),
        ({"stop": ("a", "bc")}, ""),
        ({"stop": ("a", "")}, "a stop word must not be empty"),
    ],
)
def test_the_limits_of_asking(words: dict, said: str) -> None:
    if not said:
        Sampling(**words)
        return
    with pytest.raises(ValueError) as refused:
        Sampling(**words)
    assert str(refused.value) == said


def grown(tokenizer: Tokenizer, ids: list[int], stop: tuple[str, ...]) -> tuple[list[str], bool]:
    """(what is told behind each token and at the end, whether it stopped)."""
    writer, told = Writer(tokenizer, stop), []
    for token in ids:
        writer.add(token)
        told.append(writer.fresh())
        if writer.stopped:
            return told, True
    return [*told, writer.finish()], writer.stopped


def cut(tokenizer: Tokenizer, ids: list[int], stop: tuple[str, ...]) -> str:
    """The whole text up to the first stop word that one more token completes."""
    for end in range(1, len(ids) + 1):
        text = tokenizer.decode(ids[:end])
        if places := [place for word in stop if (place := text.find(word)) >= 0]:
            return text[: min(places)]
    return tokenizer.decode(ids)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "stop",
    [(), ("sees",), ("s m", "x"), (" dog,", "milk. a dog"), ("likes the sea, s", "ke"), ("né",), ("木 a",), ("😀",),
     ("!",), ("never",), ("the cat sees milk. a dog, who likes the sea, sees né 木 and 😀!!",), ("t",)],
)  # fmt: skip
def test_what_is_told_while_it_grows_is_the_whole_text_up_to_a_stop_word(kind: str, stop: tuple[str, ...]) -> None:
    tokenizer = TOKENIZERS[kind]
    ids = tokenizer.encode(TEXT).tolist()
    told, stopped = grown(tokenizer, ids, stop)
    expected = cut(tokenizer, ids, stop)
    assert "".join(told) == expected
    assert stopped == any(word in tokenizer.decode(ids) for word in stop)


@settings(max_examples=150, deadline=None)
@given(
    text=st.text("ab ,é木😀", max_size=25),
    stop=st.lists(st.text("ab é木", min_size=1, max_size=4), max_size=3),
    kind=st.sampled_from(KINDS),
)
def test_any_text_is_told_up_to_any_stop_word(text: str, stop: list[str], kind: str) -> None:
    ids = TOKENIZERS[kind].encode(text).tolist()
    assert "".join(grown(TOKENIZERS[kind], ids, tuple(stop))[0]) == cut(TOKENIZERS[kind], ids, tuple(stop))


@settings(max_examples=100, deadline=None)
@given(text=st.text("ab", max_size=20), stop=st.lists(st.text("ab", min_size=1, max_size=4), max_size=3))
def test_no_more_waits_than_may_become_a_stop_word(text: str, stop: list[str]) -> None:
    tokenizer = train_tokenizer(TokenizerSpec("char"), ["ab"], LM_SPECIALS)
    writer, told = Writer(tokenizer, tuple(stop)), ""
    for n, token in enumerate(tokenizer.encode(text).tolist(), 1):
        writer.add(token)
        told += writer.fresh()
        if writer.stopped:
            break
        waits = max((size for word in stop for size in range(len(word)) if text[:n].endswith(word[:size])), default=0)
        assert told == text[: n - waits]


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_words_keep_their_distance_to_what_stands_before(kind: str) -> None:
    """Such tokens are told with spaces only beside others, of which the last one of the prompt is one."""
    tokenizer = TOKENIZERS[kind]
    before, after = tokenizer.encode("the cat").tolist(), tokenizer.encode("sees milk").tolist()
    writer = Writer(tokenizer, (), before[-1:])
    told = []
    for token in after:
        writer.add(token)
        told.append(writer.fresh())
    assert "".join([*told, writer.finish()]) == " sees milk" == tokenizer.decode([*before, *after])[len("the cat") :]
    # What says nothing, such as an unknown word, parts no words.
    unknown = tokenizer.specials[LM_SPECIALS[1]]
    assert "".join(grown(tokenizer, [before[0], unknown, *before], ())[0]) == tokenizer.decode(
        [before[0], unknown, *before]
    )


def test_broken_bytes_do_not_hold_up_the_text_for_ever() -> None:
    tokenizer = TOKENIZERS["byte"]
    lone = int(tokenizer.encode("木")[0])  # the first of three bytes
    told, _ = grown(tokenizer, [*tokenizer.encode("a").tolist(), *[lone] * 40], ())
    assert told[0] == "a" and told[1:32] == [""] * 31 and set(told[32]) == {"\ufffd"}
    assert "".join(told) == "a" + "\ufffd" * 40
    told, _ = grown(tokenizer, [*[lone] * 32, *tokenizer.encode("木b").tolist()], ())
    assert "".join(told).endswith("木b")


def writing_net(kind: str, arch: str = "lstm") -> tuple[torch.nn.Module, Tokenizer]:
    tokenizer = TOKENIZERS[kind]
    torch.manual_seed(2)
    heads = {} if arch == "lstm" else {"heads": 2}
    net = net_module(arch).build(Shape(layers=1, width=16, context=24, **heads), Sizes(vocab=tokenizer.size)).eval()
    with torch.no_grad():
        for weight in net.parameters():
            weight.add_(torch.randn_like(weight) * 0.7)
    return net, tokenizer


PROMPTS = ("the cat", "a", "milk. a dog", "the cat")


@pytest.mark.parametrize("arch", ["lstm", "gpt"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_side_by_side_are_cut_where_each_alone_would_be(kind: str, arch: str) -> None:
    """A stop word ends one row and no other; what is told of each is what its tokens say behind its prompt."""
    net, tokenizer = writing_net(kind, arch)
    prompts = [tokenizer.encode(prompt).tolist() for prompt in PROMPTS]
    sampling = Sampling(tokens=30, temperature=1.5, seed=4)
    ids: list[list[int]] = [[] for _ in prompts]
    for told in tokens_after(net, prompts, Chooser(sampling, range(4)), end=0):
        for row, token in told.items():
            ids[row].append(token)

    def texts(stop: tuple[str, ...], rows: Sequence[int]) -> list[str]:
        found = [""] * len(rows)
        words = Sampling(tokens=30, temperature=1.5, seed=4, stop=stop)
        for row, piece in pieces_after(net, tokenizer, [prompts[n] for n in rows], words, end=0, numbers=rows):
            assert piece
            found[row] += piece
        return found

    plain = texts((), range(4))
    for row, own in enumerate(ids):
        before = prompts[row][-1:]
        assert plain[row] == tokenizer.decode([*before, *own])[len(tokenizer.decode(before)) :]
    assert plain[0] != plain[3]  # the same prompt by another number
    stop = plain[1][5:6] if plain[1][5:6].isascii() else plain[1][:1]
    stop = stop if stop and stop != "\ufffd" else "e"
    expected = [text.partition(stop)[0] for text in plain]
    assert texts((stop,), range(4)) == expected
    assert [texts((stop,), [n])[0] for n in range(4)] == expected


def test_who_is_told_to_end_ends_and_is_asked_for_no_more() -> None:
    net, _ = writing_net("char")
    steps = tokens_after(net, [[5], [6], [7]], Chooser(Sampling(tokens=5, temperature=0), range(3)), end=None)
    seen, ended = [set(next(steps))], ([1], None, [0, 2])
    for rows in ended:
        try:
            seen.append(set(steps.send(rows)))
        except StopIteration:
            break
    assert seen == [{0, 1, 2}, {0, 2}, {0, 2}]


def test_a_token_that_is_the_end_is_not_told() -> None:
    net, _ = writing_net("char")
    free = [told[0] for told in tokens_after(net, [[5]], Chooser(Sampling(tokens=9, temperature=0), [0]), end=None)]
    end = free[4]
    first = free.index(end)
    ended = list(tokens_after(net, [[5]], Chooser(Sampling(tokens=9, temperature=0), [0]), end=end))
    assert [told[0] for told in ended if told] == free[:first]


def test_a_stop_order_is_heard_before_every_token() -> None:
    net, _ = writing_net("char")
    heard: list[int] = []

    def check() -> None:
        heard.append(1)
        if len(heard) == 3:
            raise InterruptedError

    told = []
    with pytest.raises(InterruptedError):
        for one in tokens_after(net, [[5]], Chooser(Sampling(temperature=0), [0]), end=None, check=check):
            told.append(one)
    assert len(told) == 2
