from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snc.backends.words.bits import Field, Word, WordError
from snc.backends.words.codes import ACTIVATIONS, NEURONS, NO_SYNAPSE, UPDATES, WEIGHTS
from snc.backends.words.words import CORE_WORDS, LEARNING_WORDS, Axon, Kernel, Population, Port, Step, codecs
from snc.ir.activations import Activation
from snc.ir.neurons import Neuron, NeuronModel, Update
from snc.ir.storage.weights import FORMATS

from .strategies import word_strategy

WORDS: tuple[type[Word], ...] = (*CORE_WORDS, Step, *LEARNING_WORDS)
FIELDS = [(cls, field) for cls in WORDS for field in cls.FIELDS]


def smallest(cls: type[Word]) -> dict[str, Any]:
    """The first value of every field."""
    return {f.name: next(iter(f.codes)) if f.codes else 0.0 if f.is_float else f.minimum for f in cls.FIELDS}


@pytest.mark.parametrize("cls", WORDS)
@given(data=st.data())
def test_every_word_comes_back(cls: type[Word], data: st.DataObject) -> None:
    word = data.draw(word_strategy(cls))
    back = cls.decode(word.encode())
    assert back == word
    assert back.items() == word.items()


@pytest.mark.parametrize("cls", WORDS)
@given(data=st.data())
def test_arrays_agree_with_single_words(cls: type[Word], data: st.DataObject) -> None:
    words = data.draw(st.lists(word_strategy(cls), max_size=8))
    found = cls.decode_array(np.array([word.encode() for word in words], dtype=np.uint64))
    assert found.keys() == {f.name for f in cls.FIELDS if not f.is_float}
    for name, values in found.items():
        codes = cls.field(name).codes
        held = [getattr(word, name) for word in words]
        assert values.tolist() == [codes.number(thing) if codes else thing for thing in held]


@pytest.mark.parametrize("cls", WORDS)
@given(data=st.data())
def test_arrays_are_encoded_as_single_words_are(cls: type[Word], data: st.DataObject) -> None:
    words = data.draw(st.lists(word_strategy(cls), min_size=1, max_size=8))
    fields = [f for f in cls.FIELDS if not f.is_padding]
    alike = {f.name: getattr(words[0], f.name) for f in fields if f.codes or f.is_float}
    apart = [{f.name: getattr(word, f.name) for f in fields if f.name not in alike} for word in words]
    arrays = {name: np.array([each[name] for each in apart]) for name in apart[0]}
    found = cls.encode_array(**alike, **arrays)
    assert found.dtype == np.uint64
    assert found.tolist() == [cls(**alike, **each).encode() for each in apart]


@pytest.mark.parametrize("cls", WORDS)
@given(number=st.integers(0, 2**64 - 1))
def test_arrays_refuse_what_single_words_refuse(cls: type[Word], number: int) -> None:
    words = np.array([number], dtype=np.uint64)
    try:
        cls.decode(number)
    except WordError:
        with pytest.raises(WordError):
            cls.decode_array(words)
    else:
        cls.decode_array(words)


@pytest.mark.parametrize(("cls", "field"), FIELDS, ids=lambda part: getattr(part, "name", None))
def test_values_beyond_a_field_raise(cls: type[Word], field: Field) -> None:
    if field.is_float:
        wrong = [float("nan"), 1e39]
    else:
        wrong = [field.minimum - 1, field.maximum + 1, field.minimum + 0.5]
    for value in wrong:
        with pytest.raises(WordError, match=field.name):
            cls(**(smallest(cls) | {field.name: value}))


@pytest.mark.parametrize(
    ("cls", "field"),
    [(cls, field) for cls, field in FIELDS if field.is_padding],
    ids=lambda part: getattr(part, "name", None),
)
def test_a_padding_bit_that_is_set_raises(cls: type[Word], field: Field) -> None:
    sound = cls(**smallest(cls)).encode()
    for bit in range(field.shift, field.last + 1):
        with pytest.raises(WordError, match=field.name):
            cls.decode(sound | 1 << bit)


def test_fields_are_as_wide_as_the_paper_says() -> None:
    def span(cls: type[Word], name: str) -> tuple[int, int]:
        return cls.field(name).minimum, cls.field(name).maximum

    assert span(Population, "width") == span(Population, "height") == (1, 256)
    assert span(Population, "depth") == span(Kernel, "kd") == (1, 1024)
    assert span(Axon, "x_off") == span(Axon, "y_off") == (-256, 255)
    assert span(Axon, "kw") == span(Axon, "kh") == span(Kernel, "kw") == span(Kernel, "kh") == (1, 16)
    assert span(Axon, "us") == (0, 7)
    assert span(Kernel, "sl") == (0, 1)
    assert span(Axon, "core_x") == span(Axon, "core_y") == (-8, 7)
    assert span(Axon, "port") == (0, 31)
    assert span(Port, "table") == span(Population, "start") == span(Kernel, "address") == (0, 32767)
    # W << SL of the widest population at stride 2 is 512: 64 eights.
    assert span(Axon, "width") == span(Axon, "height") == (1, 64)


def test_every_thing_has_a_code_of_its_own() -> None:
    assert set(UPDATES) == set(Update)
    assert set(ACTIVATIONS) == set(Activation)
    assert set(NEURONS) == {each for each in vars(Neuron).values() if isinstance(each, NeuronModel)}
    for codes in (UPDATES, ACTIVATIONS, NEURONS):
        assert len(set(codes.numbers.values())) == len(codes.numbers)


def test_every_weight_code_has_a_format() -> None:
    assert set(WEIGHTS) - {NO_SYNAPSE} == {codec.kind for codec in FORMATS.values()}
    assert len(set(WEIGHTS.numbers.values())) == len(WEIGHTS.numbers)
    assert set(codecs().values()) == set(FORMATS.values())
