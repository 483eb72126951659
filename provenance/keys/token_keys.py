"""Keys on PKCS#11 tokens: smart cards, HSMs, SoftHSM. The private key never leaves its token.

A PKCS#11 module is one thing for the whole process, and so is being logged in to a token (PKCS#11
2.40, section 5.6). So each module has one lock here, and one session for each token, which every
key on it shares. Modules are opened without a promise of locking of their own, so no two threads
are ever inside one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ledger import Algorithm, LedgerError, VerificationKey
from provenance.errors import KeyUnavailableError
from provenance.keys.key_uri import KeyUri
from provenance.keys.passphrases import token_pin

if TYPE_CHECKING:
    from pkcs11 import PrivateKey, PublicKey, Session, Token
    from pkcs11._pkcs11 import lib
    from pkcs11.types import SignMixin

T = TypeVar("T")

# CKA_EC_PARAMS: what names a curve (RFC 5480, section 2.1.1; RFC 8410; PKCS#11 3.0, section 2.3).
_P256 = bytes.fromhex("06082a8648ce3d030107")
_ED25519 = (bytes.fromhex("06032b6570"), b"\x13\x0cedwards25519")
# Signed when a key is opened, to see that it can. No statement: those begin with a CBOR array.
TRIAL = b"radseal: can this key sign?"


@dataclass(frozen=True, slots=True)
class TokenSigner:
    """A signer of statements whose key lies on a token; build it with ``open_token_key``."""

    uri: KeyUri
    verification_key: VerificationKey
    extractable: bool
    _module: _Module = field(repr=False, compare=False)

    @property
    def kid(self) -> bytes:
        """SHA-256 of ``spki``."""
        return self.verification_key.kid

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm of the key."""
        return self.verification_key.algorithm

    @property
    def spki(self) -> bytes:
        """The public key as DER SubjectPublicKeyInfo."""
        return self.verification_key.spki

    def sign(self, message: bytes) -> bytes:
        """Return 64 bytes; KeyUnavailableError if the token does not sign, nor once opened anew."""
        return self._module.sign(self.uri, self.spki, message)


def open_token_key(uri: KeyUri) -> TokenSigner:
    """Find a key on its token and let it sign a trial; KeyUnavailableError says what is missing.

    The public key must lie beside the private one, under the same id or label.
    """
    path = str(uri.module.resolve())  # by whatever path, it is one module
    with _MODULES_LOCK:
        module = _MODULES.setdefault(path, _Module(path))
    key = module.open(uri)
    return TokenSigner(uri, key.public, key.extractable, module)


@dataclass(frozen=True, slots=True)
class _Key:
    private: SignMixin
    public: VerificationKey
    extractable: bool

    def sign(self, message: bytes) -> bytes:
        from pkcs11 import Mechanism

        match self.public.algorithm:
            case Algorithm.ED25519:
                signature = self.private.sign(message, mechanism=Mechanism.EDDSA)
            case Algorithm.ESP256:  # hashed here: CKM_ECDSA is what every token has
                digest = hashlib.sha256(message).digest()
                signature = self.private.sign(digest, mechanism=Mechanism.ECDSA)
        return bytes(signature)


