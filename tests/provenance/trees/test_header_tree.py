"""The header tree: roots, changes, and a strict way back from CBOR."""

import copy
import hashlib
import hmac

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from provenance.dicom.attribute_table import attribute_table
from provenance.dicom.attributes import (
    Attribute,
    CanonicalValue,
    Group,
    Kind,
    Severity,
    canonical_attributes,
)
from provenance.errors import EvidenceError, MalformedError, UsageError
from provenance.header_tree import (
    HeaderTree,
    Leaf,
    changed_attributes,
    hash_header,
    leaf_salt,
    require_labels,
)

SEED = bytes(range(32))


def attribute(tag: int, value: CanonicalValue | None, group: Group = Group.REST) -> Attribute:
    return Attribute(tag, "Any", group, Severity.ADMINISTRATIVE, value)


tags = st.integers(0x00080002, 0xFFFBFFFF)
leaf_values = st.recursive(
    st.none() | st.integers(-(2**63), 2**63) | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=8,
)
attributes = st.dictionaries(
    tags, st.tuples(leaf_values, st.sampled_from(list(Group))), max_size=12
).map(lambda found: [attribute(tag, value, group) for tag, (value, group) in found.items()])


@given(st.binary(min_size=32, max_size=32), attributes)
def test_leaves_are_those_of_the_page(seed: bytes, found: list[Attribute]) -> None:
    tree = hash_header(found, seed)
    expected = {}
    for each in found:
        salt = hmac.digest(seed, each.tag.to_bytes(4, "big"), "sha256")[:16]
        assert leaf_salt(seed, each.tag) == salt
        content = cbor2.dumps([each.group.value, each.tag, each.value])
        expected[each.tag] = hashlib.sha256(b"\0radseal-attribute-1" + salt + content).digest()
    assert {tag: digest for tag, _, digest in tree.leaves} == expected


@given(st.binary(min_size=32, max_size=32))
def test_absent_attributes_have_the_leaves_of_the_page(seed: bytes) -> None:
    tree = hash_header(canonical_attributes(Dataset()), seed)
    assert len(tree.leaves) == len(attribute_table().signed) + 1
    for tag, group, digest in tree.leaves:
        salt = hmac.digest(seed, tag.to_bytes(4, "big"), "sha256")[:16]
        content = cbor2.dumps([group.value, tag, None])
        assert digest == hashlib.sha256(b"\0radseal-attribute-1" + salt + content).digest()


