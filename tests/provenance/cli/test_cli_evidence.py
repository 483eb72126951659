"""The verbs about a site's evidence, from init to demo."""

import json
import shutil
import sqlite3
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pydicom.data
import pytest
from click.testing import CliRunner, Result

from ledger import (
    hash_leaf,
    merkle_root,
    open_cose_receipt,
    open_receipt,
    parse_receipt,
    parse_statement,
)
from provenance import Site, UnreadableError
from provenance.cli.root import cli
from provenance.dicom.carrier import read_carrier
from provenance.dicom.read import read_instance
from provenance.errors import Unreadable
from provenance.pictures.picture_file import probe_picture, read_picture

IMAGES = Path(pydicom.data.__file__).parent / "test_files"
CT, OVERLAY = IMAGES / "CT_small.dcm", IMAGES / "examples_overlay.dcm"


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


def answer(*words: object, code: int = 0) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert (found["exit_code"], found["tool"]["name"]) == (code, "radseal")
    assert result.stderr == ""
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence") / "site"
    found = answer("init", folder, "--name", "north")
    assert found["schema"] == "radseal/init/1"
    return folder


@pytest.fixture(scope="module")
def sealed(site: Path) -> Path:
    out = site.parent / "sealed"
    marked = run("seal", OVERLAY, "-o", out, "--site", site, "--watermark", "radiograph")
    assert marked.exit_code == 0, marked.output
    assert run("seal", CT, "-o", out, "--site", site).exit_code == 0
    return out / OVERLAY.name


@pytest.fixture(scope="module")
def seal_id(sealed: Path) -> str:
    return str(answer("inspect", sealed)["statement"]["seal_id"])


def test_init(tmp_path: Path) -> None:
    result = run("init", tmp_path / "s", "--algorithm", "esp256")
    assert result.exit_code == 0
    assert "RADSEAL_SITE=" in result.stdout
    assert Site.open(tmp_path / "s").name == "s"
    keys = [tmp_path / "s/keys", *(tmp_path / "s/keys").iterdir()]
    assert all(stat.S_IMODE(k.stat().st_mode) & 0o077 == 0 for k in keys)
    assert run("init", tmp_path / "s").exit_code == 2


def test_inspect(sealed: Path, seal_id: str) -> None:
    shown = run("inspect", sealed).stdout
    assert shown.startswith("not verified")
    found = answer("inspect", sealed)
    assert found["verified"] is False
    assert found["statement"]["event"] == "sealed"
    assert found["statement"]["mark"]["profile"] == "radiograph"
    assert found["annex"]["tile_hashes"] == 40
    assert [c["role"] for c in found["certificates"]] == ["device"]
    assert found["receipt"]["index"] == 5
    assert found["receipt"]["checkpoint"][1] == "6"
    assert len(found["receipt"]["signature_lines"]) == 2
    for words in (seal_id, "claimed time", "north device", "tile hashes", "radseal-mark-2"):
        assert words in shown


