"""Render recorded results into READMEs, so that no number there is typed by hand; `--check` fails when one was.

Regions, each closed by `<!-- end -->`:

    <!-- table: GROUP -->                      the whole table of a recorded group
    <!-- value: GROUP; CONTESTANT; COLUMN -->    one cell, inline
    <!-- picture: FILE; GROUP; COLUMN; TITLE -->    a column as bars, drawn into FILE (from the root of the project)
    <!-- command: liner charts capacity -->    the output of a command that is quick and always the same
    <!-- recorded: NAME -->                    an output too slow to repeat at each check, from results/NAME.txt
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from shared.bench.pictures import picture
from shared.bench.run import RESULTS, machine_class
from shared.errors import BadInput
from shared.output import human_seconds

REGION = re.compile(r"(<!-- (table|value|picture|command|recorded): (.+?) -->)(.*?)(<!-- end -->)", re.DOTALL)


def render(root: Path, check_only: bool) -> int:
    """Rewrite every README's regions; with `check_only` change nothing and return 1 when something is stale."""
    stale = []
    for readme in sorted([root / "README.md", *root.glob("*/README.md")]):
        if readme.exists():
            for path, content in _filled(root, readme).items():
                if not path.exists() or path.read_text() != content:
                    stale.append(path.relative_to(root))
                    if not check_only:
                        path.write_text(content)
    for path in stale:
        print(
            f"{path}: {'disagrees with the recorded results; run liner bench --render' if check_only else 'rendered'}"
        )
    return 1 if stale and check_only else 0


def _filled(root: Path, readme: Path) -> dict[Path, str]:
    """What a README and the pictures it names should hold, by file."""
    files: dict[Path, str] = {}
    files[readme] = REGION.sub(
        lambda match: match[1] + _content(root, match[2], match[3], files) + match[5], readme.read_text()
    )
    return files


def _content(root: Path, kind: str, name: str, files: dict[Path, str]) -> str:
    """The inside of a region; a picture is put into `files`, by its path."""
    if kind == "table":
        return "\n" + table(load(root, name)) + "\n"
    if kind == "value":
        group, contestant, column = name.split("; ")
        return cell(load(root, group), contestant, column)
    if kind == "picture":
        file, group, column, title = name.split("; ")
        files[root / file] = picture(title, load(root, group), column)
        return f"![{title}]({file})"
    if kind == "recorded":
        return "\n```\n" + (results_folder(root) / f"{name}.txt").read_text().rstrip() + "\n```\n"
    program = shlex.split(name)
    command, wide = [sys.executable, "-m", "shared", *program[1:]], {**os.environ, "COLUMNS": "120"}
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, env=wide)
    return f"\n```\n$ {name}\n{done.stdout.rstrip()}\n```\n"


def results_folder(root: Path) -> Path:
    """Where this machine class's results lie; the only class there is when this machine has none."""
    folder = root / RESULTS / machine_class()
    others = sorted(path for path in (root / RESULTS).glob("*") if path.is_dir())
    return folder if folder.exists() or not others else others[0]


def load(root: Path, group: str) -> dict[str, Any]:
    """A recorded group; BadInput when it was never recorded."""
    path = results_folder(root) / f"{group}.json"
    if not path.exists():
        raise BadInput(f"{path}: no recorded result; run liner bench --only {group}")
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def table(result: dict[str, Any]) -> str:
    """Markdown: contestant, median with spread, ratio to the fastest, and what each benchmark chose to show."""
    if "models" in result:
        return quality_table(result)
    rows = sorted(result["rows"], key=lambda row: (row["median_s"], row["contestant"]))
    shown = list(dict.fromkeys(column for row in rows for column in row.get("show", {})))
    header = ["contestant", "median", "spread (IQR)", "time ÷ best", *shown]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in rows:
        cells = [
            row["contestant"],
            human_seconds(row["median_s"]),
            human_seconds(row["iqr_s"]),
            f"{row['median_s'] / rows[0]['median_s']:.2f}",
        ]
        lines.append(
            "| " + " | ".join([*cells, *(str(row.get("show", {}).get(column, "–")) for column in shown)]) + " |"
        )
    machine = result["machine"]
    lines.append("")
    lines.append(
        f"*{machine['cpu']}, {machine['cores']} cores, BLAS {machine['blas']}, Python {result['python']}, "
        f"size `{result['size']}`, {result['date']}.*"
    )
    return "\n".join(lines)


def quality_table(result: dict[str, Any]) -> str:
    """Markdown of a recorded `evaluate --json`: one model a row, best ndcg@100 first."""
    lines = ["| model | recall@20 | recall@50 | ndcg@100 | 95 % interval | coverage | fit | score |", "|" + "---|" * 8]
    for name, found in sorted(result["models"].items(), key=lambda entry: -entry[1].get("ndcg@100", 0)):
        if "not_run" in found:
            lines.append(f"| {name} | not run: {found['not_run']} |||||||")
            continue
        low, high = found["ndcg@100_ci"]
        measures = " | ".join(f"{found[measure]:.4f}" for measure in ("recall@20", "recall@50", "ndcg@100"))
        times = " | ".join(human_seconds(found[time]) for time in ("fit_s", "score_s"))
        lines.append(f"| {name} | {measures} | {low:.4f} – {high:.4f} | {found['coverage']:.3f} | {times} |")
    shape = f"{result['users']:,} users × {result['items']:,} items, {result['interactions']:,} pairs"
    tested = f"{result['tested_users']:,} held-out users, counted once a seed"
    lines += [
        "",
        f"*{shape}; protocol `{result['protocol']}`, {len(result['seeds'])} seeds, {tested}.*",
    ]
    return "\n".join(lines)


def cell(result: dict[str, Any], contestant: str, column: str) -> str:
    """One value of a table: `median`, or a column that is shown."""
    row = next((row for row in result["rows"] if row["contestant"] == contestant), None)
    if row is None:
        raise BadInput(f"{result['group']}: no contestant {contestant!r}")
    return human_seconds(row["median_s"]) if column == "median" else str(row.get("show", {})[column])