def test_an_empty_header_has_the_root_of_seven_empty_groups() -> None:
    empty = hashlib.sha256().digest()
    groups = [
        hashlib.sha256(b"\0radseal-group-1" + name + empty).digest()
        for name in (
            b"instance",
            b"identity",
            b"geometry",
            b"display",
            b"acquisition",
            b"rest",
            b"private",
        )
    ]

    def node(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\x01" + left + right).digest()

    first = node(node(groups[0], groups[1]), node(groups[2], groups[3]))
    second = node(node(groups[4], groups[5]), groups[6])
    assert hash_header([], SEED).root == node(first, second)


@given(attributes, st.randoms(use_true_random=False))
def test_the_order_of_attributes_means_nothing(found: list[Attribute], random: object) -> None:
    shuffled = copy.copy(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert hash_header(shuffled, SEED) == hash_header(found, SEED)


@given(attributes, st.data())
def test_any_other_value_group_or_tag_has_another_root(
    found: list[Attribute], data: st.DataObject
) -> None:
    root = hash_header(found, SEED).root
    value = data.draw(leaf_values)
    index = data.draw(st.integers(0, len(found)))
    if index == len(found):
        tag = data.draw(tags.filter(lambda tag: tag not in {a.tag for a in found}))
        other = [*found, attribute(tag, value)]
    else:
        old = found[index]
        other = [*found[:index], attribute(old.tag, value, old.group), *found[index + 1 :]]
        if value == old.value:
            assert hash_header(other, SEED).root == root
            return
    assert hash_header(other, SEED).root != root


def test_the_same_value_elsewhere_or_under_another_seed_looks_different() -> None:
    tree = hash_header([attribute(0x00100010, ("A",)), attribute(0x00100020, ("A",))], SEED)
    other = hash_header([attribute(0x00100010, ("A",))], bytes(32))
    assert len({digest for _, _, digest in (*tree.leaves, *other.leaves)}) == 3


@given(attributes)
def test_cbor_brings_back_the_tree(found: list[Attribute]) -> None:
    tree = hash_header(found, SEED)
    assert HeaderTree.from_cbor(cbor2.loads(cbor2.dumps(tree.to_cbor()))) == tree


@given(attributes, attributes)
def test_changes_are_exactly_the_differences(
    signed: list[Attribute], found: list[Attribute]
) -> None:
    groups = {a.tag: a.group for a in signed}
    found = [attribute(a.tag, a.value, groups.get(a.tag, a.group)) for a in found]
    old = {a.tag: a.value for a in signed if a.value is not None}
    new = {a.tag: a.value for a in found if a.value is not None}
    expected = {
        **{tag: Kind.REMOVED for tag in old if tag not in new},
        **{tag: Kind.ADDED for tag in new if tag not in old},
        **{tag: Kind.CHANGED for tag in old if tag in new and old[tag] != new[tag]},
    }
    changes = changed_attributes(hash_header(signed, SEED), found)
    assert {change.tag: change.kind for change in changes} == expected


def test_a_leaf_under_another_label_is_read_under_that_label() -> None:
    """So a value is never called changed for its label; that labels are right is asked first."""
    signed = hash_header([attribute(5, ("A",), Group.IDENTITY)], SEED)
    assert changed_attributes(signed, [attribute(5, ("A",), Group.REST)]) == ()
    (change,) = changed_attributes(signed, [attribute(5, ("B",), Group.REST)])
    assert change.kind is Kind.CHANGED
    (change,) = changed_attributes(signed, [attribute(5, None, Group.REST)])
    assert change.kind is Kind.REMOVED
    absent = hash_header([attribute(5, None, Group.IDENTITY)], SEED)
    assert changed_attributes(absent, []) == ()
    (change,) = changed_attributes(absent, [attribute(5, ("A",), Group.REST)])
    assert change.kind is Kind.ADDED


def test_changes_are_read_gravest_first() -> None:
    def header(value: str) -> list[Attribute]:
        tags_by_gravity = (0x00281050, 0x00100010, 0x00200062, 0x00100020, 0x00181164)
        found = [attribute(tag, (value,)) for tag in tags_by_gravity]
        return [*found, attribute(0, (value,), Group.PRIVATE)]

    changes = changed_attributes(hash_header(header("a"), SEED), header("b"))
    assert [(change.keyword, change.severity) for change in changes] == [
        ("ImagerPixelSpacing", Severity.CLINICAL),
        ("ImageLaterality", Severity.CLINICAL),
        ("PatientName", Severity.ADMINISTRATIVE),
        ("PatientID", Severity.ADMINISTRATIVE),
        ("WindowCenter", Severity.LOW),
        ("PrivateAttributes", Severity.INFORMATIONAL),
    ]


def test_a_bad_seed_or_a_repeated_attribute_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match=r"^the seed must have 32 bytes, not 31$"):
        hash_header([], bytes(31))
    words = "^a header tree holds each attribute once, and not too many$"
    with pytest.raises(UsageError, match=words):
        hash_header([attribute(1, None), attribute(1, None)], SEED)
    with pytest.raises(UsageError, match=words):
        hash_header([attribute(tag, None) for tag in range(8193)], SEED)


def _tree(**changes: object) -> list[object]:
    """Return a good tree's CBOR with some of its parts replaced, by their number."""
    tree = hash_header([attribute(1, (1,)), attribute(2, (2,))], SEED).to_cbor()
    for part, value in changes.items():
        tree[int(part[1:])] = value
    return tree


@pytest.mark.parametrize(
    "decoded",
    [
        None,
        [],
        {},
        "tree",
        _tree()[:-1],
        [*_tree(), [[], b""]],
        _tree(_0=2),
        _tree(_0=True),
        _tree(_0="1"),
        _tree(_1=bytes(31)),
        _tree(_1="0" * 32),
        _tree(_2=[[], b"x"]),
        _tree(_2=[[5], bytes(31)]),
        _tree(_2=[[], b"", 0]),
        _tree(_2=[["5"], bytes(32)]),
        _tree(_2=[[True], bytes(32)]),
        _tree(_2=[[-1], bytes(32)]),
        _tree(_2=[[1 << 32], bytes(32)]),
        _tree(_2=[[6, 5], bytes(64)]),
        _tree(_2=[[5, 5], bytes(64)]),
        _tree(_2=[[2], bytes(32)]),  # an attribute in two groups
        _tree(_2=[list(range(10, 8300)), bytes(32 * 8290)]),
        _tree(_2=[list(range(10, 8202)), bytes(32 * 8192)]),
    ],
)
def test_cbor_of_any_other_form_is_malformed(decoded: object) -> None:
    with pytest.raises(MalformedError):
        HeaderTree.from_cbor(decoded)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.binary(max_size=40) | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.integers(), inner),
        max_leaves=20,
    )
)
def test_anything_decoded_is_a_tree_or_malformed(decoded: object) -> None:
    try:
        HeaderTree.from_cbor(decoded)
    except MalformedError:
        return
    pytest.fail("chance does not make a header tree")


