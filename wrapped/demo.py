"""What the verbs print: a run, its totals, one user's story as cards."""

from pathlib import Path
from shutil import rmtree
from typing import Any

from shared.bootstrap import Engines, engines
from shared.clock import DEMO_NOW, Clock, fixed_clock, from_ms, system_clock
from shared.errors import BadInput
from shared.lake import Dataset, Lake
from shared.output import print_json, print_next, size_of
from shared.settings import Settings
from wrapped.cards.fonts import visible
from wrapped.cards.png import draw_png
from wrapped.cards.scene import Card
from wrapped.cards.story import counted, story
from wrapped.cards.svg import draw_svg
from wrapped.forget import forget
from wrapped.pipeline import Source, run_year
from wrapped.sources import source_at, world_source
from wrapped.store import read_facts


def demo(size: str, seed: int, as_json: bool) -> None:
    """Make the world, review its second year, draw the story of the user with the most to tell."""
    from shared.world import make_world

    with engines() as opened:
        world = make_world(opened.settings.home / "world" / f"{size}-{seed}", size, seed)
        year = from_ms(DEMO_NOW).year
        years = _timed_run(opened, opened.lake, world_source(world), year, fixed_clock(DEMO_NOW), quiet=as_json)
        user = _most_to_tell(years)
        facts = read_facts(opened.lake, user, year)
        folder = opened.settings.home / "wrapped" / f"{size}-{seed}-user-{user}"
        cards = write_cards(facts, "all", folder)
        if as_json:
            print_json(
                {
                    "year": year,
                    **years.details,
                    "digest": years.digest,
                    "story": facts,
                    "cards": [str(path) for path in cards],
                }
            )
            return
        print_facts(facts)
        print(f"\ncards   {folder.absolute()}  ({len(cards)} PNG, {size_of(folder)})")
        print(f"years   {Path(years.paths[0]).parent}  ({years.rows:,} users, digest {years.digest})")
    print_next(
        "liner wrapped capacity --users 1e9", f"liner wrapped serve   then /wrapped/?user={user}", "wrapped/README.md"
    )
    print(
        "  liner wrapped import MY_EXPORT.zip --year 2025 --timezone Europe/Stockholm --card card.png    do the same for your own year"
    )


def run_files(plays: Path, year: int, out: Path, as_json: bool) -> None:
    """Review `year` on a world or on own files, published into the lake `out`."""
    opened = Engines(Settings())
    try:
        years = _timed_run(opened, Lake(out), source_at(opened.engine, plays), year, system_clock, quiet=as_json)
    finally:
        opened.close()
    if as_json:
        print_json({**years.details, "digest": years.digest, "lake": str(Path(out).absolute())})
    else:
        print(f"years   {Path(years.paths[0]).parent}  (digest {years.digest})")
        print(f"next    liner wrapped show USER --lake {out}")


def show(user: int, year: int | None, lake: Path | None, as_json: bool) -> None:
    """Print what a user's published year says."""
    facts = read_facts(_lake(lake), user, year)
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def forget_user(user: int, lake: Path | None, as_json: bool) -> None:
    """Delete a user's rows and the cards that the demo drew of them."""
    rows = forget(_lake(lake), user)
    for folder in (Settings().home / "wrapped").glob(f"*-user-{user}"):
        rmtree(folder)
    if as_json:
        print_json({"user": user, "rows": rows})
    else:
        print(
            f"user {user}: {rows:,} rows deleted; left out of every later run. Run each year again for the others' standings"
        )


def write_user_cards(user: int, year: int | None, lake: Path | None, name: str, out: Path, as_json: bool) -> None:
    """Draw one card of a user's published year, or all of them."""
    paths = write_cards(read_facts(_lake(lake), user, year), name, out)
    if as_json:
        print_json({"cards": [str(path) for path in paths]})
    else:
        print("\n".join(str(path) for path in paths))


def write_cards(facts: dict[str, Any], name: str, out: Path) -> list[Path]:
    """Draw the card `name` into the file `out`, or `all` cards as PNG into the folder `out`; returns what was written."""
    cards = story(facts)
    if name == "all":
        check_place(out, folder=True)
        out.mkdir(parents=True, exist_ok=True)
        paths = [out / f"{number:02d}-{card.name}.png" for number, card in enumerate(cards, 1)]
        for path, card in zip(paths, cards, strict=True):
            write_card(card, path)
        return paths
    known = {card.name: card for card in cards}
    chosen = known.get(name) or (cards[-1] if name == "summary" else None)
    if chosen is None:
        raise BadInput(f"card {name!r}: this story has {', '.join(known)}")
    write_card(chosen, out)
    return [out]