def test_inspect_believes_nothing(sealed: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(sealed)
    block = dataset.private_block(0x5253, "RADSEAL 1")
    value = bytearray(block[0x01].value)
    value[-2] ^= 1  # the signature no longer verifies; the last byte may be padding
    block[0x01].value = bytes(value)
    dataset.save_as(tmp_path / "f.dcm")
    assert answer("inspect", tmp_path / "f.dcm")["statement"] is not None
    value[10] ^= 0xFF
    block[0x01].value = bytes(value)
    block[0x03].value = b"\0\0\0\4none"
    dataset.save_as(tmp_path / "f.dcm")
    found = answer("inspect", tmp_path / "f.dcm", code=17)
    assert [p.partition(":")[0] for p in found["problems"]] == ["statement", "receipt"]
    assert "cannot be read: statement" in run("inspect", tmp_path / "f.dcm").stdout


def test_trace(site: Path, sealed: Path, seal_id: str) -> None:
    uid = pydicom.dcmread(sealed, stop_before_pixels=True).StudyInstanceUID
    for subject in (sealed, seal_id, uid, OVERLAY):
        (found,) = answer("trace", subject, "--site", site)["objects"]
        assert (found["seal_id"], found["complete"]) == (seal_id, True)
        (event,) = found["events"]
        assert (event["event"], event["role"], event["index"]) == ("sealed", "device", 5)
    assert "the chain is complete" in run("trace", sealed, "--site", site).stdout


def test_trace_with_a_gap(site: Path, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger import Log

    events = Log.events
    monkeypatch.setattr(Log, "events", lambda self, id_: events(self, id_) * 2)
    assert answer("trace", sealed, "--site", site, code=12)["objects"][0]["complete"] is False
    shown = run("trace", sealed, "--site", site).stdout
    assert "NOT COMPLETE" in shown
    assert "FAIL: does not name its predecessor" in shown


def test_restore(site: Path, sealed: Path, seal_id: str, tmp_path: Path) -> None:
    out = tmp_path / "r.dcm"
    found = answer("restore", sealed, "-o", out, "--site", site)
    assert (found["seal_id"], found["was_marked"]) == (seal_id, True)
    original = pydicom.dcmread(OVERLAY).pixel_array
    assert np.array_equal(pydicom.dcmread(out).pixel_array, original)
    assert not np.array_equal(pydicom.dcmread(sealed).pixel_array, original)
    before = out.read_bytes()
    assert run("restore", sealed, "-o", out, "--site", site).exit_code == 2
    assert out.read_bytes() == before
    assert run("restore", sealed, "-o", out, "--site", site, "--force").exit_code == 0
    unmarked = run("restore", sealed.parent / CT.name, "-o", tmp_path / "c.dcm", "--site", site)
    assert "sealed unmarked" in unmarked.stdout


def test_restore_refuses_what_was_changed(site: Path, sealed: Path, tmp_path: Path) -> None:
    assert run("tamper", "pixel", sealed, "-o", tmp_path / "f.dcm").exit_code == 0
    answer("restore", tmp_path / "f.dcm", "-o", tmp_path / "r.dcm", "--site", site, code=10)
    assert not (tmp_path / "r.dcm").exists()


def test_watermark_read(site: Path, sealed: Path, seal_id: str, tmp_path: Path) -> None:
    found = answer("watermark", "read", sealed, "--site", site)
    assert (found["seal_id"], found["log_index"]) == (seal_id, 5)
    assert found["false_alarm_log10"] < -12
    result = run("watermark", "read", sealed, "--site", site)
    assert f"names seal {seal_id}" in result.stdout
    none = answer("watermark", "read", CT, "--site", site, code=11)
    assert none["seal_id"] is None
    assert "does not mean" in run("watermark", "read", CT, "--site", site).stdout


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_watermark_in_pictures(
    site: Path, sealed: Path, seal_id: str, tmp_path: Path, suffix: str
) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    assert run("tamper", "screenshot", sealed, "-o", tmp_path / "s.png").exit_code == 0
    grey = read_picture(tmp_path / "s.png")
    grey = grey if grey.ndim == 2 else grey[..., 0]
    rgb = np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2).astype(np.uint8))
    match suffix:
        case "png":  # with an alpha channel, which says nothing
            encoded = imagecodecs.png_encode(np.dstack([rgb, rgb[..., :1]]))
        case "jpg":
            encoded = imagecodecs.jpeg8_encode(rgb, level=90)
        case _:
            encoded = tiff_bytes(grey.astype(np.uint8))
    path = tmp_path / f"s.{suffix}"
    path.write_bytes(encoded)
    assert answer("watermark", "read", path, "--site", site)["seal_id"] == seal_id