def test_the_leaves_of_a_real_header_stand_by_group_and_tag() -> None:
    tree = hash_header(canonical_attributes(Dataset()), SEED)
    order = list(Group)
    places = [(order.index(group), tag) for tag, group, _ in tree.leaves]
    assert places == sorted(places)
    assert places[-1] == (6, 0)


@pytest.mark.parametrize(
    ("before", "after", "severity"),
    [
        (None, "01", Severity.INFORMATIONAL),  # as GDCM notes on what was lossy before
        ("01", None, Severity.CLINICAL),
        ("01", "00", Severity.CLINICAL),
    ],
)
def test_a_note_of_lossy_compression_may_be_added_but_not_changed(
    before: str | None, after: str | None, severity: Severity
) -> None:
    def dataset(value: str | None) -> Dataset:
        made = Dataset()
        made.PatientID = "1"
        if value is not None:
            made.LossyImageCompression = value
        return made

    signed = hash_header(canonical_attributes(dataset(before)), bytes(32))
    (change,) = changed_attributes(signed, canonical_attributes(dataset(after)))
    assert (change.keyword, change.severity) == ("LossyImageCompression", severity)


def test_labels_are_those_of_the_table() -> None:
    """Every one in its group; what is not of the table only among the rest and the overlays."""
    tree = hash_header(canonical_attributes(Dataset()), SEED)
    require_labels(tree)

    def labelled(*more: Leaf, without: tuple[int, ...] = ()) -> HeaderTree:
        kept = [leaf for leaf in tree.leaves if leaf[0] not in without]
        return HeaderTree(SEED, (*kept, *more))

    digest = bytes(32)
    require_labels(labelled((0x00100011, Group.REST, digest)))
    require_labels(labelled((0x60FE3000, Group.DISPLAY, digest)))
    for tag, group, keyword, place in (
        (0x00100011, Group.DISPLAY, r"\(0010,0011\)", "rest"),
        (0x60FE3000, Group.REST, "OverlayData", "display"),
        (0x00091001, Group.PRIVATE, r"\(0009,1001\)", "rest"),
    ):
        words = f"{keyword} stands in group {group}, not in {place}"
        with pytest.raises(EvidenceError, match=words):
            require_labels(labelled((tag, group, digest)))
    moved = labelled((0x00100010, Group.REST, digest), without=(0x00100010,))
    with pytest.raises(EvidenceError, match="PatientName stands in group rest, not in identity"):
        require_labels(moved)
    for tag in (*attribute_table().signed, 0):
        with pytest.raises(EvidenceError) as caught:
            require_labels(labelled(without=(tag,)))
        keyword = attribute_table().describe(tag).keyword
        assert str(caught.value) == f"1 signed attribute(s) have no leaf in the annex: {keyword}"
    with pytest.raises(EvidenceError) as caught:
        require_labels(labelled(without=(0x00100010, 0x00100020, 0x00100030, 0x00100040)))
    assert str(caught.value) == (
        "4 signed attribute(s) have no leaf in the annex: PatientName, PatientID, PatientBirthDate"
    )


@pytest.mark.parametrize(
    ("group", "words"),
    [
        ([[1], b""], "group rest is not tags and their hashes"),
        ([[1.5], bytes(32)], "group rest holds a tag that is none"),
        ([[1 << 32], bytes(32)], "group rest holds a tag that is none"),
        ([[2, 1], bytes(64)], "the tags of group rest do not ascend"),
    ],
)
def test_what_is_wrong_with_a_group_is_said(group: object, words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        HeaderTree.from_cbor(_tree(_7=group))
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("decoded", "words"),
    [
        (_tree()[:-1], "a header tree is a version, a seed and seven groups"),
        (_tree(_0=2), "header tree version 2 is unknown"),
        (_tree(_2=[[2], bytes(32)]), "a header tree holds each attribute once, and not too many"),
    ],
)
def test_what_is_wrong_with_a_tree_is_said(decoded: object, words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        HeaderTree.from_cbor(decoded)
    assert str(caught.value) == words


def test_as_many_leaves_as_there_may_be() -> None:
    assert len(hash_header([attribute(tag, None) for tag in range(8192)], SEED).leaves) == 8192
    most = [list(range(8192)), bytes(32 * 8192)]
    assert len(HeaderTree.from_cbor(_tree(_7=most)).leaves) == 8192
