"""Changes of what the carrier holds that respect its formats: CBOR fields, lines of a receipt."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import cbor2

from benchmarks.mutations.attributes import NotPossibleError
from provenance.claims.annex import Annex
from provenance.dicom.carrier import Carrier, read_carrier, remove_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.hash_tree import root_of

Node = Any
Path = tuple[Any, ...]


def change_carrier(chance: Random, data: bytes) -> tuple[str, str, bytes]:
    """Return part, kind, and the file after one change of what its carrier holds."""
    instance = read_instance(data)
    values = read_carrier(instance.dataset)
    assert values is not None
    name, act = chance.choice(_ACTS)
    changed = act(chance, values)
    remove_carrier(instance.dataset)
    write_carrier(instance.dataset, changed)
    return name.split(":")[0], name, instance_bytes(instance)


def change_labels(chance: Random, data: bytes) -> tuple[str, str, bytes]:
    """Hide the leaf of an attribute, by its label or in an inner node, and remove the attribute."""
    instance = read_instance(data)
    values = read_carrier(instance.dataset)
    assert values is not None
    annex = Annex.decode(values.annex)
    leaves = list(annex.header.leaves)
    present = [i for i, (tag, _, _) in enumerate(leaves) if tag in instance.dataset]
    place = chance.choice(present)
    tag, group, digest = leaves[place]
    if chance.random() < 0.5:
        name = "annex: leaf under another label"
        label = tag + chance.choice((-1, 1, 2))
        if any(label == other for other, _, _ in leaves):
            raise NotPossibleError
        leaves[place] = (label, group, digest)
    else:
        name = "annex: leaves in an inner node"
        own = [i for i, leaf in enumerate(leaves) if leaf[1] is group]
        size = 1 << chance.randrange(1, max(2, len(own).bit_length() + 1))
        first = own[0] + (place - own[0]) // size * size
        last = min(first + size, own[-1] + 1)
        node = root_of([d for _, _, d in leaves[first:last]])
        label = chance.choice([leaf[0] for leaf in leaves[first:last]])
        leaves[first:last] = [(label, group, node)]
    for gone in {t for t, _, _ in annex.header.leaves} - {t for t, _, _ in leaves}:
        if gone in instance.dataset and gone not in (0x00080016, 0x00280004):
            del instance.dataset[gone]
    forged = replace(annex, header=replace(annex.header, leaves=tuple(leaves)))
    remove_carrier(instance.dataset)
    write_carrier(instance.dataset, replace(values, annex=forged.encode()))
    return "annex", name, instance_bytes(instance)


def _statement(chance: Random, values: Carrier) -> Carrier:
    """One field of the signed statement, within or beside its signature."""
    message = cbor2.loads(values.statement)
    part = chance.randrange(4)
    fields = list(message.value)
    if part in (0, 2):
        fields[part] = _dump(_changed(chance, cbor2.loads(fields[part])))
    elif part == 1:
        fields[1] = {chance.choice([4, 33, 394]): chance.randbytes(8)}
    else:
        fields[3] = _changed(chance, fields[3])
    return replace(values, statement=_dump(cbor2.CBORTag(message.tag, fields)))


def _annex(chance: Random, values: Carrier) -> Carrier:
    return replace(values, annex=_dump(_changed(chance, cbor2.loads(values.annex))))


def _annex_field(chance: Random, values: Carrier) -> Carrier:
    """A field of the annex at its first level: removed, added, or exchanged with another."""
    fields = cbor2.loads(values.annex)
    match chance.randrange(4):
        case 0:
            del fields[chance.choice(list(fields))]
        case 1:
            fields[chance.choice([0, 8, 9, -1])] = chance.choice([None, b"x", 1])
        case 2:
            fields[chance.choice(list(fields))] = None
        case _:
            first, second = chance.sample(list(fields), 2)
            fields[first], fields[second] = fields[second], fields[first]
    return replace(values, annex=_dump(fields))


def _certificates(chance: Random, values: Carrier) -> Carrier:
    fields = cbor2.loads(values.annex)
    certificates = fields[5]
    match chance.randrange(4):
        case 0:
            certificates.append(chance.randbytes(64))
        case 1:
            certificates.append(certificates[0])
        case 2:
            certificates.insert(0, certificates[0])
        case _:
            certificates[0] = _changed(chance, certificates[0])
    return replace(values, annex=_dump(fields))


def _receipt(chance: Random, values: Carrier) -> Carrier:
    """A line of the receipt: removed, twice, moved, or with another character."""
    if values.receipt is None:
        raise NotPossibleError
    lines = values.receipt.split(b"\n")
    at = chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines.insert(at, lines.pop(chance.randrange(len(lines))))
        case 3:
            lines.insert(at, chance.choice([b"", b"x", b"extra AAAA"]))
        case 4:
            signatures = [i for i, line in enumerate(lines) if line.startswith("\u2014".encode())]
            if not signatures:
                raise NotPossibleError
            del lines[chance.choice(signatures)]
        case _:
            line = bytearray(lines[at] or b" ")
            line[chance.randrange(len(line))] = chance.choice(b"0123456789ABCabc+/= ")
            lines[at] = bytes(line)
    receipt = b"\n".join(lines)
    if not receipt:
        raise NotPossibleError
    return replace(values, receipt=receipt)


def _no_receipt(chance: Random, values: Carrier) -> Carrier:
    return replace(values, receipt=None)


def _restore(chance: Random, values: Carrier) -> Carrier:
    if values.restore is None:
        return replace(values, restore=chance.randbytes(40))
    if chance.random() < 0.3:
        return replace(values, restore=None)
    return replace(values, restore=_changed(chance, values.restore))


def _exchanged(chance: Random, values: Carrier) -> Carrier:
    """Two parts of the carrier change places."""
    if values.receipt is None:
        raise NotPossibleError
    parts = [values.statement, values.annex, values.receipt]
    first, second = chance.sample(range(3), 2)
    parts[first], parts[second] = parts[second], parts[first]
    statement, annex, receipt = parts
    return Carrier(statement, annex, receipt, restore=values.restore)


def _not_deterministic(chance: Random, values: Carrier) -> Carrier:
    """The same fields in a longer encoding."""
    name = chance.choice(("statement", "annex"))
    value = getattr(values, name)
    at = value.find(b"\x01")
    longer = value[:at] + b"\x18\x01" + value[at + 1 :]
    return replace(values, **{name: longer})


_ACTS: tuple[tuple[str, Callable[[Random, Carrier], Carrier]], ...] = (
    ("statement: field", _statement),
    ("statement: field", _statement),
    ("annex: node", _annex),
    ("annex: node", _annex),
    ("annex: field", _annex_field),
    ("annex: certificates", _certificates),
    ("receipt: line", _receipt),
    ("receipt: line", _receipt),
    ("receipt: removed", _no_receipt),
    ("restore: changed", _restore),
    ("carrier: parts exchanged", _exchanged),
    ("carrier: longer encoding", _not_deterministic),
)


def _dump(value: Node) -> bytes:
    return cbor2.dumps(value, canonical=True)


def _changed(chance: Random, value: Node) -> Node:
    """Return the value with one node of it changed."""
    paths = list(_paths(value))
    path = chance.choice(paths)
    return _at(value, path, lambda node: _other(chance, node))


def _paths(value: Node, path: Path = ()) -> list[Path]:
    found: list[Path] = [path]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _paths(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            found += _paths(inner, (*path, index))
    return found


def _at(value: Node, path: Path, change: Callable[[Node], Node]) -> Node:
    if not path:
        return change(value)
    if isinstance(value, dict):
        return {k: _at(v, path[1:], change) if k == path[0] else v for k, v in value.items()}
    return [_at(v, path[1:], change) if i == path[0] else v for i, v in enumerate(value)]


def _other(chance: Random, node: Node) -> Node:
    match node:
        case bool():
            return not node
        case int():
            return chance.choice([node + 1, node - 1, 0, -1, 1 << 32, 2**63, None])
        case bytes() if node:
            at = chance.randrange(len(node))
            flipped = node[:at] + bytes([node[at] ^ 1 << chance.randrange(8)]) + node[at + 1 :]
            return chance.choice([flipped, flipped, node[:-1], node + b"\0", b"", None])
        case str():
            return chance.choice([node + "x", node[:-1], "", node.upper(), None])
        case list() | tuple() if node:
            items = list(node)
            at = chance.randrange(len(items))
            match chance.randrange(4):
                case 0:
                    del items[at]
                case 1:
                    items.insert(at, items[at])
                case 2:
                    items[at], items[0] = items[0], items[at]
                case _:
                    items.append(None)
            return items
        case dict() if node:
            changed = dict(node)
            key = chance.choice(list(changed))
            match chance.randrange(3):
                case 0:
                    del changed[key]
                case 1:
                    changed[chance.randrange(90, 99)] = 1
                case _:
                    changed[key] = None
            return changed
        case _:
            return chance.choice([0, b"\0" * 32, "x", [], {}, True])
