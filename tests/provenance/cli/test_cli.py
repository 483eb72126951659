"""The command as a whole: help, documents, errors, hostile text, imports."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pydicom.data
import pytest
from click.testing import CliRunner, Result

from ledger import Event
from provenance.cli.root import VERBS, cli
from provenance.cli.terminal import plain
from provenance.forgeries.tamper import KINDS

CHECKOUT = Path(__file__).resolve().parents[3]
IMAGES = Path(pydicom.data.__file__).parent / "test_files"
CT = IMAGES / "CT_small.dcm"
HEAVY = ("numpy", "pydicom", "sqlalchemy", "pywt", "cryptography", "imagecodecs", "rich")


def run(*words: object, **environment: str) -> Result:
    return CliRunner().invoke(
        cli, [str(w) for w in words], env={"RADSEAL_SITE": None, **environment}
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "site"
    assert run("init", folder, "--name", "north").exit_code == 0
    return folder


@pytest.fixture(scope="module")
def sealed(site: Path) -> Path:
    out = site.parent / "sealed"
    assert run("seal", CT, "-o", out, "--site", site).exit_code == 0
    return out / CT.name


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for verb in VERBS:
        command = cli.get_command(context, verb)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{verb} {name}", each) for name, each in command.commands.items())
        else:
            yield verb, command


NAMES = [name for name, _ in commands()]


def test_there_are_all_commands() -> None:
    assert [
        *("init", "seal", "verify", "scan run", "scan report", "inspect", "attest", "trace"),
        *("correct", "timestamp"),
        *("study close", "study verify", "derive", "restore", "deidentify", "reidentify"),
        *("watermark quality", "watermark read", "watermark renew-key"),
        *("key list", "key add", "key renew", "key encrypt", "key revoke"),
        *("key request", "key sign-request", "key crl"),
        *(
            "log head",
            "log prove",
            "log audit",
            "log export",
            "log upgrade",
            "log alarms",
            "log check",
            "log add-keys",
            "log retire-keys",
            "log erase",
            "log query",
            "log receipts",
            "log refill",
            "log monitor",
            "log serve",
            "log timestamp",
            "log timestamps",
            "log prune",
        ),
        *("outbox init", "outbox status", "outbox sync"),
        *("witness init", "witness serve"),
        *("policy check", "policy explain", "policy example"),
        "audit-trail check",
        *("quarantine list", "quarantine show", "quarantine export", "quarantine release"),
        *("quarantine reject", "quarantine confirm", "quarantine withdraw", "quarantine note"),
        "quarantine purge",
        *("serve", "gateway"),
        *("tamper", "explain", "doctor", "demo"),
    ] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_help_has_an_example_and_json(name: str) -> None:
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    _, _, examples = result.output.partition("Example")
    assert f"radseal {name}" in examples
    assert "--json" in result.output


@pytest.mark.parametrize("name", NAMES)
def test_document_has_every_command_and_option(name: str) -> None:
    document = (CHECKOUT / "docs/command.md").read_text(encoding="utf-8")
    start = document.index(f"\n## radseal {name}\n")
    section = document[start : document.find("\n## ", start + 1)]
    assert "```console" in section
    assert f"radseal {name}" in section.partition("```console")[2]
    command = dict(commands())[name]
    options = {option for p in command.params for option in p.opts if option.startswith("--")}
    anywhere = {"--json", "--debug", "--site", "--force", "--output", "--verbose"}
    for option in options - anywhere:
        assert option in section, option
    assert all(option in document for option in ("--json", "--debug", "--site", "--force"))


def test_tamper_kinds_are_those_of_the_package() -> None:
    text = run("tamper", "--help").output
    assert set(KINDS) <= set(text.split())
    from provenance.cli.tamper import KINDS as NAMED

    assert tuple(KINDS) == NAMED


@pytest.mark.parametrize("words", [["--help"], ["--version"], *([v, "--help"] for v in VERBS)])
def test_starts_light(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from provenance.cli import main\n"
        f"sys.argv[1:] = {words!r}\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"loaded = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "assert not loaded, loaded\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("Usage: radseal", "radseal 0."))


def test_verifying_a_file_loads_no_database() -> None:
    done = python(
        "import sys\n"
        "import provenance.cli.verify\n"
        "from provenance import TrustStore, verify\n"
        "import ledger\n"
        "assert 'sqlalchemy' not in sys.modules\n"
        "assert 'ledger.log' not in sys.modules\n"
        "assert ledger.Log is sys.modules['ledger.log'].Log\n"
        "assert 'sqlalchemy' in sys.modules and {'Log', 'open_receipt'} <= {*dir(ledger)}\n"
        "assert not hasattr(ledger, 'nothing')\n"
    )
    assert done.returncode == 0, done.stderr


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def test_public_names_stay_functions() -> None:
    done = python(
        "from provenance.sealing.seal import Sealed\n"
        "import provenance.verifying.verify\n"
        "import provenance\n"
        "from provenance import restore, seal, verify\n"
        "assert callable(seal) and callable(restore) and callable(provenance.verify)\n"
        "assert all(getattr(provenance, name) is not None for name in provenance.__all__)\n"
        "assert set(provenance.__all__) <= set(dir(provenance))\n"
        "assert provenance.seal is seal and provenance.Sealed is Sealed\n"
        "try:\n    provenance.nothing\n"
        "except AttributeError:\n    pass\n"
        "else:\n    raise SystemExit('a name too many')\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_module_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "provenance.cli", "explain", "nonsense", "--json"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout)["schema"] == "radseal/error/1"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["frobnicate"], 2),
        (["verify"], 2),
        (["verify", "x", "--trust", "no-such-folder"], 2),
        (["verify", "x"], 2),
        (["seal", "x", "-o", "y"], 2),
        (["seal", "x", "-o", "y", "--site", "/no/site"], 2),
        (["explain", "PX999"], 2),
        (["trace", "1.2.3", "--site", "{site}"], 16),
        (["log", "prove", "999", "--site", "{site}"], 16),
        (["log", "prove", "-1", "--site", "{site}"], 2),
        (["seal", "no-such-file", "-o", "y", "--site", "{site}"], 16),
        (["inspect", "{garbage}"], 14),
        (["inspect", str(CT)], 11),
        (["restore", str(CT), "-o", "r.dcm", "--site", "{site}"], 11),
        (["restore", "{garbage}", "-o", "r.dcm", "--site", "{site}"], 14),
        (["watermark", "read", "{garbage}", "--site", "{site}"], 14),
        (["tamper", "pixel", "{garbage}", "-o", "t.dcm"], 14),
        (["tamper", "nonsense", str(CT), "-o", "t.dcm"], 2),
        (["tamper", "pixel", str(CT), "-o", "/no/such/folder/t.dcm"], 2),
        (["init", "{site}"], 2),
        (["init", "new", "--name", "not a name"], 2),
        (["init", "new", "--algorithm", "rsa"], 2),
        (["policy", "check", "no-such-file"], 2),
        (["policy", "explain", "{garbage}"], 2),
        (["verify", str(CT), "--site", "{site}", "--policy", "{garbage}"], 2),
        (["verify", str(CT), "--site", "{site}", "--policy", "no-such-file"], 2),
        (["verify", str(CT), "--site", "{site}", "--calling-ae", "CT7"], 2),
    ],
)
def test_errors_have_words_and_codes(
    words: list[str], code: int, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "garbage").write_bytes(b"\x1b[31mno image\x1b[0m" * 40)
    filled = [w.format(site=site, garbage=tmp_path / "garbage") for w in words]
    result = run(*filled)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    in_json = run(*filled, "--json")
    assert in_json.exit_code == code
    answer = json.loads(in_json.stdout)
    assert answer["exit_code"] == code
    assert in_json.stderr == ""
    if answer["schema"] == "radseal/error/1":
        assert result.stdout == ""
        lines = result.stderr.splitlines()
        assert [line.partition(":")[0] for line in lines] == ["radseal", "  why", "  do"]
        assert all(answer["error"][key] for key in ("what", "why", "do"))
    assert "Traceback" not in result.output
    assert "\x1b" not in result.output


def test_files_that_are_no_checkpoint_are_named(site: Path, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("no checkpoint")
    for option in ("--held", "--state"):
        result = run("log", "audit", option, tmp_path / "letter", "--site", site)
        assert result.exit_code == 2
        assert f"radseal: {tmp_path / 'letter'} is no" in result.output


def test_expectations_that_are_none_are_named(site: Path, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("expect nothing")
    result = run("log", "alarms", "--expect", tmp_path / "letter", "--site", site)
    assert result.exit_code == 2
    assert f"radseal: {tmp_path / 'letter'} does not say whom to expect" in result.output


def test_a_port_that_is_taken_is_named(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run("log", "serve", "--listen", place, "--site", site)
    assert result.exit_code == 2
    assert f"nothing can listen at {place}" in result.output


def test_every_event_can_be_asked_for(site: Path) -> None:
    for event in Event:
        assert run("log", "query", "--event", event, "--site", site).exit_code == 0, event


def test_debug_shows_the_error(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"none")
    result = run("inspect", tmp_path / "garbage", "--debug")
    assert result.exit_code == 14
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert "radseal: the file cannot be decoded" in result.stderr
    in_json = run("inspect", tmp_path / "garbage", "--debug", "--json")
    assert json.loads(in_json.stdout)["exit_code"] == 14
    assert "Traceback" in in_json.stderr


def test_interrupted(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("provenance.verifying.examination.read_instance", stop)
    result = run("verify", CT, "--site", site)
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


@pytest.mark.parametrize(
    ("hostile", "printed"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\rb\nc\td", "a\\rb\\nc\\td"),
        ("\x9b2J\x7f\x00", "\\x9b2J\\x7f\\x00"),
        ("a\u202eb\u2066c\u200bd", "a\\u202eb\\u2066c\\u200bd"),
        ("a\u2028b\udcffc", "a\\u2028b\\udcffc"),
        ("Müller^日本 é", "Müller^日本 é"),
    ],
)
def test_plain(hostile: str, printed: str) -> None:
    assert plain(hostile) == printed


def test_text_of_files_cannot_reach_the_terminal(site: Path, tmp_path: Path) -> None:
    data = CT.read_bytes()
    uid = b"1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
    assert data.count(uid) >= 1
    hostile = tmp_path / "evil\x1b[2J\u202e.dcm"
    hostile.write_bytes(data.replace(uid, b"\x1b]0;owned\x07\x1b[2J".ljust(len(uid), b"1")))
    for words in (
        ("inspect", hostile),
        ("verify", hostile, "--site", site, "-v"),
        ("seal", hostile, "-o", tmp_path / "out", "--site", site),
        ("trace", hostile, "--site", site),
        ("tamper", "identity", hostile, "-o", tmp_path / "t.dcm", "--json"),
        ("inspect", hostile, "--json"),
        ("verify", hostile, "--site", site, "--json"),
    ):
        output = run(*words).output
        assert not {"\x1b", "\x07", "\u202e"} & set(output), words


def test_names_that_are_not_utf8(site: Path, tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.dcm")
    try:
        Path(name).write_bytes(b"none")
    except OSError:
        pytest.skip("this file system has no such names")
    result = run("verify", tmp_path, "--site", site)
    assert result.exit_code == 14
    assert "caf\\xe9.dcm" in result.stdout
    answer = json.loads(run("verify", tmp_path, "--site", site, "--json").stdout)
    assert answer["objects"][0]["path"].endswith("caf\\xe9.dcm")


def test_colour_only_where_wanted(site: Path, sealed: Path) -> None:
    words = ["verify", str(sealed), "--site", str(site)]
    runner = CliRunner()
    assert "\x1b" not in runner.invoke(cli, words).stdout
    assert "\x1b[32m" in runner.invoke(cli, words, color=True).stdout
    quiet = runner.invoke(cli, words, env={"NO_COLOR": "1"})
    assert "\x1b" not in quiet.stdout
    assert "AUTHENTIC" in quiet.stdout


def test_no_colour_reaches_click(monkeypatch: pytest.MonkeyPatch) -> None:
    from provenance.cli.terminal import colour_wanted

    monkeypatch.setenv("NO_COLOR", "1")
    assert colour_wanted() is False
    monkeypatch.setenv("NO_COLOR", "")
    assert colour_wanted() is None


def test_site_from_the_environment(site: Path, sealed: Path) -> None:
    assert run("verify", sealed, RADSEAL_SITE=str(site)).exit_code == 0


def test_exit_codes_are_those_of_the_verdicts() -> None:
    from provenance.cli.failure import EXIT_CODES
    from provenance.judging.verdict import EXIT_CODES as VERDICTS
    from provenance.judging.verdict import NOTHING_MATCHED
    from provenance.policy.terms import ACTION_EXIT_CODES
    from provenance.study.verdict import STUDY_EXIT_CODES

    document = (CHECKOUT / "docs/command.md").read_text(encoding="utf-8")
    for code in set(VERDICTS.values()):
        names = [word for word, its_code in VERDICTS.items() if its_code == code]
        assert EXIT_CODES[code].startswith(" or ".join(names))
        assert f"| {code} | {', '.join(names)} |" in document
    for code in (*EXIT_CODES, NOTHING_MATCHED):
        assert f"\n| {code} | " in document
    actions = ACTION_EXIT_CODES.values()
    studies = STUDY_EXIT_CODES.values()
    others = {*actions, *studies, 1, 2, NOTHING_MATCHED, 130}
    assert set(EXIT_CODES) == {*VERDICTS.values(), *others}
    for word, code in STUDY_EXIT_CODES.items():
        assert code == 0 or word.value in EXIT_CODES[code], word
    shown = run("explain", "exit-codes").stdout
    assert all(f"{code:>4}  {words}" in shown for code, words in EXIT_CODES.items())
    table = json.loads(run("explain", "exit-codes", "--json").stdout)["exit_codes"]
    assert table == {str(code): words for code, words in EXIT_CODES.items()}