def write_card(card: Card, path: Path) -> None:
    """Write a card as .png or .svg; BadInput where `check_place` says so."""
    check_place(path, folder=False)
    aside = path.with_name(f".{path.name[:100]}.tmp")
    try:
        aside.write_bytes(draw_png(card) if path.suffix.lower() == ".png" else draw_svg(card).encode())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise BadInput(f"{path}: cannot be written ({error.strerror}); give another place") from error


def check_place(out: Path, folder: bool) -> None:
    """BadInput where no card (or no folder of cards) can be written; asked before the work is done that it would cost."""
    if folder:
        above = next(place for place in (out, *out.absolute().parents) if place.exists())
        if not above.is_dir():
            raise BadInput(f"{above}: is a file; give a folder for the cards")
        return
    if out.suffix.lower() not in (".png", ".svg"):
        raise BadInput(f"{out}: a card is a .png or .svg file; give one of these endings")
    if out.is_dir() or not out.parent.is_dir():
        raise BadInput(
            f"{out}: {'is a folder' if out.is_dir() else 'no such folder'}; give a file in a folder that is there"
        )


def print_facts(facts: dict[str, Any]) -> None:
    """A year for a person at a terminal."""
    interval = facts["interval"]
    if not facts["plays"]:
        print(f"\n{facts['year']}: no play of 30 seconds or more; nothing to tell.")
        return
    print(
        f"\n{facts['year']}, {interval['from']} to {interval['to']}:",
        f"{counted(facts['minutes'], 'minute')}," if facts["minutes"] else "no durations,",
        f"{counted(facts['plays'], 'play')}, {counted(facts['distinct_artists'], 'artist')},",
        counted(facts["distinct_tracks"], "song"),
    )
    for heading, rows in (("Top artists", facts["top_artists"]), ("Top songs", facts["top_tracks"])):
        print(f"\n  {heading}")
        for place, row in enumerate(rows, 1):
            name = visible(f"{row['name']} – {row['artist']}" if "artist" in row else row["name"])
            minutes = f" {row['minutes']:7,} min" if facts["minutes"] else ""
            print(f"  {place}. {name[:56]:56} {counted(row['plays'], 'play'):>12}{minutes}")
    busiest = [sum(row[hour] for row in facts["clock"]) for hour in range(24)]
    print(f"\n  Clock           {_sparkline(busiest)}  0–23 h")
    print(f"  Months          {_sparkline(facts['months'])}  top: {facts['top_month']}")
    streak = facts["streak"]
    print(f"  Longest streak  {counted(streak['days'], 'day')}, from {streak['from']} to {streak['to']}")
    if facts["discoveries"]:
        found = facts["discoveries"]
        print(f"  Discoveries     {counted(found['artists'], 'artist')}, most of all {visible(found['top']['name'])}")
    if facts["personality"]:
        print(f"  Personality     {facts['personality']['name']}: {facts['personality']['line']}")


def _sparkline(counts: list[int]) -> str:
    top = max(counts) or 1
    return "".join("▁▂▃▄▅▆▇█"[7 * count // top] for count in counts)


def _timed_run(opened: Engines, lake: Lake, source: Source, year: int, clock: Clock, quiet: bool) -> Dataset:
    began = system_clock()
    years = run_year(opened.engine, lake, source, year, clock)
    if not quiet:
        took = (system_clock() - began) / 1000
        details = years.details
        rejected = ", ".join(f"{count:,} {reason}" for reason, count in details["rejected"].items()) or "none"
        print(f"{source.plays.rows:,} plays read in {took:.1f} s, rejected: {rejected}")
        print(f"{year}: {details['plays']:,} plays of {details['users']:,} users")
    return years


def _most_to_tell(years: Dataset) -> int:
    """The user whose year has most to show: a personality, new artists; then the most plays."""
    columns = years.table(["user_id", "plays", "personality", "discoveries"]).to_pylist()
    best = max(
        columns, key=lambda row: (row["personality"] >= 0, row["discoveries"][0] > 0, row["plays"], -row["user_id"])
    )
    return int(best["user_id"])


def _lake(folder: Path | None) -> Lake:
    return Lake(folder if folder else Settings().home / "lake")
