"""The house rules of ARCHITECTURE.md, kept true by reading the source."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "elmo_cli"

GROUND = {"files", "processes", "shared_memory", "device", "cores", "allocation", "seeds", "config", "errors"}
ALLOWED = {
    "cli": {"cli", "flows", *GROUND},
    "api": {"api", "flows", "text", "model", "train", "formats", *GROUND},
    "flows": {"flows", "text", "model", "train", "formats", "measure", "pages", *GROUND},
    "text": {"text", *GROUND},
    "model": {"model", "kernels", *GROUND},
    "train": {"train", "kernels", *GROUND},
    "formats": {"formats", *GROUND},
    "measure": {"measure", *GROUND},
    "pages": {"pages", *GROUND},
    "kernels": {"kernels", *GROUND},
    "files": {"config", "errors"},
    "processes": {"shared_memory", "cores", "config", "errors"},
    "shared_memory": set(),
    "device": {"cores", "config", "errors", "seeds"},
    "cores": {"config", "errors"},
    "allocation": set(),
    "seeds": {"config", "errors"},
    "config": {"config", "errors"},
    "errors": set(),
    "__main__": {"cli"},
}
"""What each part may import of ours. ``elmo_cli`` itself (the version, the public names) is open to all."""

PARTS = {path.stem for path in PACKAGE.iterdir()}
SOURCES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every module that a file imports, wherever in it, as a dotted name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((name.name, node) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            if node.module in ("elmo_cli", "elmo_cli.flows", "elmo_cli.cli"):
                yield from ((f"{node.module}.{name.name}", node) for name in node.names)
            yield node.module, node


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_imports_go_one_way(path: Path) -> None:
    part = _part(path)
    if part == "__init__":
        return  # the package itself offers its public names, lazily; see the test on torch
    for module, node in _imports(path):
        package, _, rest = module.partition(".")
        ours = rest.partition(".")[0]
        if package == "elmo_cli" and ours in PARTS:
            assert ours in ALLOWED[part], f"{path}:{node.lineno}: {part} must not import {module}"


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_only_the_command_line_knows_typer_and_rich_and_nobody_click(path: Path) -> None:
    used = {module.partition(".")[0] for module, _ in _imports(path)}
    assert "click" not in used, "typer carries its own click"
    if _part(path) != "cli":
        assert not used & {"typer", "rich"}


REPORTS = "elmo_cli.flows.reports"
RESULTS = {f"elmo_cli.flows.{area}_results" for area in ("corpus", "dry_run", "model", "probability", "run")}
"""What a command may import at once: plain records of what its flow will say."""


@pytest.mark.parametrize("module", sorted({REPORTS, *RESULTS}))
def test_reports_and_plain_results_import_nothing_else_of_ours(module: str) -> None:
    path = ROOT / (module.replace(".", "/") + ".py")
    ours = {name for name, _ in _imports(path) if name.startswith("elmo_cli")}
    assert ours <= ({REPORTS} if module in RESULTS else set())


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").glob("*.py")), ids=lambda path: path.name)
def test_the_command_line_imports_a_flow_only_when_it_runs_it(path: Path) -> None:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("elmo_cli.flows"):
            assert node.module in {REPORTS, *RESULTS}, f"{path.name}:{node.lineno}: {node.module}"


@pytest.mark.parametrize("statement", ["import elmo_cli", "import elmo_cli.cli.app"])
def test_the_help_and_the_bare_package_import_no_torch(statement: str) -> None:
    script = f"import sys; sys.argv = ['elmo', '--help']\n{statement}\n"
    script += "if 'elmo_cli.cli.app' in sys.modules:\n"
    script += "    try: sys.modules['elmo_cli.cli.app'].main()\n"
    script += "    except SystemExit: pass\n"
    script += "print('heavy:', sorted({'torch', 'numpy', 'h5py', 'sentencex'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def _public_without_docstring(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if ast.get_docstring(tree) is None:
        yield f"{path}:1: the module"
    nodes: list[tuple[ast.AST, bool]] = [(node, False) for node in tree.body]
    for node, inside_class in nodes:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            nodes += [(inner, True) for inner in node.body]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        # forward is what calling the module does, so the class says it
        if ast.get_docstring(node) is None and not (inside_class and node.name == "forward"):
            yield f"{path}:{node.lineno}: {node.name}"


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_whatever_is_public_has_a_docstring(path: Path) -> None:
    assert list(_public_without_docstring(path)) == []


@pytest.mark.parametrize("name", [name for name in NAMES if ">>> " in (ROOT / name).read_text(encoding="utf-8")])
def test_the_examples_in_docstrings_hold(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    outcome = doctest.testmod(module)
    assert outcome.attempted
    assert not outcome.failed


TREE_LINE = re.compile(r"^(?P<indent>(?:[│ ]   )*(?:[├└]── )?)(?P<name>[\w.-]+/?)(?:\s|$)")


def _tree(document: Path) -> dict[Path, int]:
    """The paths of the tree drawn in a document, from the line ``elmo_cli/`` or a line that holds it."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    drawn = [block for block in blocks if re.search(r"^(?:[│ ]   )*(?:[├└]── )?elmo_cli/", block, re.MULTILINE)]
    assert len(drawn) == 1, f"{document.name}: expected one tree that shows elmo_cli/, found {len(drawn)}"
    paths: dict[Path, int] = {}
    stack: list[str] = []
    top_is_root = not drawn[0].startswith("elmo_cli/")
    for number, line in enumerate(drawn[0].splitlines()):
        match = TREE_LINE.match(line)
        if match is None:
            continue
        depth = len(match["indent"]) // 4
        stack[depth:] = [match["name"].rstrip("/")]
        inside = stack[1:] if top_is_root and not (ROOT / stack[0]).exists() else stack
        if inside:
            paths[Path(*inside)] = number
    return paths


@pytest.mark.skipif(not (ROOT / "README.md").exists(), reason="there is no README.md")
def test_the_readme_s_tree_is_what_is_there() -> None:
    drawn = set(_tree(ROOT / "README.md"))
    absent = sorted(str(path) for path in drawn if not (ROOT / path).exists())
    assert not absent, f"README.md draws what is not there: {absent}"
    there = {
        path.relative_to(ROOT) for path in [*PACKAGE.glob("*"), *PACKAGE.glob("*/*.py"), *PACKAGE.glob("*/*/*.py")]
    }
    named = {path for path in there if path.name not in ("__init__.py", "__pycache__", "py.typed")}
    missing = sorted(str(path) for path in named - drawn)
    assert not missing, f"README.md does not draw: {missing}"


def _tracked() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_names_a_place_on_somebody_s_machine() -> None:
    places = re.compile(rb"(?<![\w.}])/(?:" + b"|".join([b"work", b"root", b"home", b"Users"]) + rb")/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _tracked()
        if path.suffix not in (".hdf5", ".npz", ".png")
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if places.search(line)
    ]
    assert not found


def test_the_makefile_s_help_names_every_target() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  ([a-z-]+) ", shown, re.MULTILINE) == phony[1].split()


def test_every_dependency_has_an_exact_version_without_a_local_ending() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    assert all(re.fullmatch(r"[\w.-]+==\d[\w.]*", line) for line in lines)
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(r"^(?:dependencies|dev) = \[(.*?)\]$", project, re.MULTILINE | re.DOTALL)
    wanted = {name.lower() for entries in lists for name in re.findall(r'"([\w-]+)', entries)}
    assert {"torch", "pytest"} <= wanted <= pinned
