"""Makes tests/vectors/witness: a transcript of add-checkpoint, checkpoints held against a policy.

ML-DSA signatures draw randomness, so that a new run gives other, equally good bytes.

Usage: python tests/ledger/make_witness_vectors.py
"""

import hashlib
import json
from pathlib import Path

from ledger import AddCheckpoint, Checkpoint, Cosigner, LogKeys, hash_leaf, merkle_root, parse_note
from ledger.checkpoints.note import Note
from ledger.tree.tiles import TreeBuilder, consistency_path

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "witness"
ORIGIN = "log.example/1"
TIME = 1_700_000_000


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def log(name: str) -> LogKeys:
    return LogKeys.from_seeds(ORIGIN, ed25519_seed=seed(name + "1"), mldsa44_seed=seed(name + "6"))


def witness(name: str) -> Cosigner:
    return Cosigner.from_seeds(name, ed25519_seed=seed(name + "4"), mldsa44_seed=seed(name + "6"))


LOG, IMPOSTOR = log("log"), log("impostor")


class Tree:
    def __init__(self, fork: str = "") -> None:
        self.leaves = [hash_leaf(f"{n}{fork if n >= 3 else ''}".encode()) for n in range(30)]

    def root(self, size: int) -> bytes:
        return merkle_root(self.leaves[:size])

    def path(self, old: int, new: int) -> tuple[bytes, ...]:
        tiles = dict(TreeBuilder().extend(self.leaves[:new]))
        return consistency_path(old, new, lambda level, number: tiles[level, number])

    def note(self, size: int, keys: LogKeys = LOG) -> bytes:
        return keys.sign_checkpoint(size=size, root=self.root(size), timestamp=TIME)


TREE, FORK = Tree(), Tree("fork")


def transcript() -> dict[str, object]:
    steps: list[tuple[str, int, str | None, bytes]] = []

    def step(name: str, status: int, old: int, note: bytes, *path: bytes, says: str = "") -> None:
        steps.append((name, status, says or None, bytes(AddCheckpoint(old, path, note))))

    stranger = LogKeys.from_seeds(
        "other.example/1", ed25519_seed=seed("other1"), mldsa44_seed=seed("other6")
    )
    both = parse_note(TREE.note(5))
    step("unknown log", 404, 0, TREE.note(5, stranger))
    step("another key", 403, 0, TREE.note(5, IMPOSTOR))
    step("ed25519 alone", 403, 0, bytes(Note(both.text, both.signatures[:1])))
    step("old above size", 400, 6, TREE.note(5))
    step("old size unknown here", 409, 3, TREE.note(5), *TREE.path(3, 5), says="0\n")
    step("proof from nothing", 422, 0, TREE.note(5), bytes(32))
    step("first", 200, 0, TREE.note(5))
    step("the same again", 200, 5, TREE.note(5))
    step("same size, other root", 409, 5, FORK.note(5), says="5\n")
    step("old size forgotten", 409, 0, TREE.note(12), says="5\n")
    step("no proof", 422, 5, TREE.note(12))
    step("fork", 422, 5, FORK.note(12), *FORK.path(5, 12))
    step("growth", 200, 5, TREE.note(12), *TREE.path(5, 12))
    step("back", 409, 5, TREE.note(5), says="12\n")
    step("proof that is too long", 422, 12, TREE.note(29), *TREE.path(12, 29), bytes(32))
    step("growth again", 200, 12, TREE.note(29), *TREE.path(12, 29))
    return {
        "about": "add-checkpoint of docs/spec/witness.md, in order against one witness",
        "vkeys": list(LOG.vkeys),
        "steps": [
            {"name": name, "request_body": body.decode(), "status": status}
            | ({} if answer is None else {"response_body": answer})
            for name, status, answer, body in steps
        ],
    }


def quorums() -> dict[str, object]:
    a, b, c = witness("a.example"), witness("b.example"), witness("c.example")
    note = parse_note(TREE.note(5))
    here, there = (Checkpoint(ORIGIN, 5, tree.root(5)) for tree in (TREE, FORK))

    def with_(*lines: object) -> str:
        return bytes(Note(note.text, (*note.signatures, *lines))).decode()  # type: ignore[arg-type]

    policy = (
        f"log {LOG.vkeys[0]}\nlog {LOG.vkeys[1]}\n"
        f"witness a4 {a.vkeys[0]}\nwitness a6 {a.vkeys[1]}\n"
        f"group a any a4 a6\nwitness b {b.vkeys[0]}\nwitness c {c.vkeys[1]}\n"
        "group g 2 a b c\nquorum g\n"
    )
    lines = {each: each.cosign(here, timestamp=TIME) for each in (a, b, c)}
    replayed = b.cosign(there, timestamp=TIME)
    cases = [
        ("a-and-b", with_(*lines[a], *lines[b]), "quorum"),
        ("b-and-c", with_(lines[b][0], lines[c][1]), "quorum"),
        ("a6-and-c", with_(lines[c][1], lines[a][1]), "quorum"),
        ("nobody_fail", with_(), "no-quorum"),
        ("one_fail", with_(*lines[b]), "no-quorum"),
        ("one-with-both-keys_fail", with_(*lines[a]), "no-quorum"),
        ("one-line-twice_fail", with_(lines[b][0], lines[b][0]), "no-quorum"),
        ("keys-not-named_fail", with_(lines[b][1], lines[c][0], lines[a][0]), "no-quorum"),
        ("of-another-root_fail", with_(lines[a][0], replayed[0], lines[c][1]), "proof"),
    ]
    return {
        "about": "checkpoints held against one policy of docs/spec/witness.md",
        "policy": policy,
        "cases": [{"name": n, "checkpoint": text, "expect": e} for n, text, e in cases],
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in (("transcript", transcript()), ("quorums", quorums())):
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
