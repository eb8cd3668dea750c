"""Print the lines of code of every system against its budget: core path ~800, a system ~3,000, shared ~5,000.

A line of code is one that holds a token other than a comment or a docstring.
"""

import ast
import io
import re
import tokenize
from pathlib import Path

from shared.systems import ORDER

CORE, SYSTEM, SHARED = 800, 3_000, 5_000
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(source: str) -> int:
    """Lines of `source` that hold code."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def count(paths: list[Path]) -> int:
    """Lines of code of Python files, and all lines of SQL, JavaScript, HTML and CSS."""
    return sum(
        code_lines(path.read_text()) if path.suffix == ".py" else len(path.read_text().splitlines())
        for path in paths
        if path.suffix in (".py", ".sql", ".js", ".html", ".css")
    )


def core_path(package: Path) -> list[Path]:
    """The files that a reader reads: those that the README's reading order (a numbered list) names."""
    readme = package / "README.md"
    order = re.findall(r"^\d+\. (.+)$", readme.read_text(), re.MULTILINE) if readme.exists() else []
    names = {name for line in order for name in re.findall(r"`(\w+\.(?:py|sql))`", line)}
    return [path for path in package.rglob("*") if path.name in names]


def main() -> None:
    """Print one line a package."""
    for name in ORDER:
        package = Path(name)
        core, whole = count(core_path(package)), count(list(package.rglob("*")))
        mark = "over budget" if core > CORE * 1.1 or whole > SYSTEM * 1.05 else ""
        print(f"{name:18} core {core:5,} / ~{CORE:,}   whole {whole:5,} / ~{SYSTEM:,}   {mark}")
    whole = count(list(Path("shared").rglob("*")))
    print(f"{'shared':18} {'':20}   whole {whole:5,} / ~{SHARED:,}   {'over budget' if whole > SHARED * 1.05 else ''}")


if __name__ == "__main__":
    main()