def tiff_bytes(grey: np.ndarray[Any, Any]) -> bytes:
    """The smallest baseline TIFF (TIFF 6.0, section 4): one strip, no compression."""
    rows, columns = grey.shape
    tags = {256: columns, 257: rows, 258: 8, 259: 1, 262: 1, 273: 134, 277: 1, 278: rows}
    tags |= {279: rows * columns, 284: 1}
    data = b"II*\0" + (8).to_bytes(4, "little") + len(tags).to_bytes(2, "little")
    for tag, value in sorted(tags.items()):
        data += b"".join(v.to_bytes(n, "little") for v, n in ((tag, 2), (4, 2), (1, 4), (value, 4)))
    return (data + bytes(4)).ljust(134, b"\0") + grey.tobytes()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + b"\xff" * 20, Unreadable.TOO_LARGE),
        (b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR" + bytes(20), Unreadable.TOO_LARGE),
        (b"\x89PNG\r\n\x1a\n\0", Unreadable.TRUNCATED),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), Unreadable.CODESTREAM),
        (
            b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IHDR\0\0\0\x40\0\0\0\x40\x08\0",
            Unreadable.CODESTREAM,
        ),
        (b"\xff\xd8\xff", Unreadable.TRUNCATED),
        (b"\xff\xd8\xff\xe0\0\0\xff\xe0\0\0", Unreadable.TRUNCATED),
        (b"\xff\xd8\xff\xe0\0\2" + bytes(9), Unreadable.CODESTREAM),
        (b"\xff\xd8" + b"\xff" * 900, Unreadable.TRUNCATED),
        (b"II*\0\xff\xff\xff\xff", Unreadable.TRUNCATED),
        (b"MM\0*\0\0\0\x08\xff\xff" + bytes(100), Unreadable.CODESTREAM),
        (b"MM\0*\0\0\0\x08\0\1" + bytes(100), Unreadable.CODESTREAM),
    ],
)
def test_pictures_are_bounded(tmp_path: Path, data: bytes, code: Unreadable) -> None:
    path = tmp_path / "p"
    path.write_bytes(data)
    with pytest.raises(UnreadableError) as caught:
        read_picture(path)
    assert caught.value.code is code


def test_pictures_of_any_prefix_end_in_our_error() -> None:
    whole = tiff_bytes(np.zeros((8, 8), np.uint8))
    for length in range(len(whole) - 64):
        for data in (whole[:length], b"\xff\xd8\xff" + whole[3:length]):
            try:
                probe_picture(data)
            except UnreadableError:
                continue


def test_log_head(site: Path, sealed: Path) -> None:
    found = answer("log", "head", "--site", site)
    assert (found["size"], found["unsigned_entries"]) == (7, 0)
    assert found["checkpoint"].splitlines()[:2] == [found["origin"], "7"]
    shown = run("log", "head", "--site", site).stdout
    assert found["origin"] in shown
    assert found["root"] in shown


def test_log_prove(site: Path, sealed: Path, tmp_path: Path) -> None:
    carrier = read_carrier(read_instance(sealed).dataset)
    assert carrier is not None
    proof = answer("log", "prove", "5", "--site", site)["proof"].encode()
    inclusion = open_receipt(carrier.statement, proof, logs=Site.open(site).trust.logs)
    assert inclusion.index == 5
    assert run("log", "prove", "5", "--site", site).stdout.encode() == proof
    out = tmp_path / "p"
    assert run("log", "prove", "5", "-o", out, "--site", site).exit_code == 0
    assert parse_receipt(out.read_bytes()).index == 5
    assert run("log", "prove", "4", "-o", out, "--site", site).exit_code == 2
    assert parse_receipt(out.read_bytes()).index == 5
    assert run("log", "prove", "4", "-o", out, "--force", "--site", site).exit_code == 0
    assert parse_receipt(out.read_bytes()).index == 4
    assert [p.name for p in tmp_path.iterdir()] == ["p"]
    assert answer("log", "prove", "5", "--size", "6", "--site", site)["index"] == 5
    answer("log", "prove", "5", "--size", "5", "--site", site, code=16)


