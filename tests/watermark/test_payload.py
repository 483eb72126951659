import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from watermark import ArgumentError
from watermark import payload as framing
from watermark.keys import Purpose, derive, keystream


def _hkdf(key: bytes, label: str) -> bytes:
    """RFC 5869, written out: one block of output is enough."""
    extracted = hmac.digest(b"radseal-mark-2", key, "sha256")
    return hmac.digest(extracted, label.encode() + b"\x01", "sha256")


@pytest.mark.parametrize("purpose", Purpose)
def test_subkeys_are_hkdf(key: bytes, purpose: Purpose) -> None:
    assert derive(key, purpose) == _hkdf(key, purpose.value)


def test_the_stream_is_aes_in_counter_mode(key: bytes) -> None:
    block = Cipher(algorithms.AES256(key), modes.ECB()).encryptor()
    counters = b"".join(n.to_bytes(16, "big") for n in range(3))
    assert keystream(key, 40) == block.update(counters)[:40]


def test_the_tag_is_an_hmac_of_the_id(key: bytes, payload: bytes) -> None:
    framed = framing.frame(payload, key=key)
    tag = hmac.new(_hkdf(key, "tag"), payload, hashlib.sha256).digest()[:6]
    assert framed == payload + tag


def test_only_a_right_tag_is_whole(key: bytes, payload: bytes) -> None:
    right = framing.frame(payload, key=key)
    wrong = [right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :] for at in range(len(right))]
    assert framing.is_whole(right, key=key)
    assert not any(framing.is_whole(word, key=key) for word in wrong)
    assert not framing.is_whole(right, key=bytes(32))


@pytest.mark.parametrize("length", [0, 11, 13])
def test_other_lengths_are_refused(key: bytes, length: int) -> None:
    with pytest.raises(ArgumentError):
        framing.frame(bytes(length), key=key)
    with pytest.raises(ArgumentError):
        framing.frame(bytes(12), key=bytes(length))
