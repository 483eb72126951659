"""Random damage to a sealed file: never AUTHENTIC with a changed meaning, never a traceback."""

import inspect
from collections.abc import Callable, Iterator

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mutations import oracle, trial
from benchmarks.mutations.subjects import edited
from provenance import Site, TrustStore, Word, seal, verify
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import Carrier, read_carrier, remove_carrier, write_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.write import IMPLEMENTATION_CLASS_UID, instance_bytes
from provenance.header_tree import hash_header

SEED = bytes(32)
OTHER_CLASS_UID = b"1.2.3".ljust(len(IMPLEMENTATION_CLASS_UID), b"4")


@pytest.fixture(scope="module")
def trust(site: Site) -> TrustStore:
    return site.trust


class Sealed(bytes):
    """Bytes that do not fill a failure report."""

    def __repr__(self) -> str:
        return f"{len(self)} sealed bytes"


@pytest.fixture(scope="module")
def sealed(site: Site, make_dicom: Callable[..., bytes]) -> bytes:
    with site.device() as device:
        return Sealed(seal(make_dicom(), device=device).to_bytes())


class Meaning(tuple[object, ...]):
    """What a reader of the object sees: samples, and the signed attributes."""

    def __repr__(self) -> str:
        return "a meaning"


def meaning(instance: Instance) -> Meaning:
    geometry = pixel_geometry(instance)
    samples = [f.tobytes() for f in frames(instance, geometry)] if geometry else []
    signed = [a for a in canonical_attributes(instance.dataset) if a.group != "private"]
    return Meaning((samples, hash_header(signed, SEED).root))


@pytest.fixture(scope="module")
def sealed_meaning(sealed: bytes) -> Meaning:
    return meaning(read_instance(sealed))


def check(data: bytes, trust: TrustStore, sealed_meaning: Meaning) -> None:
    if verify(data, trust=trust).word is Word.AUTHENTIC:
        assert meaning(read_instance(data)) == sealed_meaning


# Half of the damage goes where the header and the carrier are.
PLACES = st.integers(0, 2_000) | st.integers(0, 1 << 20)


@settings(max_examples=300)
@given(
    flips=st.lists(st.tuples(PLACES, st.integers(1, 255)), min_size=1, max_size=3),
    cut=st.none() | st.tuples(PLACES, st.integers(1, 40)),
)
def test_bytes_of_the_file(
    sealed: bytes,
    trust: TrustStore,
    sealed_meaning: Meaning,
    flips: list[tuple[int, int]],
    cut: tuple[int, int] | None,
) -> None:
    damaged = bytearray(sealed)
    for place, flip in flips:
        damaged[place % len(damaged)] ^= flip
    if cut is not None:
        at = cut[0] % len(damaged)
        del damaged[at : at + cut[1]]
    check(bytes(damaged), trust, sealed_meaning)


def test_a_transfer_syntax_that_is_no_uid(
    sealed: bytes, trust: TrustStore, sealed_meaning: Meaning
) -> None:
    by_another = sealed.replace(IMPLEMENTATION_CLASS_UID.encode(), OTHER_CLASS_UID, 1)
    damaged = by_another.replace(b"1.2.840.10008.1.2.1\0", b"1/2.840.10008.1.2.1\0", 1)
    assert damaged != by_another != sealed
    check(damaged, trust, sealed_meaning)


@settings(max_examples=300)
@given(which=st.integers(0, 2), place=st.integers(0, 1 << 20), flip=st.integers(1, 255))
def test_bytes_of_the_seal(
    sealed: bytes, trust: TrustStore, which: int, place: int, flip: int
) -> None:
    instance = read_instance(sealed)
    values = read_carrier(instance.dataset)
    assert values is not None
    parts = [values.statement, values.annex, values.receipt, values.restore]
    part = bytearray(parts[which] or b"")
    part[place % len(part)] ^= flip
    parts[which] = bytes(part)
    remove_carrier(instance.dataset)
    write_carrier(instance.dataset, Carrier(*parts))
    word = verify(instance_bytes(instance), trust=trust).word
    if which == 2:  # a receipt may lose lines that are not its log's
        assert word in (Word.NOT_CHECKED, Word.AUTHENTIC)
    else:  # a label in the annex may name another attribute than the leaf it stands beside
        assert word in (Word.ALTERED, Word.STRIPPED, Word.HEADER_CHANGED)