def test_log_prove_in_the_form_of_cose(site: Path, sealed: Path, tmp_path: Path) -> None:
    carrier = read_carrier(read_instance(sealed).dataset)
    assert carrier is not None
    seal_id = parse_statement(carrier.statement).object_id
    assert seal_id is not None
    out = tmp_path / "r.cose"
    made = run("log", "prove", seal_id.hex(), "--form", "cose", "-o", out, "--site", site)
    assert made.exit_code == 0, made.output
    logs = Site.open(site).trust.logs
    assert open_cose_receipt(carrier.statement, out.read_bytes(), logs=logs).index == 5
    found = answer("log", "prove", "5", "--form", "cose", "--site", site)
    assert bytes.fromhex(found["proof"]) == out.read_bytes()  # Ed25519 draws nothing
    assert run("log", "prove", "5", "--form", "cose", "--site", site).exit_code == 2
    assert answer("log", "prove", seal_id.hex(), "--site", site)["index"] == 5
    answer("log", "prove", "00" * 12, "--site", site, code=16)
    assert run("log", "prove", "five", "--site", site).exit_code == 2


def test_log_upgrade(site: Path, sealed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "site"
    shutil.copytree(site, copy)
    database = sqlite3.connect(copy / "ledger.sqlite")
    for statement in (
        *(f"DROP INDEX radseal_statement_{n}" for n in ("by_event", "by_time", "late_seal")),
        *(f"ALTER TABLE radseal_statement DROP COLUMN {n}" for n in ("event", "claimed_at")),
        *(f"DROP TABLE radseal_{n}" for n in ("timestamp", "pruning", "alarm", "inbox", "lease")),
        "UPDATE radseal_log SET format = 1",
    ):
        database.execute(statement)
    database.commit()
    database.close()
    error = answer("log", "head", "--site", copy, code=15)["error"]
    assert "radseal log upgrade" in error["why"]
    assert answer("log", "upgrade", "--site", copy)["size"] == 7
    assert answer("log", "upgrade", "--site", copy)["size"] == 7
    assert answer("log", "audit", "--site", copy)["ok"]


def test_log_query(site: Path, sealed: Path, seal_id: str) -> None:
    found = answer("log", "query", "--event", "sealed", "--site", site)
    assert [entry["index"] for entry in found["entries"]] == [5, 6]
    assert found["next"] is None
    first = found["entries"][0]
    assert (first["object"], first["role"], first["actor"]) == (seal_id, "device", "north device")
    one = answer("log", "query", "--event", "sealed", "--limit", "1", "--site", site)
    assert (len(one["entries"]), one["next"]) == (1, 5)
    rest = answer("log", "query", "--event", "sealed", "--after", "5", "--site", site)
    assert [entry["index"] for entry in rest["entries"]] == [6]
    for words in (
        *(("--object", seal_id), ("--device", "north device", "--until", "2100-01-01")),
        *(("--actor", first["key"][:8]), ("--actor", "device", "--since", "2020-01-01")),
    ):
        entries = answer("log", "query", *words, "--site", site)["entries"]
        assert entries[0] == first, words
    assert answer("log", "query", "--since", "2100-01-01", "--site", site)["entries"] == []
    assert answer("log", "query", "--verdict", "ALTERED", "--site", site)["entries"] == []
    answer("log", "query", "--actor", "nobody", "--site", site, code=16)
    for words in (("--object", "5"), ("--event", "sealed", "--verdict", "X"), ("--event", "no")):
        assert run("log", "query", *words, "--site", site).exit_code == 2
    shown = run("log", "query", "--limit", "2", "--site", site).stdout
    assert shown.splitlines()[-1] == "2 entries; there are more: go on with --after 1"


def test_log_audit(site: Path, sealed: Path, tmp_path: Path) -> None:
    found = answer("log", "audit", "--site", site)
    assert (found["ok"], found["size"], found["held_checkpoints"]) == (True, 7, 0)
    assert "proves nothing against the operator" in run("log", "audit", "--site", site).stdout
    held = tmp_path / "held"
    held.write_text(answer("log", "head", "--site", site)["checkpoint"], encoding="utf-8")
    found = answer("log", "audit", "--held", held, "--site", site)
    assert (found["ok"], found["held_checkpoints"]) == (True, 1)
    found = answer("log", "audit", "--held", held, "--hashes", "--jobs", "2", "--site", site)
    assert (found["ok"], found["held_checkpoints"], found["checked"]) == (True, 1, "hashes")
    held.write_bytes(b"none\n")
    assert run("log", "audit", "--held", held, "--site", site).exit_code == 2
    assert run("log", "audit", "--hashes", "--state", held, "--site", site).exit_code == 2


def test_log_audit_goes_on_from_its_state(site: Path, sealed: Path, tmp_path: Path) -> None:
    state, copy = tmp_path / "state", tmp_path / "site"
    with Site.open(site).records().log:
        pass
    shutil.copytree(site, copy)
    assert answer("log", "audit", "--state", state, "--site", copy)["start"] == 0
    before = state.read_bytes()
    assert run("seal", CT, "-o", tmp_path / "out", "--site", copy).exit_code == 0
    found = answer("log", "audit", "--state", state, "--site", copy)
    assert (found["start"], found["size"], found["held_checkpoints"]) == (7, 8, 1)
    assert state.read_bytes() != before
    shown = run("log", "audit", "--state", state, "--site", copy).stdout
    assert "0 new entries; of the 8 before, that their tree is the one seen last" in shown
    assert answer("log", "audit", "--state", state, "--full", "--site", copy)["start"] == 0
    newest = state.read_bytes()
    # the site goes back to what it was, with all its keys: only the auditor notices
    shutil.rmtree(copy)
    shutil.copytree(site, copy)
    assert answer("log", "audit", "--site", copy)["ok"]
    for words in ((), ("--full",)):
        found = answer("log", "audit", "--state", state, *words, "--site", copy, code=10)
        assert [f["code"] for f in found["findings"]] == ["held-checkpoint"]
    assert state.read_bytes() == newest
    state.write_bytes(b"none")
    assert run("log", "audit", "--state", state, "--site", copy).exit_code == 2


def test_log_audit_finds_what_was_changed(site: Path, sealed: Path, tmp_path: Path) -> None:
    with Site.open(site).records().log:
        pass
    shutil.copytree(site, tmp_path / "site")
    database = sqlite3.connect(tmp_path / "site/ledger.sqlite")
    (table,) = database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '%statement%'"
    ).fetchone()
    (encoded,) = database.execute(f"SELECT encoded FROM {table} WHERE idx = 5").fetchone()
    forged = encoded[:-1] + bytes([encoded[-1] ^ 1])
    changed = database.execute(f"UPDATE {table} SET encoded = ? WHERE idx = 5", (forged,)).rowcount
    database.commit()
    database.close()
    assert changed == 1
    found = answer("log", "audit", "--site", tmp_path / "site", code=10)
    assert 5 in {f["index"] for f in found["findings"]}
    shown = run("log", "audit", "--site", tmp_path / "site").stdout
    assert shown.startswith("FAIL  log audit: FINDINGS")
    assert "  do: " in shown


