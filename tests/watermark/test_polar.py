import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import polar

messages = st.binary(min_size=18, max_size=18)


def test_the_information_set_is_frozen() -> None:
    places = polar.information_set()
    digest = hashlib.sha256(places.astype("<u2").tobytes()).hexdigest()
    assert digest == "843255c39ec6184cbb326e18ef939947141d39cdae3b4b65508512aa8fd5658b"
    assert len(places) == 145
    assert places[-1] == 1023


@given(messages)
def test_a_clean_word_decodes_to_its_message(message: bytes) -> None:
    evidence = 1 - 2 * polar.encode(message).astype(np.float32)
    words, found = polar.decode(evidence)
    assert found[0] == message
    assert not polar.is_inverted(words[0])


@given(messages)
def test_a_negated_word_decodes_to_the_same_message_inverted(message: bytes) -> None:
    evidence = 2 * polar.encode(message).astype(np.float32) - 1
    words, found = polar.decode(evidence)
    assert found[0] == message
    assert polar.is_inverted(words[0])


@given(messages, messages)
def test_the_code_is_linear(one: bytes, other: bytes) -> None:
    both = bytes(a ^ b for a, b in zip(one, other, strict=True))
    assert np.array_equal(polar.encode(one) ^ polar.encode(other), polar.encode(both))


def test_the_scale_of_the_evidence_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    evidence = (1 - 2.0 * polar.encode(bytes(18)) + rng.normal(0, 1, 1024)).astype(np.float32)
    assert polar.decode(evidence)[1] == polar.decode(evidence * 1024)[1]


def test_noise_well_below_the_design_point_is_corrected() -> None:
    rng = np.random.default_rng(5)
    height = np.sqrt(360 / 1024)  # a score near 360
    for _ in range(30):
        message = rng.bytes(18)
        clean = height * (1 - 2.0 * polar.encode(message))
        noisy = (clean + rng.normal(0, 1, 1024)).astype(np.float32)
        assert message in polar.decode(noisy)[1]


def test_many_words_at_once_are_those_one_by_one() -> None:
    messages = [np.random.default_rng(n).bytes(18) for n in range(5)]
    words = polar.encode_all(messages)
    assert words.shape == (5, polar.LENGTH)
    assert all(np.array_equal(a, polar.encode(b)) for a, b in zip(words, messages, strict=True))


def test_no_two_words_are_near_each_other() -> None:
    """Rows of F that carry data have 32 ones and more, so any two words differ in 32 bits."""
    place = polar.information_set()
    assert min(2 ** int(p).bit_count() for p in place) == 32


@pytest.mark.parametrize("evidence", [np.zeros(1024), np.full(1024, 1e30)])
def test_useless_evidence_gives_a_full_list_and_no_warning(evidence: np.ndarray) -> None:
    words, found = polar.decode(evidence.astype(np.float32))
    assert len(words) == len(found) == polar.FEW
