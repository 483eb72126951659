"""Keys on a real PKCS#11 token (SoftHSM): they sign, they are missed, and they come back."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from benchmarks.softhsm import PIN, SoftHsm
from ledger import Algorithm, VerificationKey
from provenance.errors import KeyUnavailableError
from provenance.keys.key_uri import KeyUri
from provenance.keys.token_keys import TRIAL, TokenSigner, open_token_key

_NUMBERS = count()


@pytest.fixture
def token(hsm: SoftHsm) -> tuple[str, Path]:
    """A new token: its label, and the folder that it lies in."""
    label = f"token-{next(_NUMBERS)}"
    return label, hsm.make_token(label)


@pytest.fixture
def make(hsm: SoftHsm, token: tuple[str, Path]) -> Callable[..., str]:
    """Make a key on the token and return its URI."""

    def made(kind: str, label: str = "seal", *, key_id: int = 1) -> str:
        hsm.make_key(token[0], kind, label, key_id=key_id)
        return hsm.uri(token[0], label)

    return made


def opened(uri: str) -> TokenSigner:
    return open_token_key(KeyUri.parse(uri))


def signs(signer: TokenSigner, message: bytes = b"message") -> bool:
    VerificationKey.from_spki(signer.spki).verify(signer.sign(message), message)
    return True


def inside(hsm: SoftHsm, token: str, code: str) -> None:
    """Do something with the token in a process of its own; ``session`` may write."""
    begin = (
        "import pkcs11, sys; from pkcs11 import *\n"
        "token = pkcs11.lib(sys.argv[1]).get_token(token_label=sys.argv[2])\n"
        f"session = token.open(rw=True, user_pin={PIN!r})\n"
    )
    words = [sys.executable, "-c", begin + code, str(hsm.module), token]
    subprocess.run(words, check=True, capture_output=True)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_it_signs_and_stays_where_it_is(make: Callable[..., str], algorithm: Algorithm) -> None:
    signer = opened(make("P256" if algorithm is Algorithm.ESP256 else "ED25519"))
    assert signer.algorithm is algorithm
    assert not signer.extractable
    assert all(signs(signer, bytes(size)) for size in (0, 1, 31, 32, 33, 65_535))


def test_a_key_that_can_leave_its_token_says_so(make: Callable[..., str]) -> None:
    assert opened(make("OPEN")).extractable


def test_what_names_no_key(hsm: SoftHsm, make: Callable[..., str], tmp_path: Path) -> None:
    uri = make("P256")
    module = f"module-path={hsm.module}"
    no_module = tmp_path / "no.so"
    no_module.write_text("not a library")
    for wrong, said in (
        (uri.replace(module, f"module-path={tmp_path}/none.so"), "is not there"),
        (uri.replace(module, f"module-path={no_module}"), "does not start"),
        (uri.replace("token=", "token=not-"), "is not there"),
        (uri.replace("object=", "object=not-"), "holds no private key"),
        (uri.replace("object=", "id=%07;object="), "holds no private key"),
        (hsm.uri("x", "y", pin=tmp_path / "none"), "token x. is not there"),
    ):
        with pytest.raises(KeyUnavailableError, match=said) as raised:
            opened(wrong)
        assert raised.value.do
    assert signs(opened(uri))


def test_the_pin(hsm: SoftHsm, make: Callable[..., str], token: tuple[str, Path]) -> None:
    uri = make("P256")
    own = hsm.folder / "own-pin"
    mine = uri.replace(str(hsm.folder / "pin"), str(own))
    with pytest.raises(KeyUnavailableError, match="cannot be read"):
        opened(mine)
    with pytest.raises(KeyUnavailableError, match="nobody is here to say it"):
        opened(uri.partition("&")[0])
    for content, said in ((b"\n", "one passphrase or PIN"), (b"\xff\xfe\xfd\xfc", "UTF-8")):
        own.write_bytes(content)
        with pytest.raises(KeyUnavailableError, match=said):
            opened(mine)
    own.write_text("9999\n")
    with pytest.raises(KeyUnavailableError, match="does not accept the PIN") as raised:
        opened(mine)
    assert "9999" not in str(raised.value) + raised.value.do
    own.write_text(f"{PIN}\n")
    assert signs(opened(mine))


def test_a_pin_that_was_refused_is_not_tried_again(
    hsm: SoftHsm, make: Callable[..., str], token: tuple[str, Path]
) -> None:
    uri = make("P256")
    own = hsm.folder / "next-pin"
    own.write_text("24680\n")
    with pytest.raises(KeyUnavailableError, match="does not accept"):
        opened(uri.replace(str(hsm.folder / "pin"), str(own)))
    inside(hsm, token[0], f"session.set_pin({PIN!r}, '24680')")
    with pytest.raises(KeyUnavailableError, match="is not there"):
        opened(hsm.uri("not-there", "seal"))  # after which the module has read its tokens anew
    with pytest.raises(KeyUnavailableError, match="does not accept"):  # though it would be right
        opened(uri.replace(str(hsm.folder / "pin"), str(own)))


@pytest.mark.parametrize("kind", ["RSA", "P384"])
def test_a_key_of_a_wrong_type(make: Callable[..., str], kind: str) -> None:
    with pytest.raises(KeyUnavailableError, match="wrong type") as raised:
        opened(make(kind))
    assert "P-256" in raised.value.do


def test_one_key_must_be_meant(make: Callable[..., str]) -> None:
    first, _ = make("P256", key_id=1), make("P256", key_id=2)
    with pytest.raises(KeyUnavailableError, match="several private keys"):
        opened(first)
    one, two = (opened(first.replace("object=", f"id=%0{n};object=")) for n in (1, 2))
    assert one.kid != two.kid
    assert signs(one)
    assert signs(two)


def test_the_public_key_must_be_that_of_the_private_one(
    hsm: SoftHsm, make: Callable[..., str], token: tuple[str, Path]
) -> None:
    uri = make("P256", "a", key_id=1)
    make("P256", "b", key_id=2)
    public = "session.get_key(object_class=ObjectClass.PUBLIC_KEY, label="
    inside(hsm, token[0], f"{public}'b')[Attribute.ID] = b'\\x01'")
    with pytest.raises(KeyUnavailableError, match="2 public keys"):
        opened(uri)
    inside(hsm, token[0], f"{public}'a').destroy()")
    with pytest.raises(KeyUnavailableError, match="do not belong together"):
        opened(uri)


def test_gone_and_back(make: Callable[..., str], token: tuple[str, Path]) -> None:
    signer = opened(make("ED25519"))
    away = token[1].parent.parent / f"{token[0]}-away"
    for _ in range(2):
        assert signs(signer)
        token[1].rename(away)
        for _ in range(2):
            with pytest.raises(KeyUnavailableError, match="is not there"):
                signer.sign(b"message")
        away.rename(token[1])
    assert signs(signer)


def test_all_tokens_gone_and_back(hsm: SoftHsm, make: Callable[..., str]) -> None:
    signer = opened(make("P256"))
    tokens, away = hsm.folder / "tokens", hsm.folder / "away"
    tokens.rename(away)
    with pytest.raises(KeyUnavailableError, match="does not start") as raised:
        signer.sign(b"message")
    assert "SOFTHSM2_CONF" in raised.value.do
    away.rename(tokens)
    assert signs(signer)


def test_another_token_of_the_same_name_does_not_sign(
    hsm: SoftHsm, make: Callable[..., str], token: tuple[str, Path]
) -> None:
    signer = opened(make("P256"))
    token[1].rename(hsm.folder / f"{token[0]}-away")
    hsm.make_token(token[0])
    make("P256")
    with pytest.raises(KeyUnavailableError, match="now holds another key"):
        signer.sign(b"message")


def test_two_tokens_of_one_name(
    hsm: SoftHsm, make: Callable[..., str], token: tuple[str, Path]
) -> None:
    uri = make("P256")
    hsm.make_token(token[0])
    with pytest.raises(KeyUnavailableError, match="several tokens"):
        opened(uri)


def test_many_threads_many_keys(hsm: SoftHsm, make: Callable[..., str]) -> None:
    hsm.make_token("second")
    hsm.make_key("second", "P256", "seal")
    uris = [make("P256", "a", key_id=1), make("ED25519", "b", key_id=2), hsm.uri("second", "seal")]
    signers = [opened(uri) for uri in uris]
    messages = [str(number).encode() for number in range(240)]

    def sign(message: bytes) -> bytes:
        return signers[int(message) % 3].sign(message)

    with ThreadPoolExecutor(8) as pool:
        signatures = list(pool.map(sign, messages))
    for message, signature in zip(messages, signatures, strict=True):
        VerificationKey.from_spki(signers[int(message) % 3].spki).verify(signature, message)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(KeyUnavailableError, match="python-pkcs11") as raised:
        opened("pkcs11:token=a;object=b?module-path=/usr/lib/none.so")
    assert raised.value.do == "pip install 'radseal[hsm]'"


def test_the_trial_is_no_statement() -> None:
    assert not TRIAL.startswith(b"\x84")  # Sig_structure: an array of four (RFC 9052, section 4.4)
