"""Labels of the annex against attributes that are removed: the root binds the leaves alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pydicom
import pytest

from provenance import Site, Word, seal, verify
from provenance.claims.annex import Annex
from provenance.dicom.attribute_table import Group
from provenance.dicom.carrier import Carrier, read_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.hash_tree import root_of
from provenance.header_tree import Leaf

Make = Callable[..., bytes]
Edit = Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes]
INFORMATIONAL = {Group.ACQUISITION: 0x00082111, Group.DISPLAY: 0x00880200, Group.PRIVATE: 0}
LATERALITY, OVERLAYS = 0x00200062, (0x60000022, 0x60001500)


@pytest.fixture(scope="module")
def sealed(site: Site, make_dicom: Make, edit: Edit) -> bytes:
    data = make_dicom(ImageType=["ORIGINAL", "PRIMARY"], RescaleSlope="2", RescaleIntercept="-5")
    for tag in OVERLAYS:
        data = edit(data, lambda d, tag=tag: d.add_new(tag, "LO", "lesion outlined"))
    with site.device() as device:
        return seal(data, device=device, profile="none").to_bytes()


def forged(data: bytes, leaves: Sequence[Leaf], *, without: Sequence[int]) -> bytes:
    """Put other leaves into the annex, under the very root that was signed, and remove."""
    instance = read_instance(data)
    values = read_carrier(instance.dataset)
    assert values is not None
    annex = Annex.decode(values.annex)
    other = replace(annex, header=replace(annex.header, leaves=tuple(leaves)))
    assert other.root == annex.root
    write_carrier(
        instance.dataset,
        Carrier(values.statement, other.encode(), values.receipt, values.restore),
    )
    for tag in without:
        if tag in instance.dataset:
            del instance.dataset[tag]
    return instance_bytes(instance)


def leaves_of(data: bytes) -> tuple[Leaf, ...]:
    values = read_carrier(read_instance(data).dataset)
    assert values is not None
    return Annex.decode(values.annex).header.leaves


def merged(leaves: Sequence[Leaf], run: range, label: int) -> list[Leaf]:
    """Put an inner node in place of the leaves below it."""
    part = [leaves[i] for i in run]
    node = (label, part[0][1], root_of([digest for _, _, digest in part]))
    return [*leaves[: run.start], node, *leaves[run.stop :]]


@pytest.mark.parametrize("group", list(Group))
def test_a_group_under_one_label(sealed: bytes, site: Site, group: Group) -> None:
    """The root of a group is the root of one leaf, if that leaf is the root."""
    leaves = leaves_of(sealed)
    places = [i for i, leaf in enumerate(leaves) if leaf[1] is group]
    if len(places) < 2:
        return
    run = range(places[0], places[-1] + 1)
    gone = [leaves[i][0] for i in run if leaves[i][0] not in (0x00080016, 0x00280004)]
    forgery = forged(
        sealed, merged(leaves, run, INFORMATIONAL.get(group, leaves[places[0]][0])), without=gone
    )
    assert verify(forgery, trust=site.trust).word is Word.ALTERED


def test_a_leaf_under_another_label(sealed: bytes, site: Site) -> None:
    """The side is removed, and its leaf is said to be that of something administrative."""
    leaves = [(0x00200063, g, d) if t == LATERALITY else (t, g, d) for t, g, d in leaves_of(sealed)]
    forgery = forged(sealed, leaves, without=[LATERALITY])
    assert verify(forgery, trust=site.trust).word is Word.ALTERED


@pytest.mark.parametrize("label", [0x00100011, 0x00200063, 0x50000022])
def test_a_label_in_the_group_of_another(sealed: bytes, site: Site, label: int) -> None:
    """All labels of the table are there, and one of `rest` that stands among the display's."""
    leaves = leaves_of(sealed)
    display = [leaf for leaf in leaves if leaf[1] is Group.DISPLAY]
    labels = sorted({label, *(tag for tag, _, _ in display)} - {OVERLAYS[0]})
    relabelled = [(tag, g, d) for tag, (_, g, d) in zip(labels, display, strict=True)]
    start = leaves.index(display[0])
    forgery = [*leaves[:start], *relabelled, *leaves[start + len(display) :]]
    verdict = verify(forged(sealed, forgery, without=[OVERLAYS[0]]), trust=site.trust)
    assert verdict.word is Word.ALTERED
    assert any("stands in group display" in check.detail for check in verdict.checks)


def test_overlays_merged_with_each_other(sealed: bytes, site: Site) -> None:
    """What can be merged stands under a label of its own, which is as grave."""
    leaves = leaves_of(sealed)
    display = [i for i, leaf in enumerate(leaves) if leaf[1] is Group.DISPLAY]
    assert [leaves[i][0] for i in display[-2:]] == list(OVERLAYS)
    assert len(display) % 2 == 0  # so they are neighbours in the tree, and of no attribute else
    run = range(display[-2], display[-1] + 1)
    forgery = forged(sealed, merged(leaves, run, OVERLAYS[0]), without=OVERLAYS)
    assert verify(forgery, trust=site.trust).word is Word.HEADER_CHANGED


def test_the_same_removal_without_forgery(sealed: bytes, site: Site) -> None:
    without = forged(sealed, leaves_of(sealed), without=[LATERALITY])
    assert verify(without, trust=site.trust).word is Word.ALTERED
    assert verify(sealed, trust=site.trust).word is Word.AUTHENTIC
