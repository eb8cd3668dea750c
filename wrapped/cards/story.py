"""The story of a year, card by card. Each function reads the facts and returns a card, or None when there is too little to say."""

from datetime import date
from typing import Any

from wrapped.cards.fonts import visible
from wrapped.cards.scene import HEIGHT, INSIDE, MARGIN, WIDTH, Box, Card, Rings, Theme, wedge
from wrapped.percentile import percent

NIGHT, CREAM, CORAL, SUN, TEAL, BLUE, PINK, VIOLET, MINT = (
    "#1B1036", "#FFF3E0", "#FF5A36", "#FFC93C", "#0B6E63", "#2F4BEA", "#D92B6A", "#5A2BE0", "#8CF5D2",
)  # fmt: skip
MONTH_NAMES = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PHASE_COLOURS = (CORAL, BLUE, TEAL, VIOLET, PINK, SUN)

Facts = dict[str, Any]


def story(facts: Facts) -> list[Card]:
    """The cards of a year in order: one that says there is nothing, or up to ten."""
    if not facts["plays"]:
        return [_nothing(facts)]
    makers = (_opening, _artists, _songs, _standing, _discoveries, _clock, _months, _streak, _personality, summary)
    return [card for make in makers if (card := make(facts)) is not None]


def summary(facts: Facts) -> Card:
    """The card to post: the whole year on one page."""
    number, what = _amount(facts)
    lead = facts["top_artists"][0]["name"] if facts["top_artists"] else "nobody yet"
    card = _card(
        "summary", f"{facts['year']} in short: {number:,} {what}, most of all {lead}.", NIGHT, "#2A1A55", SUN, CREAM
    )
    card.grooves(1000, 180, 760, 640, 520, 400, 280, 160)
    card.write("MY YEAR IN MUSIC", 210, 40, weight="semibold", fill=card.theme.accent)
    card.write(str(facts["year"]), 420, 230)
    for x, heading, rows in (
        (MARGIN, "TOP ARTISTS", facts["top_artists"]),
        (WIDTH / 2 + 16, "TOP SONGS", facts["top_tracks"]),
    ):
        card.write(heading, 620, 32, x=x, weight="semibold", fill=card.theme.accent)
        for place, row in enumerate(rows):
            y = 706 + 104 * place
            card.write(str(place + 1), y, 44, x=x, fill=CORAL)
            card.write(row["name"], y, 44, x=x + 54, most=INSIDE / 2 - 86)
    rows = [("MINUTES", f"{facts['minutes']:,}")] if facts["minutes"] else [("SONGS", f"{facts['distinct_tracks']:,}")]
    rows.append(("PLAYS", f"{facts['plays']:,}"))
    rows.append(("ARTISTS", f"{facts['distinct_artists']:,}"))
    rows.append(("LONGEST STREAK", counted(facts["longest_streak_days"], "day")))
    if facts["personality"]:
        card.shapes.append(Box(MARGIN, 1600, INSIDE, 150, 40, CORAL))
        card.write(facts["personality"]["name"], 1696, 62, x=WIDTH / 2, anchor="middle", most=INSIDE - 80)
    for number, (heading, value) in enumerate(rows):
        x, y = (MARGIN, WIDTH / 2 + 16)[number % 2], 1270 + 160 * (number // 2)
        card.write(heading, y, 30, x=x, weight="semibold", fill=card.theme.accent)
        card.write(value, y + 84, 80, x=x, most=INSIDE / 2 - 32)
    return _signed(card, facts)


def _nothing(facts: Facts) -> Card:
    card = _card("nothing", f"No music in {facts['year']} yet: nothing to tell.", NIGHT, "#2A1A55", SUN, CREAM)
    card.grooves(WIDTH / 2, 700, 420, 320, 220, 60)
    card.paragraph(f"A quiet {facts['year']}.", 1300, 120)
    card.paragraph(
        "Not one play of 30 seconds or more. Some years are like that.", 1480, 52, weight="semibold", leading=1.3
    )
    return _signed(card, facts)


def _opening(facts: Facts) -> Card:
    days, hours = divmod(facts["minutes"] // 60, 24)
    spans = [counted(number, what) for number, what in ((days, "day"), (hours, "hour")) if number]
    said = f"That is {' and '.join(spans)} of music. " if spans else ""
    number, what = _amount(facts)
    card = _card("opening", f"Your {facts['year']}: {number:,} {what}. {said}".strip(), NIGHT, "#2A1A55", CORAL, CREAM)
    card.grooves(WIDTH, 300, 900, 780, 660, 540, 420, 300)
    card.shapes.append(Rings(WIDTH, 300, (170,), CORAL, CORAL))
    card.write("THIS WAS YOUR", 240, 44, weight="semibold", fill=SUN)
    card.write(str(facts["year"]), 440, 240)
    card.write(f"{number:,}", 1180, 300, fill=CORAL)
    card.write(what, 1330, 88)
    counts = [
        *([counted(facts["plays"], "play")] if facts["minutes"] else []),
        counted(facts["distinct_tracks"], "song"),
        counted(facts["distinct_artists"], "artist"),
    ]
    card.paragraph(f"{said}{', '.join(counts)}.", 1460, 52, weight="semibold", leading=1.35)
    return _signed(card, facts)


def _artists(facts: Facts) -> Card | None:
    return _ranking(
        "artists", "The artists who carried your year", facts, facts["top_artists"], (CORAL, "#F24823", NIGHT, CREAM)
    )


def _songs(facts: Facts) -> Card | None:
    return _ranking("songs", "The songs you came back to", facts, facts["top_tracks"], (SUN, "#FFBC14", CORAL, NIGHT))


def _ranking(
    name: str, title: str, facts: Facts, rows: list[dict[str, Any]], colours: tuple[str, str, str, str]
) -> Card | None:
    """Five names, the first one large, with bars as long as their plays."""
    if len(rows) < 2:
        return None
    spoken = "; ".join(
        f"{place}. {row['name']}{' by ' + row['artist'] if 'artist' in row else ''}, {counted(row['plays'], 'play')}"
        for place, row in enumerate(rows, 1)
    )
    card = _card(name, f"{title}: {spoken}.", *colours)
    card.grooves(WIDTH + 60, HEIGHT - 60, 820, 700, 580, 460, 340, 220)
    y = card.paragraph(title, 270, 92) + 90
    for place, row in enumerate(rows):
        size = 84 if place == 0 else 60
        card.write(str(place + 1), y, size, fill=card.theme.accent)
        card.write(row["name"], y, size, x=MARGIN + 96, most=INSIDE - 96)
        detail = counted(row["plays"], "play")  # before the name: a line that begins left to right keeps its order
        if "artist" in row:
            detail += f" · {row['artist']}"
        elif row["minutes"]:
            detail += f" · {counted(row['minutes'], 'minute')}"
        card.write(detail, y + 56, 38, x=MARGIN + 96, weight="semibold", most=INSIDE - 96)
        card.shapes.append(
            Box(MARGIN + 96, y + 82, max(16, (INSIDE - 96) * row["plays"] / rows[0]["plays"]), 16, 8, card.theme.accent)
        )
        y += 250 if place == 0 else 226
    return _signed(card, facts)


def _standing(facts: Facts) -> Card | None:
    """The artist among whose listeners this one stands highest."""
    known = [row for row in facts["top_artists"] if row.get("standing", {}).get("listeners", 0) >= 10]
    if not known:
        return None

    def share_of(standing: dict[str, int]) -> float:
        return (standing["ahead"] + standing["level"] + 1) / standing["listeners"]

    row = min(known, key=lambda found: (share_of(found["standing"]), -found["plays"]))
    listeners, ahead, level = (row["standing"][name] for name in ("listeners", "ahead", "level"))
    share = f"top {percent(listeners, ahead + level)} %"
    place = f"Number {ahead + 1:,} of {listeners:,} listeners"
    place += f", level with {counted(level, 'other')}." if level else "."
    card = _card(
        "standing", f"You are in the {share} of {row['name']}'s listeners. {place}", TEAL, "#0A6259", SUN, CREAM
    )
    card.grooves(0, 1500, 1000, 880, 760, 640, 520, 400, 280)
    card.write("AMONG THE LISTENERS OF", 300, 44, weight="semibold", fill=SUN)
    card.write(row["name"], 430, 110)
    card.write("you are in the", 760, 72, weight="semibold")
    card.write(share, 980, 210, fill=SUN)
    card.paragraph(place, 1150, 52, weight="semibold", leading=1.35)
    card.paragraph(
        "Counted one by one, by time listened. Nothing was sampled.", 1560, 42, weight="semibold", leading=1.35
    )
    return _signed(card, facts)


def _discoveries(facts: Facts) -> Card | None:
    found = facts["discoveries"]
    if not found:
        return None
    top = found["top"]
    card = _card(
        "discoveries",
        f"{counted(found['artists'], 'new artist')} this year, most of all {top['name']}.",
        BLUE,
        "#2A43D6",
        MINT,
        CREAM,
    )
    card.grooves(WIDTH / 2, HEIGHT + 100, 900, 780, 660, 540, 420, 300)
    card.write("FIRST HEARD THIS YEAR", 300, 44, weight="semibold", fill=MINT)
    card.write(f"{found['artists']:,}", 640, 380)
    card.write("new artist" if found["artists"] == 1 else "new artists", 770, 110)
    card.write("AND ONE THAT STAYED", 1040, 44, weight="semibold", fill=MINT)
    card.write(top["name"], 1180, 124)
    card.write(f"{counted(top['plays'], 'play')} since you met", 1270, 52, weight="semibold")
    return _signed(card, facts)


def _clock(facts: Facts) -> Card | None:
    hours = [sum(row[hour] for row in facts["clock"]) for hour in range(24)]
    weekdays = [sum(row) for row in facts["clock"]]
    hour, weekday = hours.index(max(hours)), weekdays.index(max(weekdays))
    share = 100 * hours[hour] // facts["plays"]
    card = _card(
        "clock", f"Your hour is {hour:02d}:00, your day is {WEEKDAYS[weekday]}.", "#120A26", "#1D1140", CORAL, CREAM
    )
    x, y, inner, outer = WIDTH / 2, 930, 150, 420
    card.grooves(x, y, outer + 40, outer - 50, outer - 140, outer - 230)
    by_night = 2 * (sum(hours[:6]) + sum(hours[20:])) >= facts["plays"]  # as the personality asks
    title = "Your listening clock"
    if by_night and (hour >= 22 or hour < 5):
        title = "You listen by night"
    elif not by_night and 5 <= hour < 11:
        title = "You begin the day with music"
    card.paragraph(title, 270, 92)
    for at, count in enumerate(hours):
        reach = inner + 24 + (outer - inner - 24) * count / max(hours)
        card.shapes.append(wedge(x, y, inner, reach, (at + 0.08) / 24, (at + 0.92) / 24, SUN if at == hour else CORAL))
    card.write(f"{hour:02d}:00", y + 28, 84, x=x, anchor="middle", fill=SUN)
    for label, dx, dy in (("0", 0, -476), ("6", 490, 14), ("12", 0, 506), ("18", -490, 14)):
        card.write(label, y + dy, 36, x=x + dx, weight="semibold", anchor="middle")
    for at, count in enumerate(weekdays):
        left, tall = MARGIN + at * (INSIDE + 24) / 7, 24 + 116 * count / max(weekdays)
        card.shapes.append(Box(left, 1690 - tall, (INSIDE + 24) / 7 - 24, tall, 14, SUN if at == weekday else CORAL))
        card.write(WEEKDAYS[at][:2], 1740, 34, x=left + (INSIDE + 24) / 14 - 12, weight="semibold", anchor="middle")
    card.write(f"{share} % of your plays began in this hour", 1520, 40, x=x, weight="semibold", anchor="middle")
    return _signed(card, facts)


def _months(facts: Facts) -> Card | None:
    months = facts["months"]
    if sum(1 for plays in months if plays) < 2:
        return None
    best = int(facts["top_month"][5:]) - 1
    spoken = ", ".join(f"{phase['genre']} {_span(phase)}" for phase in facts["phases"])
    card = _card(
        "months",
        f"{MONTH_NAMES[best]} was your biggest month. {('Phases: ' + spoken + '.') if spoken else ''}".strip(),
        CREAM,
        "#FCE9CB",
        BLUE,
        NIGHT,
    )
    card.grooves(120, 120, 700, 600, 500, 400, 300, 200)
    y = card.paragraph(f"{MONTH_NAMES[best]} was all music", 300, 110)
    card.write(f"{counted(months[best], 'play')} in one month", y + 6, 52, weight="semibold", fill=BLUE)
    step, floor = (INSIDE + 20) / 12, 1180
    for month, plays in enumerate(months):
        left, tall = MARGIN + month * step, max(10, 480 * plays / max(months))
        card.shapes.append(Box(left, floor - tall, step - 20, tall, 18, CORAL if month == best else BLUE))
        card.write(MONTH_NAMES[month][0], floor + 56, 38, x=left + step / 2 - 10, weight="semibold", anchor="middle")
    if facts["phases"]:
        _phases(card, facts["phases"], step)
    return _signed(card, facts)


def _phases(card: Card, phases: list[dict[str, Any]], step: float) -> None:
    """A ribbon under the months, one colour a genre, and what the colours mean."""
    length: dict[str, int] = {}
    for phase in phases:
        length[phase["genre"]] = length.get(phase["genre"], 0) + phase["to"] - phase["from"] + 1
    genres = sorted(length, key=lambda genre: (-length[genre], genre))
    colour = {
        genre: PHASE_COLOURS[number] if number < len(PHASE_COLOURS) else "#B9A58A"
        for number, genre in enumerate(genres)
    }
    card.write("YOUR PHASES", 1380, 36, weight="semibold", fill=BLUE)
    for phase in phases:
        left, width = MARGIN + (phase["from"] - 1) * step, (phase["to"] - phase["from"] + 1) * step - 8
        card.shapes.append(Box(left, 1410, width, 56, 28, colour[phase["genre"]]))
    for number, genre in enumerate(genres[:6]):
        x, y = MARGIN + (number % 2) * INSIDE / 2, 1550 + 72 * (number // 2)
        card.shapes.append(Box(x, y - 34, 40, 40, 20, colour[genre]))
        card.write(genre, y, 44, x=x + 60, weight="semibold", most=INSIDE / 2 - 90)


def _streak(facts: Facts) -> Card | None:
    streak, spell, day = facts["streak"], facts["dry_spell"], facts["most_played_day"]
    if streak["days"] < 2:
        return None
    parts = [f"From {_date(streak['from'])} to {_date(streak['to'])}, a song each day."]
    if spell:
        parts.append(f"Your longest silence: {counted(spell['days'], 'day')}, from {_date(spell['from'])}.")
    parts.append(f"Your loudest day: {_date(day['date'])}, {counted(day['plays'], 'play')}.")
    card = _card(
        "streak",
        f"{counted(streak['days'], 'day')} in a row with music. {' '.join(parts)}",
        PINK,
        "#C9225E",
        SUN,
        CREAM,
    )
    card.grooves(WIDTH - 60, 560, 760, 640, 520, 400, 280, 160)
    card.write("LONGEST STREAK", 300, 44, weight="semibold", fill=SUN)
    card.write(f"{streak['days']}", 760, 440)
    card.write("days in a row", 900, 110)
    y = 1080.0
    for part in parts:
        y = card.paragraph(part, y, 52, weight="semibold", leading=1.3) + 40
    return _signed(card, facts)


def _personality(facts: Facts) -> Card | None:
    found = facts["personality"]
    if not found:
        return None
    card = _card(
        "personality",
        f"You are {found['name']}. {found['line']} {'. '.join(found['formula'])}.",
        VIOLET,
        "#4C1FCC",
        SUN,
        CREAM,
    )
    card.grooves(WIDTH / 2, 560, 700, 600, 500, 400, 300, 200)
    card.write("YOUR LISTENING PERSONALITY", 300, 44, weight="semibold", fill=SUN)
    y = card.paragraph(found["name"], 560, 150, fill=SUN, leading=1.08)
    card.paragraph(found["line"], y + 20, 60, weight="semibold", leading=1.25)
    card.shapes.append(Box(MARGIN - 24, 1290, INSIDE + 48, 420, 40, "#3D15AD"))
    card.write("HOW WE KNOW", 1360, 34, weight="semibold", fill=SUN, x=MARGIN + 16)
    for number, line in enumerate(found["formula"]):
        ratio, _, answer = line.rpartition(": ")
        card.write(ratio, 1430 + 96 * number, 34, x=MARGIN + 16, weight="semibold", most=INSIDE - 32)
        card.write(f"→ {answer}", 1474 + 96 * number, 36, x=MARGIN + 16, fill=SUN, most=INSIDE - 32)
    return _signed(card, facts)


def _card(name: str, alt: str, ground: str, groove: str, accent: str, ink: str) -> Card:
    return Card(name, visible(alt), Theme(ground, groove, accent, ink))


def _signed(card: Card, facts: Facts) -> Card:
    """The line at the foot: what it is, and which days it covers."""
    interval = facts["interval"]
    days = [_date(interval[end]) for end in ("from", "to")] if interval else []
    covered = f"{' – '.join(dict.fromkeys(days))} {facts['year']}".strip()
    card.write("linernotes", 1850, 34)
    card.write(covered, 1850, 34, x=WIDTH - MARGIN, weight="semibold", anchor="end", most=INSIDE / 2)
    return card


def _amount(facts: Facts) -> tuple[int, str]:
    """The largest number of the year: minutes, or plays where nobody wrote down how long they were."""
    if facts["minutes"]:
        return facts["minutes"], "minute of music" if facts["minutes"] == 1 else "minutes of music"
    return facts["plays"], "play" if facts["plays"] == 1 else "plays"


def counted(number: int, what: str) -> str:
    """`1 play`, `1,204 plays`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _date(day: str) -> str:
    moment = date.fromisoformat(day)
    return f"{moment.day} {MONTH_NAMES[moment.month - 1][:3]}"


def _span(phase: dict[str, Any]) -> str:
    first, last = MONTH_NAMES[phase["from"] - 1], MONTH_NAMES[phase["to"] - 1]
    return f"in {first}" if first == last else f"from {first} to {last}"