def test_log_monitor(site: Path, sealed: Path, tmp_path: Path) -> None:
    exported, copy, trust = tmp_path / "log", tmp_path / "copy", site / "trust"
    follow = ("log", "monitor", "--copy", copy, "--trust", trust)
    assert run("log", "export", exported, "--site", site).exit_code == 0
    found = answer(*follow, exported)
    assert (found["before"], found["size"], found["alarm"]) == (0, 7, None)
    assert answer(*follow, site)["before"] == 7
    other = tmp_path / "other"
    shutil.copytree(site, other)
    assert run("seal", CT, "-o", tmp_path / "out", "--site", other).exit_code == 0
    assert answer(*follow, other / "ledger.sqlite")["size"] == 8
    assert "goes on from what was seen" in run(*follow, other).stdout
    found = answer(*follow, site, code=10)  # the site without what the other one added
    assert found["alarm"] == "the log shows 7 entries, and 8 were seen"
    shown = run(*follow, exported)
    assert (shown.exit_code, shown.stdout.split()[:2]) == (10, ["FAIL", "ALARM:"])
    assert len(list((copy / "alarms").iterdir())) == 1
    assert run(*follow, tmp_path).exit_code == 16  # no checkpoint there


def test_log_check(site: Path, sealed: Path, tmp_path: Path) -> None:
    exported, trust = tmp_path / "log", site / "trust"
    assert run("log", "export", exported, "--site", site).exit_code == 0
    for source in (exported, site, site / "ledger.sqlite"):
        found = answer("log", "check", source, "--trust", trust, "--jobs", "2")
        assert (found["size"], found["forbidden"], found["why"]) == (7, None, None)
    assert (
        "7 entries, and each keeps the rules"
        in run("log", "check", exported, "--trust", trust).stdout
    )
    (bundle,) = (exported / "tile/entries").rglob("*.p/7")
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"?")
    shown = run("log", "check", exported, "--trust", trust)
    assert shown.exit_code == 15  # nothing is said of statements that were not signed
    assert "do not lead to the signed checkpoint" in shown.stderr


