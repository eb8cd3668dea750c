"""The READMEs, and every command that they show a reader."""

import re
from pathlib import Path

from shared import systems

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("*/README.md"))]
ANSWERS = [ROOT / system.name / "README.md" for system in systems.installed()]


def commands(text: str) -> set[str]:
    """Every `liner …` of a README: in fences, in backticks, in regions; without what a reader would put in for himself."""
    fences = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    prose = re.sub(r"```\w*\n.*?```", "", text, flags=re.DOTALL)
    found = [line for fence in fences for line in fence.splitlines()]
    found += re.findall(r"`([^`\n]+)`", prose) + re.findall(r"<!-- command: (.+?) -->", prose)
    stripped = [re.sub(r"^\s*\$?\s*(?:[A-Z_]+=\S+ )*", "", line) for line in found]
    lines = {re.split(r"\s{3,}|\s[|#>]\s", line)[0] for line in stripped if line.startswith("liner ")}
    return {re.sub(r"[\[\]…]", "", line) for line in lines}
