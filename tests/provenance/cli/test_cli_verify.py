"""`radseal verify`: every exit code of the verdict table, the JSON, the walk, the words."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydicom
import pydicom.data
import pytest
from click.testing import CliRunner, Result

from provenance.cli.root import cli
from provenance.judging.verdict import EXIT_CODES, Word
from provenance.policy.terms import ACTION_EXIT_CODES, Action
from provenance.schema import schema_text

IMAGES = Path(pydicom.data.__file__).parent / "test_files"
CT, OVERLAY, PLAN = IMAGES / "CT_small.dcm", IMAGES / "examples_overlay.dcm", IMAGES / "rtplan.dcm"
SCHEMA = json.loads(schema_text("verify-1"))


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


def answer(*words: object) -> dict[str, Any]:
    """Run with --json; the answer fits the schema and tells the exit code."""
    result = run(*words, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["exit_code"] == result.exit_code
    assert result.stderr == ""
    assert result.stdout.isascii()
    if found["schema"] == "radseal/verify/1":
        check(found, SCHEMA)
    return found


def check(value: Any, schema: Mapping[str, Any], at: str = "$") -> None:
    """As much of JSON Schema 2020-12 as our schema uses; an unknown keyword fails."""
    known = {"$schema", "$id", "$defs", "title", "description"}
    for keyword, rule in schema.items():
        match keyword:
            case "$ref":
                check(value, SCHEMA["$defs"][rule.removeprefix("#/$defs/")], at)
            case "const":
                assert value == rule, at
            case "enum":
                assert value in rule, (at, value)
            case "anyOf":
                assert any(fits(value, each, at) for each in rule), at
            case "type":
                kinds = [rule] if isinstance(rule, str) else rule
                assert any(is_kind(value, kind) for kind in kinds), (at, value)
            case "pattern":
                assert re.search(rule, value), (at, value)
            case "minimum":
                assert value is None or value >= rule, at
            case "required":
                assert set(rule) <= value.keys(), at
            case "properties":
                for name in rule.keys() & value.keys():
                    check(value[name], rule[name], f"{at}.{name}")
                # ours alone: a field that the schema does not know is forgotten documentation
                assert value.keys() <= rule.keys(), at
            case "propertyNames":
                for name in value:
                    check(name, rule, at)
            case "additionalProperties":
                for name in value:
                    check(value[name], rule, f"{at}.{name}")
            case "items":
                for number, each in enumerate(value):
                    check(each, rule, f"{at}[{number}]")
            case _:
                assert keyword in known, keyword


def fits(value: Any, schema: Mapping[str, Any], at: str) -> bool:
    try:
        check(value, schema, at)
    except AssertionError:
        return False
    return True


def is_kind(value: Any, kind: str) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    kinds: dict[str, Any] = {"object": dict, "array": list, "string": str, "integer": int}
    kinds |= {"null": type(None), "number": int | float}
    return isinstance(value, kinds[kind]) and not isinstance(value, bool)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "site"
    assert run("init", folder, "--name", "north").exit_code == 0
    return folder


@pytest.fixture(scope="module")
def other_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "other"
    assert run("init", folder, "--name", "south", "--algorithm", "esp256").exit_code == 0
    return folder


@pytest.fixture(scope="module")
def sealed(site: Path) -> Path:
    """A marked image and an unmarked one."""
    out = site.parent / "sealed"
    marked = run("seal", OVERLAY, "-o", out, "--site", site, "--watermark", "radiograph")
    assert marked.exit_code == 0, marked.output
    assert run("seal", CT, "-o", out, "--site", site).exit_code == 0
    return out


@pytest.fixture(scope="module")
def forgeries(sealed: Path) -> Path:
    out = sealed.parent / "forged"
    out.mkdir()
    for kind in ("pixel", "lossy", "strip", "identity", "laterality", "screenshot"):
        name = f"{kind}.dcm"
        assert run("tamper", kind, sealed / OVERLAY.name, "-o", out / name).exit_code == 0
    return out


def test_authentic(site: Path, sealed: Path) -> None:
    found = answer("verify", sealed / OVERLAY.name, "--site", site)
    (one,) = found["objects"]
    assert (found["verdict"], found["exit_code"]) == ("AUTHENTIC", 0)
    assert (one["integrity"], one["trust"], one["custody"]) == ("proven",) * 3
    assert (one["signer"], one["log_index"]) == ("north device", 5)
    assert one["sop_instance_uid"].startswith("1.")
    assert {c["status"] for c in one["checks"]} <= {"pass", "skip"}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("pixel", Word.ALTERED),
        ("laterality", Word.ALTERED),
        ("lossy", Word.DERIVED),
        ("screenshot", Word.DERIVED),
        ("strip", Word.STRIPPED),
        ("identity", Word.HEADER_CHANGED),
    ],
)
def test_forgeries(site: Path, forgeries: Path, name: str, word: Word) -> None:
    path = forgeries / f"{name}.dcm"
    found = answer("verify", path, "--site", site)
    assert (found["verdict"], found["exit_code"]) == (word, EXIT_CODES[word])
    shown = run("verify", path, "--site", site).stdout
    assert shown.startswith(word.value)
    assert all(f"\n  {label}: " in shown for label in ("why", "do"))
    assert "\n  does not mean: " in shown or "\n  limits: " in shown
    assert shown.endswith(f"1 object: 1 {word.value}\n")


def test_regions_and_changes(site: Path, forgeries: Path) -> None:
    (one,) = answer("verify", forgeries / "pixel.dcm", "--site", site)["objects"]
    (region,) = one["regions"]
    assert (region["frame"], region["w"], region["h"]) == (0, 64, 64)
    assert one["integrity"] == "refuted"
    shown = run("verify", forgeries / "pixel.dcm", "--site", site).stdout
    assert f"region: frame 0, x {region['x']} y {region['y']}, 64x64 px" in shown
    assert "  FAIL  pixels" in shown
    (one,) = answer("verify", forgeries / "identity.dcm", "--site", site)["objects"]
    assert one["changes"] == [
        {
            "tag": "(0010,0010)",
            "keyword": "PatientName",
            "group": "identity",
            "severity": "administrative",
            "kind": "changed",
            "documented": False,
        }
    ]


def test_trust_folder_alone(site: Path, sealed: Path) -> None:
    found = answer("verify", sealed, "--trust", site / "trust")
    assert found["summary"]["by_verdict"] == {"AUTHENTIC": 2}
    assert "verdict" not in found


def test_a_copy_and_its_parents(site: Path, sealed: Path, tmp_path: Path) -> None:
    parent, copy, out = sealed / CT.name, tmp_path / "copy.dcm", tmp_path / "out.dcm"
    dataset = pydicom.dcmread(parent)
    for element in [each for each in dataset if each.tag.group == 0x5253]:
        del dataset[element.tag]
    pixels = dataset.pixel_array.copy()
    pixels[:30, :60] = 0
    dataset.PixelData = pixels.tobytes()
    dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.1"
    dataset.save_as(copy)
    words = ("derive", parent, copy, "-o", out, "--kind", "redaction", "--site", site)
    assert run(*words).exit_code == 0
    found = answer("verify", out, "--site", site)  # fits the schema
    (one,) = found["objects"]
    assert (found["verdict"], found["exit_code"], one["birth"]) == ("DERIVED", 13, "derived")
    assert len(one["derivation"]["regions"]) == len(one["parents"]) == 1
    stranger = answer("verify", out, "--trust", site / "trust")["objects"][0]["parents"][0]
    assert (stranger["trusted"], stranger["same_patient"]) == (True, True)
    assert stranger["log_index"] is None


def test_unsealed(site: Path) -> None:
    assert answer("verify", PLAN, "--trust", site / "trust")["verdict"] == "UNSEALED"
    assert run("verify", PLAN, "--site", site).exit_code == 11


def test_untrusted(sealed: Path, other_site: Path) -> None:
    found = answer("verify", sealed / CT.name, "--trust", other_site / "trust")
    assert (found["verdict"], found["exit_code"]) == ("UNTRUSTED", 12)
    assert found["objects"][0]["integrity"] == "proven"


def test_not_checked(sealed: Path, site: Path, other_site: Path, tmp_path: Path) -> None:
    shutil.copytree(site / "trust/roots", tmp_path / "trust/roots")
    shutil.copytree(other_site / "trust/logs", tmp_path / "trust/logs")
    found = answer("verify", sealed / CT.name, "--trust", tmp_path / "trust")
    assert (found["verdict"], found["exit_code"]) == ("NOT CHECKED", 15)
    assert found["objects"][0]["custody"] == "unknown"


def test_a_ledger_that_fails_is_not_checked(
    sealed: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger import BusyError, Log

    def fail(*_: object) -> None:
        raise BusyError("another process holds the log")

    monkeypatch.setattr(Log, "events", fail)
    found = answer("verify", sealed / CT.name, "--site", site)
    assert (found["verdict"], found["exit_code"]) == ("NOT CHECKED", 15)
    (check,) = [c for c in found["objects"][0]["checks"] if c["id"] == "ledger"]
    assert check["code"] == "LG107"
    assert "another process" in check["detail"]


def test_a_ledger_that_cannot_be_opened(sealed: Path, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site/ledger.sqlite").write_bytes(b"no database" * 100)
    found = answer("verify", sealed, "--site", tmp_path / "site")
    assert (found["schema"], found["exit_code"]) == ("radseal/error/1", 15)


def test_nothing_matched(site: Path, tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_bytes(b"x")
    found = answer("verify", tmp_path, "--site", site)
    assert (found["exit_code"], found["objects"]) == (16, [])
    assert found["summary"]["skipped"]["hidden"] == 1
    assert "nothing matched the input" in run("verify", tmp_path, "--site", site).stdout


def test_missing_input_is_never_success(site: Path, sealed: Path, tmp_path: Path) -> None:
    found = answer("verify", sealed, tmp_path / "gone", "--site", site)
    assert found["exit_code"] == 16
    assert found["summary"]["missing"] == [str(tmp_path / "gone")]
    assert "1 missing" in run("verify", sealed, tmp_path / "gone", "--site", site).stdout


def test_a_folder(site: Path, sealed: Path, forgeries: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "b").mkdir(parents=True)
    shutil.copy(sealed / CT.name, tree / "b/z.dcm")
    shutil.copy(forgeries / "identity.dcm", tree / "a.dcm")
    (tree / "b/c.txt").write_bytes(b"\x00garbage\x1b[2J" * 99)
    (tree / "b/loop").symlink_to(tree)
    (tree / "b/nowhere").symlink_to(tree / "gone")
    (tree / ".part").write_bytes(b"x")
    found = answer("verify", tree, "--site", site)
    judged = [(Path(o["path"]).name, o["verdict"]) for o in found["objects"]]
    assert judged == [
        ("a.dcm", "HEADER CHANGED"),
        ("c.txt", "UNREADABLE"),
        ("nowhere", "UNREADABLE"),
        ("z.dcm", "AUTHENTIC"),
    ]
    assert found["exit_code"] == 14
    assert found["summary"]["skipped"] == {"hidden": 1, "special": 0, "repeated": 1}
    shown = run("verify", tree, "--site", site).stdout
    assert shown.splitlines()[-1] == (
        "4 objects: 2 UNREADABLE, 1 HEADER CHANGED, 1 AUTHENTIC, 1 hidden skipped, "
        "1 repeated skipped"
    )
    assert "AUTHENTIC       " + str(tree / "b/z.dcm\n") in shown
    assert "[HD100]" not in shown
    assert "[HD100]" in run("verify", tree, "--site", site, "-v").stdout


def test_gravest_decides(site: Path, sealed: Path, forgeries: Path) -> None:
    assert run("verify", forgeries, sealed, PLAN, "--site", site).exit_code == 10


def test_whom_to_believe_is_asked_for(site: Path, sealed: Path) -> None:
    result = run("verify", sealed)
    assert result.exit_code == 2
    assert "--site" in result.stderr
    assert "--trust" in result.stderr
    assert result.stdout == ""
    both = run("verify", sealed, "--site", site, "--trust", site / "trust")
    assert both.exit_code == 2
    over_environment = CliRunner().invoke(
        cli,
        ["verify", str(sealed), "--trust", str(site / "trust")],
        env={"RADSEAL_SITE": "/no/such/site"},
    )
    assert over_environment.exit_code == 0


def test_empty_trust_folder(sealed: Path, tmp_path: Path) -> None:
    assert run("verify", sealed, "--trust", tmp_path).exit_code == 2


def test_signatures(site: Path, tmp_path: Path, make_identity: Callable[..., Any]) -> None:
    """PS3.15 signatures stand in a field of their own, which objects without one do not have."""
    identity = make_identity()
    given = ("--ps315-key", identity.key, "--ps315-certificate", identity.certificate)
    words = ("seal", CT, "-o", tmp_path, "--site", site, "--ps315", "creator", *given)
    assert run(*words).exit_code == 0
    (one,) = answer("verify", tmp_path / CT.name, "--site", site)["objects"]
    assert one["verdict"] == "AUTHENTIC"
    (signature,) = one["signatures"]
    assert (signature["state"], signature["signer"]) == ("valid", "signer")
    assert "creator" in signature["profiles"]
    unsigned = {each["group"]: each["keywords"] for each in signature["unsigned"]}
    assert "PatientName" in unsigned["identity"]
    assert "pixels" not in unsigned
    shown = run("verify", tmp_path, "--site", site).stdout
    assert "[DS100]  signature by signer verifies, RSA 2048, SHA256" in shown
    assert "[DS104]  signature by signer does not cover identity (" in shown
    dataset = pydicom.dcmread(tmp_path / CT.name)
    dataset.KVP = "121"
    dataset.DigitalSignaturesSequence[0].DigitalSignatureUID = "1.2"
    dataset.save_as(tmp_path / CT.name)
    (one,) = answer("verify", tmp_path / CT.name, "--site", site)["objects"]
    assert one["signatures"][0]["state"] == "broken"
    assert one["signatures"][0]["profiles"] == []
    assert "signatures" not in answer("verify", CT, "--site", site)["objects"][0]


def test_schema_lists_all_verdicts() -> None:
    words = SCHEMA["$defs"]["verdict"]["enum"]
    assert set(words) == {*Word, "CORRECTED"}
    codes = {*EXIT_CODES.values(), 16, *ACTION_EXIT_CODES.values()}
    assert set(SCHEMA["$defs"]["exit_code"]["enum"]) == codes
    assert set(SCHEMA["$defs"]["action"]["enum"]) == set(Action)


def test_document_names_every_field() -> None:
    document = Path(__file__).resolve().parents[3].joinpath("docs/verify-json.md").read_text()
    one = SCHEMA["$defs"]["object"]["properties"]
    signature = SCHEMA["$defs"]["signature"]["properties"]
    policy = one["policy"]["properties"]
    more = [SCHEMA["$defs"][name]["properties"] for name in ("second_signature", "timestamp")]
    for name in (*SCHEMA["properties"], *one, *signature, *policy, *more[0], *more[1]):
        assert f"`{name}" in document, name
    example = json.loads(document.partition("```json")[2].partition("```")[0])
    check(example, SCHEMA)


def test_a_second_signature(tmp_path: Path) -> None:
    """It stands in a field of its own, and what is demanded in vain, too."""
    folder, out = tmp_path / "site", tmp_path / "out"
    assert run("init", folder, "--hybrid").exit_code == 0
    assert run("seal", CT, "-o", out, "--site", folder).exit_code == 0
    (one,) = answer("verify", out / CT.name, "--trust", folder / "trust")["objects"]
    assert (one["verdict"], one["second_signature"]["state"]) == ("AUTHENTIC", "trusted")
    assert run("key", "renew", "device", "--classical", "--site", folder).exit_code == 0
    assert run("seal", CT, "-o", out, "--force", "--site", folder).exit_code == 0
    (one,) = answer("verify", out / CT.name, "--trust", folder / "trust")["objects"]
    assert (one["verdict"], one["second_signature"]) == ("AUTHENTIC", None)
    (folder / "trust" / "second-signatures").write_text("*\n")
    (one,) = answer("verify", out / CT.name, "--trust", folder / "trust")["objects"]
    assert (one["verdict"], one["second_signature"]["state"]) == ("UNTRUSTED", "absent")


def test_a_timestamp_of_a_signature(
    site: Path,
    tmp_path: Path,
    make_identity: Callable[..., Any],
    make_time_authority: Callable[..., Any],
) -> None:
    identity, tsa = make_identity(), make_time_authority()
    (site / "trust" / "tsa").mkdir()
    (site / "trust" / "tsa" / "tsa.pem").write_bytes((tsa.folder / "root.pem").read_bytes())
    given = ("--ps315-key", identity.key, "--ps315-certificate", identity.certificate)
    words = ("seal", CT, "-o", tmp_path, "--site", site, "--ps315", "creator", *given)
    assert run(*words, "--tsa", tsa.url).exit_code == 0
    states = []
    for _ in range(2):
        (one,) = answer("verify", tmp_path / CT.name, "--site", site)["objects"]
        states.append(one["signatures"][0]["timestamp"]["state"])
        (site / "trust" / "tsa" / "tsa.pem").unlink(missing_ok=True)
    assert states == ["verified", "untrusted"]