def test_log_check_names_what_an_operator_let_in(site: Path, sealed: Path, tmp_path: Path) -> None:
    """The operator holds the log's keys, and so signs whatever its database holds."""
    with Site.open(site).reading_log() as log:
        statements = [entry.statement for entry in log.entries()]
    keys = Site.open(site).log_keys()
    statements[5] = statements[5][:-1] + bytes([statements[5][-1] ^ 1])
    root = merkle_root(map(hash_leaf, statements))
    shown = tmp_path / "shown"
    (shown / "tile/entries").mkdir(parents=True)
    (shown / "checkpoint").write_bytes(
        keys.sign_checkpoint(size=len(statements), root=root, timestamp=1)
    )
    bundle = b"".join(len(each).to_bytes(2, "big") + each for each in statements)
    (shown / "tile/entries/000.p").mkdir()
    (shown / f"tile/entries/000.p/{len(statements)}").write_bytes(bundle)
    found = answer("log", "check", shown, "--trust", site / "trust", code=10)
    assert found["forbidden"] == 5
    assert "signature" in found["why"]
    words = run("log", "check", shown, "--trust", site / "trust").stdout
    assert words.startswith("FAIL")
    assert "entry 5" in words


def test_log_export(site: Path, sealed: Path, tmp_path: Path) -> None:
    out = tmp_path / "log"
    assert answer("log", "export", out, "--site", site)["size"] == 7
    assert {p.name for p in out.iterdir()} == {"checkpoint", "tile"}
    assert run("log", "export", out, "--site", site).exit_code == 2


def test_tamper(sealed: Path, tmp_path: Path) -> None:
    out = tmp_path / "f.dcm"
    found = answer("tamper", "laterality", sealed, "-o", out)
    assert found["kind"] == "laterality"
    assert found["what"]
    assert run("tamper", "strip", sealed, "-o", out).exit_code == 2
    assert run("tamper", "strip", sealed, "-o", out, "--donor", CT, "--force").exit_code == 2
    shown = run("tamper", "transplant", sealed, "-o", out, "--donor", CT, "--force").stdout
    assert "keep it out of the archive" in shown


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def demo(out: Path, *, say: Any) -> SimpleNamespace:
        say("case 1 \x1b[2J")
        case = SimpleNamespace(
            number=1,
            image="chest",
            title="untouched",
            expected="AUTHENTIC",
            got="AUTHENTIC" if out.name == "good" else "ALTERED",
            ok=out.name == "good",
            file=out / "chest.dcm",
        )
        return SimpleNamespace(cases=(case,), ok=case.ok)

    monkeypatch.setattr("provenance.demo.run_demo", demo)
    good = run("demo", "-o", tmp_path / "good")
    assert (good.exit_code, good.stdout) == (0, "case 1 \\x1b[2J\n")
    bad = run("demo", "-o", tmp_path / "bad", "--json")
    assert bad.exit_code == 1
    found = json.loads(bad.stdout)
    assert found["ok"] is False
    assert [(c["expected"], c["got"]) for c in found["cases"]] == [("AUTHENTIC", "ALTERED")]
    assert bad.stderr == "case 1 \\x1b[2J\n"
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_bytes(b"")
    assert run("demo", "-o", tmp_path / "full").exit_code == 2