class _Module:
    """One PKCS#11 module, its sessions and the keys that were found; see the head of this file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._sessions: dict[tuple[str, bytes], Session] = {}
        self._keys: dict[KeyUri, _Key] = {}
        self._refused: set[tuple[str, bytes, str]] = set()  # PINs; never tried twice

    def open(self, uri: KeyUri) -> _Key:
        """Return the key of ``uri``, which has just signed."""
        with self._lock:
            self._keys.pop(uri, None)  # looked for anew: a session may have died meanwhile
            return self._tried(uri, lambda key: key)

    def sign(self, uri: KeyUri, spki: bytes, message: bytes) -> bytes:
        """Sign with the key of ``uri``, which must still be that of ``spki``."""

        def signed(key: _Key) -> bytes:
            if key.public.spki != spki:
                raise KeyUnavailableError(
                    f"the token ({uri.token_words}) now holds another key as {uri.key_words}",
                    do="put the token back whose key the log knows, or log the new key with "
                    "radseal key renew",
                )
            return key.sign(message)

        with self._lock:
            return self._tried(uri, signed)

    def _tried(self, uri: KeyUri, use: Callable[[_Key], T]) -> T:
        """Use the key; if the token fails, open everything anew, once: it may have been gone."""
        library = self._library()
        from pkcs11 import PKCS11Error

        try:
            return use(self._key(library, uri))
        except PKCS11Error as error:
            self._forget()
            if _is_about_pin(error):
                raise _in_words(error, uri) from error
        self._restart(library)
        try:
            return use(self._key(library, uri))
        except PKCS11Error as error:
            self._forget()
            raise _in_words(error, uri) from error

    def _library(self) -> lib:
        try:
            import pkcs11
        except ImportError as error:
            raise KeyUnavailableError(
                "keys on tokens need the package python-pkcs11, which is not installed",
                do="pip install 'radseal[hsm]'",
            ) from error
        if not Path(self._path).is_file():
            raise KeyUnavailableError(
                f"the PKCS#11 module {self._path} is not there",
                do="install the software of the token, and check module-path in the key URI",
            )
        try:
            return pkcs11.lib(self._path)
        except pkcs11.PKCS11Error as error:
            raise self._broken(error) from error

    def _restart(self, library: lib) -> None:
        """A module looks for tokens when it starts, some of them only then."""
        from pkcs11 import PKCS11Error

        try:
            library.reinitialize()
        except PKCS11Error as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> KeyUnavailableError:
        return KeyUnavailableError(
            f"the PKCS#11 module {self._path} does not start: {_said(error)}",
            do="check module-path in the key URI, and the module's own configuration "
            "(SoftHSM: SOFTHSM2_CONF, and the folder of tokens that it names)",
        )

    def _forget(self) -> None:
        self._sessions.clear()
        self._keys.clear()

    def _key(self, library: lib, uri: KeyUri) -> _Key:
        if uri not in self._keys:
            key = _find_key(self._session(library, uri), uri)
            try:
                key.public.verify(key.sign(TRIAL), TRIAL)
            except LedgerError as error:
                raise KeyUnavailableError(
                    f"the private and the public key ({uri.key_words}) of the token "
                    f"({uri.token_words}) do not belong together",
                    do="remove what does not belong there, or name the key by its id",
                ) from error
            self._keys[uri] = key
        return self._keys[uri]

    def _session(self, library: lib, uri: KeyUri) -> Session:
        from pkcs11 import PKCS11Error

        token = _find_token(library, uri)
        name = (token.label, token.serial)
        if name not in self._sessions:
            pin = token_pin(uri.token_words, uri.pin_source)
            if (*name, pin) in self._refused:  # a few wrong ones lock a token for good
                raise _wrong_pin(uri)
            try:
                self._sessions[name] = token.open(user_pin=pin)
            except PKCS11Error as error:
                if _is_about_pin(error):
                    self._refused.add((*name, pin))
                raise
        return self._sessions[name]


_MODULES: dict[str, _Module] = {}
_MODULES_LOCK = Lock()


def _find_token(library: lib, uri: KeyUri) -> Token:
    from pkcs11 import MultipleTokensReturned, NoSuchToken

    fields = {"token": "label", "serial": "serial", "manufacturer": "manufacturer_id"}
    found = []
    for token in library.get_tokens():
        seen = [getattr(token, fields.get(name, name)) for name, _ in uri.token]
        texts = [s.decode(errors="replace") if isinstance(s, bytes) else s for s in seen]
        if texts == [value for _, value in uri.token]:
            found.append(token)
    if not found:
        raise NoSuchToken
    if len(found) > 1:
        raise MultipleTokensReturned
    return found[0]


def _find_key(session: Session, uri: KeyUri) -> _Key:
    from pkcs11 import Attribute, MultipleObjectsReturned, NoSuchKey, ObjectClass

    named: dict[Attribute, object] = {}
    if uri.label is not None:
        named[Attribute.LABEL] = uri.label
    if uri.key_id is not None:
        named[Attribute.ID] = uri.key_id
    privates = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, **named}))
    if not privates:
        raise NoSuchKey
    if len(privates) > 1:
        raise MultipleObjectsReturned
    private: PrivateKey = privates[0]  # type: ignore[assignment]  # by its class
    if private.id:
        named = {Attribute.ID: private.id}
    publics = list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, **named}))
    if len(publics) != 1:
        raise KeyUnavailableError(
            f"the token ({uri.token_words}) holds {len(publics)} public keys beside the private "
            f"key ({uri.key_words}): exactly one must be there",
            do="store the public key on the token, under the id of the private one",
        )
    public: PublicKey = publics[0]  # type: ignore[assignment]  # by its class
    return _Key(
        private,  # type: ignore[arg-type]  # of the types of a private key, ours all sign
        _public_key(public, uri),
        bool(private[Attribute.EXTRACTABLE]),
    )


def _public_key(public: PublicKey, uri: KeyUri) -> VerificationKey:
    from pkcs11 import Attribute, KeyType

    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    if public.key_type not in (KeyType.EC, KeyType.EC_EDWARDS):
        raise _wrong_type(uri, str(public.key_type.name))
    curve, point = public[Attribute.EC_PARAMS], public[Attribute.EC_POINT]
    try:
        if curve == _P256:
            key = ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1(), _unwrapped(point, 65)
            )
        elif curve in _ED25519:
            key = ed25519.Ed25519PublicKey.from_public_bytes(_unwrapped(point, 32))
        else:
            raise _wrong_type(uri, "one on another curve")
    except ValueError as error:
        raise _wrong_type(uri, "one whose point is not of its curve") from error
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return VerificationKey.from_spki(spki)


def _unwrapped(point: bytes, size: int) -> bytes:
    """Take the point out of its OCTET STRING; some tokens give it bare."""
    return point[2:] if point[:2] == bytes((4, size)) and len(point) == size + 2 else point


def _wrong_type(uri: KeyUri, kind: str) -> KeyUnavailableError:
    return KeyUnavailableError(
        f"the key ({uri.key_words}) of the token ({uri.token_words}) is of a wrong type: {kind}",
        do="make a P-256 or an Ed25519 key on the token: statements are signed with no other",
    )


def _wrong_pin(uri: KeyUri) -> KeyUnavailableError:
    return KeyUnavailableError(
        f"the token ({uri.token_words}) does not accept the PIN",
        do="put the right PIN into the file that pin-source names before anything else is tried: "
        "a few wrong ones lock a token",
    )


def _is_about_pin(error: Exception) -> bool:
    from pkcs11 import PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked

    return isinstance(error, PinExpired | PinIncorrect | PinInvalid | PinLenRange | PinLocked)


def _in_words(error: Exception, uri: KeyUri) -> KeyUnavailableError:
    import pkcs11

    match error:
        case pkcs11.PinLocked():
            return KeyUnavailableError(
                f"the token ({uri.token_words}) is locked after too many wrong PINs",
                do="have its security officer set a new PIN",
            )
        case _ if _is_about_pin(error):
            return _wrong_pin(uri)
        case pkcs11.NoSuchToken():
            return KeyUnavailableError(
                f"the token ({uri.token_words}) is not there",
                do="put it in, or check the key URI; then try again",
            )
        case pkcs11.MultipleTokensReturned():
            return KeyUnavailableError(
                f"several tokens are meant by {uri.token_words}",
                do="name one by serial=NUMBER in the key URI",
            )
        case pkcs11.NoSuchKey():
            return KeyUnavailableError(
                f"the token ({uri.token_words}) holds no private key ({uri.key_words})",
                do="check object and id in the key URI with the token's own tool",
            )
        case pkcs11.MultipleObjectsReturned():
            return KeyUnavailableError(
                f"several private keys of the token ({uri.token_words}) are meant by "
                f"{uri.key_words}",
                do="name one by id=%01 in the key URI",
            )
        case _:
            return KeyUnavailableError(
                f"the token ({uri.token_words}) does not sign: {_said(error)}",
                do="see that the token is in and works with its own tool; then try again",
            )


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
