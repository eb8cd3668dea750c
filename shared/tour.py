"""`liner tour`: every system's demo on one world, then one page that shows what each did.

Each demo is a process of its own, so its seconds are its own, and so is its peak memory: that of its largest process. The page is one
file without a script: the answer in a sentence, the last lines that the demo printed, and the pictures that it drew, which lie beside it
under LINER_HOME.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from shared import systems
from shared.clock import system_clock
from shared.output import human_bytes, short
from shared.settings import Settings

PICTURES, LINES = 2, 24  # of each demo, on the page
MISSING = "did not run: one before it failed"


@dataclass
class Stop:
    """What one demo did: its exit code, wall seconds, peak resident bytes, what it printed, what it drew."""

    system: systems.System
    status: int
    seconds: float
    peak_bytes: int
    lines: list[str]
    pictures: list[Path] = field(default_factory=list)


def tour() -> int:
    """Run the demos one after the other; the first failure ends the tour, and the page shows how far it came."""
    home, stops = Settings().home.absolute(), []
    for system in systems.installed():
        print(f"\n━━━ {system.title} ━━━\n{system.answer}\n", flush=True)
        stops.append(visit(system, home))
        if stops[-1].status:
            print(f"liner: the demo of {system.verb} failed", file=sys.stderr)
            break
    home.mkdir(parents=True, exist_ok=True)
    page = home / "tour.html"
    page.write_text(page_of(stops, home))
    print(f"\n━━━ {sum(stop.seconds for stop in stops):.0f} s ━━━")
    for stop in stops:
        print(f"  {stop.system.title:<24} {stop.seconds:5.1f} s   {human_bytes(stop.peak_bytes):>9}")
    print(f"\nwhat each did: {short(page)}")
    return stops[-1].status


def visit(system: systems.System, home: Path) -> Stop:
    """Run one demo; what it prints is shown as it comes."""
    began, pictured = time.monotonic(), system_clock()
    command = [sys.executable, "-m", "shared", system.verb, "demo"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        print(line, end="", flush=True)
        lines.append(line.rstrip("\n"))
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Stop(system, process.returncode, time.monotonic() - began, peak, lines, drawn_since(pictured, home))


def drawn_since(moment: int, home: Path) -> list[Path]:
    """The first pictures under `home` that are not older than `moment`, epoch ms, by path."""
    drawn = (
        path
        for path in home.rglob("*")
        if path.suffix in (".svg", ".png") and path.stat().st_mtime_ns // 1_000_000 >= moment
    )
    return sorted(drawn)[:PICTURES]


def page_of(stops: list[Stop], home: Path) -> str:
    """The page; a system that was not reached says so."""
    met = {stop.system.name: stop for stop in stops}
    sections = "\n".join(_section(system, met.get(system.name), home) for system in systems.installed())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>linernotes: the tour</title>
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 72rem; margin: 0 auto; padding: 1rem; }}
pre {{ overflow-x: auto; padding: .75rem; border: 1px solid #8884; border-radius: .5rem; font-size: .8rem; }}
img {{ max-width: min(100%, 40rem); max-height: 32rem; }}
</style></head><body>
<h1>The tour: {len(stops)} of {len(systems.installed())} systems, {sum(stop.seconds for stop in stops):.0f} s</h1>
{sections}
</body></html>
"""


def _section(system: systems.System, stop: Stop | None, home: Path) -> str:
    head = f"<h2>{escape(system.title)}</h2>\n<p>{escape(system.answer)}</p>"
    if stop is None:
        return f"{head}\n<p><em>{MISSING}</em></p>"
    ended = "" if stop.status == 0 else f" · failed with exit code {stop.status}"
    facts = (
        f"<p><small>{stop.seconds:.1f} s, {human_bytes(stop.peak_bytes)}{ended} · liner {system.verb} demo</small></p>"
    )
    images = "".join(
        f'<p><img src="{escape(path.relative_to(home).as_posix())}" alt="{escape(path.stem)}"></p>'
        for path in stop.pictures
    )
    return f"{head}\n{facts}\n{images}\n<pre>{escape(chr(10).join(stop.lines[-LINES:]))}</pre>"