@given(garbage=st.binary(max_size=600))
def test_garbage_is_unreadable(trust: TrustStore, garbage: bytes) -> None:
    assert verify(garbage, trust=trust).word in (Word.UNREADABLE, Word.UNSEALED)


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[trial.Trials]:
    """Sealed objects of fifteen kinds, and a reader of its own for what they say."""
    opened = trial.Trials.open(tmp_path_factory.mktemp("mutations"))
    yield opened
    opened.close()


@pytest.mark.parametrize("start", range(0, 480, 120))
def test_single_mutations_of_all_parts(trials: trial.Trials, start: int) -> None:
    """Some of the ten thousand of docs/verifier-evidence.md, of another seed."""
    results = [trials.run(5, number) for number in range(start, start + 120)]
    assert [wrong for result in results for wrong in result.wrong] == []
    words = {word for result in results for word in result.words.values()}
    assert {Word.AUTHENTIC, Word.ALTERED, Word.HEADER_CHANGED, Word.STRIPPED} < words


def test_a_verifier_that_accepts_anything_is_found_out(
    trials: trial.Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness can fail: it does not ask the verifier what has changed."""
    honest = trials.honest["native", "offline"]
    monkeypatch.setattr(trial.Trials, "verify", lambda *_: honest)
    found = [trials.run(5, number * 15) for number in range(60)]
    assert sum(bool(result.wrong) for result in found) > 25


def test_a_verifier_that_breaks_or_hangs_is_found_out(
    trials: trial.Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    def endless(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(trial.Trials, "verify", broken)
    assert trials.run(5, 15 * 16).words["offline"] == "TRACEBACK"
    monkeypatch.setattr(trial.Trials, "verify", endless)
    monkeypatch.setattr(trial, "SECONDS", 0.05)
    result = trials.run(5, 1)
    assert result.words["offline"] == "HANG"
    assert result.wrong


def test_the_oracle_is_a_reader_of_its_own(trials: trial.Trials) -> None:
    assert "import provenance" not in inspect.getsource(oracle)
    assert "from provenance" not in inspect.getsource(oracle)
    native = next(each for each in trials.stage.subjects if each.name == "native")

    def said(change: Callable[[pydicom.Dataset], object]) -> list[str]:
        (was,) = trials.meanings["native"]
        return oracle.differences(was, oracle.read_meaning(edited(native.data, change)))

    def sample(dataset: pydicom.Dataset) -> None:
        dataset["PixelData"].value = b"\xff\x0f" + dataset.PixelData[2:]

    def unused(dataset: pydicom.Dataset) -> None:
        data = bytearray(dataset.PixelData)
        data[1] |= 0x80
        dataset["PixelData"].value = bytes(data)

    def nested(dataset: pydicom.Dataset) -> None:
        dataset.ProcedureCodeSequence[1].CodeMeaning = "other"

    assert said(lambda d: None) == []
    assert said(unused) == []
    assert said(sample) == ["pixels"]
    assert said(nested) == ["(0008,1032) changed"]
    assert said(lambda d: setattr(d, "ImageLaterality", "L")) == ["(0020,0062) changed"]
    assert said(lambda d: setattr(d, "Laterality", "L")) == ["(0020,0060) added"]
    assert said(lambda d: delattr(d, "PatientName")) == ["(0010,0010) removed"]
    assert said(lambda d: setattr(d, "DerivationDescription", "x")) == []
