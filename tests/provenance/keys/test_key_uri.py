"""URIs of keys: what RFC 7512 writes is read, one key is meant, and no PIN is ever in one."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provenance.errors import UsageError
from provenance.keys.key_places import KeyPlace
from provenance.keys.key_uri import MAX_URI, KeyUri

MODULE = "module-path=/usr/lib/m.so"


def test_what_is_read() -> None:
    uri = KeyUri.parse(
        "pkcs11:model=v2;manufacturer=Snake%20Oil;serial=07;token=The%20Token%3b;object=ct/3"
        ";id=%01%fF;type=private?pin-source=file:/run/pin&module-path=/usr/lib/m.so".replace(
            "ct/3", "ct%2F3"
        )
    )
    assert uri == KeyUri(
        module=Path("/usr/lib/m.so"),
        token=(
            *(("token", "The Token;"), ("serial", "07")),
            *(("manufacturer", "Snake Oil"), ("model", "v2")),
        ),
        label="ct/3",
        key_id=b"\x01\xff",
        pin_source=Path("/run/pin"),
    )
    assert KeyUri.parse(str(uri)) == uri
    assert KeyUri.parse(f"pkcs11:token=:[]@!$'()*+,=&;id=a?{MODULE}").token[0][1] == (
        ":[]@!$'()*+,=&"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pkcs12:token=a;object=b?" + MODULE, "begins with"),
        ("PKCS11:token=a;object=b?" + MODULE, "begins with"),
        ("pkcs11:" + "a" * MAX_URI, "at most"),
        ("pkcs11:", "attribute ''"),
        ("pkcs11:object=b?" + MODULE, "must name its token"),
        ("pkcs11:token=a?" + MODULE, "must name its key"),
        ("pkcs11:token=a;object=b", "which library"),
        ("pkcs11:token=a;object=b?", "attribute ''"),
        ("pkcs11:token=a;object=b;?" + MODULE, "attribute ''"),
        ("pkcs11:token=a;token=a;object=b?" + MODULE, "twice"),
        ("pkcs11:token=;object=b?" + MODULE, "empty"),
        ("pkcs11:token;object=b?" + MODULE, "empty"),
        ("pkcs11:token=a b;object=b?" + MODULE, "percent-encoded"),
        ("pkcs11:token=a/b;object=b?" + MODULE, "percent-encoded"),
        ("pkcs11:token=a%0;object=b?" + MODULE, "percent-encoded"),
        ("pkcs11:token=ä;object=b?" + MODULE, "percent-encoded"),
        ("pkcs11:token=%ff;object=b?" + MODULE, "UTF-8"),
        ("pkcs11:token=a%0Ab;object=b?" + MODULE, "do not print"),
        ("pkcs11:token=a;object=b;type=public?" + MODULE, "private"),
        ("pkcs11:token=a;object=b;slot-id=1?" + MODULE, "'slot-id'"),
        ("pkcs11:token=a;object=b;x-own=1?" + MODULE, "'x-own'"),
        ("pkcs11:token=a;object=b?module-name=m", "'module-name'"),
        ("pkcs11:token=a;object=b?module-path=m.so", "absolute"),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=pin", "absolute"),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=|/bin/pin", "absolute"),
        (f"pkcs11:token=a;object=b?{MODULE}&pin-source=file://host/pin", "absolute"),
        (f"pkcs11:token=a;object=b?{MODULE}&{MODULE}", "twice"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        KeyUri.parse(text)


@pytest.mark.parametrize(
    "where", ["?pin-value=9876", f"?{MODULE}&pin-value=9876", ";pin-value=9876?"]
)
def test_a_pin_in_a_uri_is_refused_and_not_repeated(where: str) -> None:
    with pytest.raises(UsageError, match="must not hold a PIN") as raised:
        KeyUri.parse(f"pkcs11:token=a;object=b{where}")
    assert "9876" not in str(raised.value)


_TEXT = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20)
_URIS = st.builds(
    KeyUri,
    module=_TEXT.map(lambda name: Path("/lib") / name.strip("/.")),
    token=st.tuples(st.tuples(st.just("token"), _TEXT), st.tuples(st.just("serial"), _TEXT)),
    label=_TEXT,
    key_id=st.none() | st.binary(min_size=1, max_size=20),
    pin_source=st.none() | _TEXT.map(lambda name: Path("/run") / name.strip("/.")),
)


@given(_URIS)
def test_every_key_is_read_back_from_its_uri(uri: KeyUri) -> None:
    assert KeyUri.parse(str(uri)) == uri


@given(st.text() | st.text(alphabet="pkcs11:token=object;id%?&/a0\x00é-").map("pkcs11:".__add__))
@example("pkcs11:token=%C3;object=%ff?module-path=/a")
@example(f"pkcs11:token=a;object=b?{MODULE}&pin-source=%00")
def test_any_text_is_a_uri_or_refused_and_then_has_one_form(text: str) -> None:
    try:
        place = KeyPlace.parse(text)
    except UsageError:
        return
    assert KeyPlace.parse(str(place)) == place
    assert "\n" not in str(place)
