"""Every benchmark starts: a name that moved elsewhere breaks none of them unnoticed."""

import re
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "benchmarks").rglob("*.py"))
_COMMAND = re.compile(r"python3? (?:-m (benchmarks[\w.]*)|-P (benchmarks/\w+)\.py)([^`\n|]*)")
_OPTION = re.compile(r"--[a-z][\w-]*")


def name_of(source: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(source.relative_to(ROOT).with_suffix("").parts)


PROGRAMS = {
    name_of(source).removesuffix(".__main__"): source
    for source in SOURCES
    if "ArgumentParser(" in source.read_text(encoding="utf-8")
}
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


@lru_cache(maxsize=1)
def documented() -> set[tuple[str, str]]:
    """Return programs that documents tell to run, and the options that they name."""
    found: set[tuple[str, str]] = set()
    for document in [*DOCUMENTS, *PROGRAMS.values()]:
        for module, path, rest in _COMMAND.findall(document.read_text(encoding="utf-8")):
            program = module or path.replace("/", ".")
            found |= {(program, option) for option in ("--help", *_OPTION.findall(rest))}
    return found


def helped(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Return what a program answers to --help."""
    monkeypatch.setattr("sys.argv", [program, "--help"])
    with pytest.raises(SystemExit) as ended:
        import_module(name_of(PROGRAMS[program])).main()
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_every_module_of_a_benchmark_is_imported(source: Path) -> None:
    import_module(name_of(source))


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_says_what_it_takes(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    says = helped(program, monkeypatch, capsys)
    told = {option for name, option in documented() if name == program}
    assert told <= {*_OPTION.findall(says)}, "documents name other options"


def test_documents_name_every_program_and_no_other() -> None:
    assert {program for program, _ in documented()} == set(PROGRAMS)
