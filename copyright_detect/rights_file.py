"""The rights file: one CSV, a row a claim or a licence, as a label would send it from a spreadsheet.

    reference,owner,territories,valid_from,valid_until,action,minimum_s,show
    night drive.flac,Northlight Records,WORLD -US,2024-01-01,,block,10,
    night drive.flac,Eastside Publishing,DE FR,,,monetise,5,
    night drive.flac,Northlight Records,WORLD,2026-01-01,2026-12-31,allow,,morning-show

reference     the file's name in the index          owner   who claims it, or who gives the licence
territories   WORLD or ISO 3166-1 codes, separated by blanks; with WORLD, `-US` takes one out
valid_from, valid_until   YYYY-MM-DD, both days included; empty: since ever, for ever
action        block, monetise or track; `allow` licenses the reference to one show
minimum_s     seconds that must be heard before the claim speaks; empty: 0      show   only with allow: the show's id

A row that cannot be used is set aside with its reason and counted; the others count. The file is kept beside the index
byte for byte, so the rows that audit lines name are the sender's own; its digest is the version of the snapshot.
"""

import csv
import io
import re
from datetime import date
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from unicodedata import category

from copyright_detect.rights import ALLOW, WORLD, Claim, Rejected, Rights
from shared.errors import BadInput
from shared.lake import durable_rename

COLUMNS = ("reference", "owner", "territories", "valid_from", "valid_until", "action", "minimum_s", "show")
ACTIONS = ("block", "monetise", "track", ALLOW)
MAX_BYTES = 256 << 20
LONGEST_TEXT = 500
TABLE = files("tzdata") / "zoneinfo" / "iso3166.tab"
COUNTRIES = {line[:2] for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] != "#"}


def read_rights(path: Path) -> tuple[Rights, list[Rejected]]:
    """The claims of a file and the rows that were set aside; BadInput when the file as a whole cannot be read."""
    return parse_rights(path, _bytes(path))


def parse_rights(path: Path, data: bytes) -> tuple[Rights, list[Rejected]]:
    """`read_rights` on bytes that are there; path: only to name it in messages."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8; save the table as «CSV UTF-8»") from None
    delimiter = ";" if ";" in text.partition("\n")[0] else ","  # spreadsheets of half of Europe write semicolons
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    claims, rejected = [], []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if header != list(COLUMNS):
            raise BadInput(f"{path} row 1: columns {', '.join(header)[:200]!r}; expected {','.join(COLUMNS)}")
        for cells in reader:
            if any(cell.strip() for cell in cells):
                try:
                    claims.append(_claim(reader.line_num, [cell.strip() for cell in cells]))
                except BadInput as error:
                    rejected.append(Rejected(reader.line_num, str(error)))
    except csv.Error as error:
        raise BadInput(f"{path} row {reader.line_num}: {error}; look for a quote that is not closed") from None
    if rejected and not claims:
        raise BadInput(f"{path} row {rejected[0].row}, {rejected[0].reason}; no row of the file can be used")
    return Rights(tuple(claims), sha256(data).hexdigest()[:12]), rejected


def import_rights(file: str | Path, db: str | Path) -> tuple[Rights, list[Rejected]]:
    """Check a rights file and keep it beside the index, the rows set aside in `rights_rejected.csv`; replaces the one before."""
    data = _bytes(Path(file))
    rights, rejected = parse_rights(Path(file), data)
    Path(db).mkdir(parents=True, exist_ok=True)
    report = io.StringIO()
    csv.writer(report, lineterminator="\n").writerows([("row", "reason"), *rejected])
    (Path(db) / "rights_rejected.csv").write_text(report.getvalue(), encoding="utf-8")
    aside = Path(db) / "rights.tmp"
    aside.write_bytes(data)
    durable_rename(aside, Path(db) / "rights.csv")  # a reader sees the old file or the new one
    return rights, rejected


def open_rights(db: str | Path) -> Rights:
    """The snapshot beside an index; empty when no rights were imported."""
    path = Path(db) / "rights.csv"
    return read_rights(path)[0] if path.exists() else Rights()


def _bytes(path: Path) -> bytes:
    """The whole file, within bounds."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file; expected a CSV with the columns {','.join(COLUMNS)}")
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path}: {path.stat().st_size:,} bytes; expected at most {MAX_BYTES:,}")
    data = path.read_bytes()
    if data[:4] == b"PK\x03\x04":
        raise BadInput(f"{path}: a spreadsheet or a zip; save it as «CSV UTF-8»")
    if b"\0" in data:
        raise BadInput(f"{path}: binary, or UTF-16; save the table as «CSV UTF-8»")
    return data


def _claim(row: int, cells: list[str]) -> Claim:
    """A row as a claim; BadInput begins with the field that is wrong."""
    if len(cells) != len(COLUMNS):
        raise BadInput(f"{len(cells)} cells; expected {len(COLUMNS)}")
    reference, owner, territories, begin, end, action, minimum, show = cells
    for name, value in (("reference", reference), ("owner", owner)):
        if not value or len(value) > LONGEST_TEXT or any(category(letter) == "Cc" for letter in value):
            raise BadInput(f"{name}: {value[:40]!r}; expected 1 to {LONGEST_TEXT} characters, none of control")
    if action not in ACTIONS:
        raise BadInput(f"action: {action[:40]!r}; expected {', '.join(ACTIONS)}")
    if (action == ALLOW) != bool(show) or len(show) > LONGEST_TEXT:
        raise BadInput(f"show: {show[:40]!r}; expected the id of a show with allow, and nothing with other actions")
    inside, outside = _territories(territories)
    valid_from, valid_until = _day("valid_from", begin, date.min), _day("valid_until", end, date.max)
    if valid_until < valid_from:
        raise BadInput(f"valid_until: {end} is before valid_from {begin}; exchange them")
    return Claim(row, reference, owner, inside, outside, valid_from, valid_until, action, _minimum(minimum), show)


def _territories(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The territories of a claim, and those taken out of WORLD."""
    words = text.upper().split()
    inside = frozenset(word for word in words if not word.startswith("-"))
    outside = frozenset(word[1:] for word in words if word.startswith("-"))
    unknown = sorted((inside - {WORLD} - COUNTRIES) | (outside - COUNTRIES))
    if unknown:
        raise BadInput(f"territories: {unknown[0][:20]!r} is no ISO 3166-1 code; expected WORLD or codes such as GB")
    if not inside or (outside and inside != {WORLD}):
        raise BadInput(f"territories: {text[:40]!r}; expected WORLD, WORLD -US, or codes such as DE FR")
    return inside, outside


def _day(name: str, text: str, default: date) -> date:
    try:
        if text and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            raise ValueError(text)
        return date.fromisoformat(text) if text else default
    except ValueError:
        raise BadInput(f"{name}: {text[:40]!r}; expected a day such as 2026-12-31, or nothing") from None


def _minimum(text: str) -> int:
    if text and not (re.fullmatch(r"\d{1,5}(\.\d{1,3})?", text, re.ASCII)):
        raise BadInput(f"minimum_s: {text[:40]!r}; expected seconds such as 10 or 7.5, or nothing")
    return round(float(text or 0) * 1000)
