"""A pickle is known by its opcodes; words are not taken for one."""

import collections
import datetime
import os
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.datasets.ingest.pickles import looks_like_pickle
from tests.registry.datasets.ingest.looking import short


class Command:
    def __reduce__(self):
        return os.system, ("true",)


class Plain:
    def __init__(self):
        self.a = 1


THINGS = [
    1,
    "x",
    None,
    1.5,
    True,
    2**100,
    [1, 2],
    (1, 2, 3),
    {"a": [1, {"b": (2,)}]},
    {1},
    frozenset([1]),
    b"abc",
    bytearray(b"d"),
    complex(1, 2),
    Command(),
    Plain(),
    collections.OrderedDict(a=1),
    datetime.date(2026, 1, 1),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("thing", THINGS, ids=lambda one: type(one).__name__)
def test_every_protocol(thing, protocol):
    assert looks_like_pickle(pickle.dumps(thing, protocol), whole=True)


@pytest.mark.parametrize("protocol", [0, 1])
def test_the_beginning_of_a_long_one(protocol):
    data = pickle.dumps([float(n) for n in range(60_000)], protocol)
    assert looks_like_pickle(data[:262_144], whole=False)


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'id'\ntRthen nonsense",
        b"(S'id'\nios\nsystem\nand nonsense",
        b"cos\nsystem\n.",
    ],
    ids=short,
)
def test_one_that_would_fail_after_having_run(data):
    assert looks_like_pickle(data, whole=True)
    assert looks_like_pickle(data + b" tail" * 99, whole=False)


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b".",
        b"N.B. this is prose",
        b"harmony.",
        b"herself.",
        b"text\nmore text\n",
        b"id,label\n1,2\n",
        b"a;b\n1;2\n",
        b"(c) 2020 somebody\n",
        b'{"a": 1}\n',
        b"]]]]",
        b"N" * 300_000,
        b"cat\ndog\nRat\n",
        b"The cat.\n",
        b"I\n.",
        b"Vienna\nParis\nRome\n",
        b"S'tory\n",
    ],
    ids=short,
)
def test_words_are_no_pickle(words):
    assert not looks_like_pickle(words, whole=True)
    assert not looks_like_pickle(words, whole=False)


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=80, deadline=None, database=None)
@given(NESTED, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_random_things(thing, protocol):
    assert looks_like_pickle(pickle.dumps(thing, protocol), whole=True)


@settings(max_examples=80, deadline=None, database=None)
@given(st.text(alphabet=st.characters(categories=["L", "Zs"]), min_size=3))
def test_random_words(words):
    assert not looks_like_pickle(f"{words}\n{words}\n".encode(), whole=True)
