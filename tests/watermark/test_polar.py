import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import polar

messages = st.binary(min_size=20, max_size=20)


def test_the_information_set_is_frozen() -> None:
    places = polar.information_set()
    digest = hashlib.sha256(places.astype("<u2").tobytes()).hexdigest()
    assert digest == "802c4956fc39effddc0f6db868ef160451e099bab69580d146371e13f8e61d36"
    assert len(places) == 161
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
    evidence = (1 - 2.0 * polar.encode(bytes(20)) + rng.normal(0, 1, 1024)).astype(np.float32)
    assert polar.decode(evidence)[1] == polar.decode(evidence * 1024)[1]


def test_noise_well_below_the_design_point_is_corrected() -> None:
    rng = np.random.default_rng(5)
    height = np.sqrt(420 / 1024)  # a score near 420
    for _ in range(40):
        message = rng.bytes(20)
        clean = height * (1 - 2.0 * polar.encode(message))
        noisy = (clean + rng.normal(0, 1, 1024)).astype(np.float32)
        assert message in polar.decode(noisy)[1]


@pytest.mark.parametrize("evidence", [np.zeros(1024), np.full(1024, 1e30)])
def test_useless_evidence_gives_a_full_list_and_no_warning(evidence: np.ndarray) -> None:
    words, found = polar.decode(evidence.astype(np.float32))
    assert len(words) == len(found) == polar.LIST_SIZE
