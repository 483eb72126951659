"""Two commands on a fresh machine: `python3 dev.py demo` and `python3 dev.py test`.

Needs Python 3.11 and nothing else: makes .venv beside this file and installs radseal into it.
Two for longer hours: `python3 dev.py fuzz` gives the property tests new cases, where `test` draws
the same on every run; `python3 dev.py mutants [NAME ...]` breaks the judging core in a thousand
places and says which of them no test notices (docs/verifier-evidence.md); NAME as in
"provenance.judging.judge*".
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
# extras that hold an extra
SATISFIED_BY = {"demo": ("demo", "test"), "test": ("test",), "mutation": ("mutation",)}
COMMANDS = {
    "demo": "demo",
    "test": "test",
    "fuzz": "test",
    "mutants": "mutation",
}  # and the extra each needs


def main() -> int:
    """Do what the first argument says; return an exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever has an older one runs this
        print(f"radseal needs Python 3.11 or newer; this is {sys.version.split()[0]}")
        return 2
    command, names = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if command not in COMMANDS or (names and command != "mutants"):
        print(__doc__)
        return 2
    if not install(COMMANDS[command]):
        return 2
    if command == "mutants":
        return mutants(names)
    return {"demo": demo, "test": test, "fuzz": fuzz}[command]()


def install(extra: str) -> bool:
    """Make the virtual environment hold radseal[extra], unless it does; False if it cannot."""
    project = (HERE / "pyproject.toml").read_bytes()
    stamp = hashlib.sha256(project + sys.version.encode() + os.fsencode(HERE)).hexdigest()
    stamps = [VENV / f"radseal-{each}.stamp" for each in SATISFIED_BY[extra]]
    if PYTHON.exists() and any(s.is_file() and s.read_text() == stamp for s in stamps):
        return True
    uv = shutil.which("uv")
    if not PYTHON.exists():
        if not uv and not importlib.util.find_spec("ensurepip"):
            print("Python's venv is not installed here: apt install python3-venv")
            return False
        print("making .venv", flush=True)
        make = (
            [uv, "venv", "-q", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
        )
        if run(*make, VENV) != 0:
            return False
    print(f"installing radseal[{extra}]: about a minute the first time", flush=True)
    pip = (
        [uv, "pip", "install", "-q", "--python", PYTHON]
        if uv
        else [PYTHON, "-m", "pip", "-q", "install"]
    )
    quiet = [] if uv else ["--disable-pip-version-check"]
    if run(*pip, *quiet, "-e", f"{HERE}[{extra}]") != 0:
        print("the installation failed: is a package index reachable?")
        return False
    stamps[0].write_text(stamp)
    return True


def demo() -> int:
    """Run the demonstration into demo-out, in place of an earlier one."""
    return run(BIN / "radseal", "demo", "-o", HERE / "demo-out", "--force")


def test() -> int:
    """Run everything that must be green; return the worst exit code."""
    steps = {
        "ruff check": (PYTHON, "-m", "ruff", "check", "."),
        "ruff format": (PYTHON, "-m", "ruff", "format", "--check", "."),
        "mypy": (PYTHON, "-m", "mypy"),
        "import-linter": (BIN / "lint-imports",),
        "pytest": (PYTHON, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile"),
    }
    codes = {}
    for name, command in steps.items():
        print(f"\n{name}", flush=True)
        codes[name] = run(*command)
    failed = [name for name, code in codes.items() if code != 0]
    print(f"\n{len(steps) - len(failed)} of {len(steps)} steps passed")
    if failed:
        print("failed: " + ", ".join(failed))
    return max(codes.values())


def fuzz() -> int:
    """Run the property tests with other cases than before; return pytest's exit code."""
    chosen = ("-m", "hypothesis", "--hypothesis-profile", "fuzz")
    return run(PYTHON, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *chosen)


def mutants(names: list[str]) -> int:
    """Run mutmut over the judging core, and list what survived."""
    code = run(BIN / "mutmut", "run", "--max-children", "1", *names)
    return code or run(BIN / "mutmut", "results")


def run(*command: object) -> int:
    """Run one command at the root of the checkout and return its exit code."""
    return subprocess.run([str(part) for part in command], cwd=HERE, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
