"""Who decides about a recording, where and when: claims, licences, and the one rule that settles conflicts.

The detector says what was heard; whether that matters is the owners' business and lives here, so that a policy changes
without a sample being heard again. `decide` is a pure function of (matches, rights snapshot, show, day): the same four
give the same decisions and the same audit lines, a year later too, because each line names the snapshot's version.

The rule, in order. A claim speaks when its reference was heard, its territory and dates cover the question, and at
least its minimum was heard (seconds of the upload in which that reference was heard: cutting a song into pieces evades
nothing, and a second in two matches is one second). A licence (`allow`) silences the claims of the owner that gave it,
for one show, until it expires; no owner can license another's share. Of the claims left the strictest wins: block >
monetise > track > none; among equals the earliest valid_from, then the owner's name, then the row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import NamedTuple
from unicodedata import normalize

from copyright_detect.records import Match

WORLD = "WORLD"
ELSEWHERE = "elsewhere"
"""Stands for every territory that no claim on the reference names."""
ALLOW = "allow"
STRICTNESS = {"none": 0, "track": 1, "monetise": 2, "block": 3}


class Claim(NamedTuple):
    """One row of a rights file. territories and excluded: ISO 3166-1 codes or WORLD; both dates belong to the term."""

    row: int
    reference: str
    owner: str
    territories: frozenset[str]
    excluded: frozenset[str]
    valid_from: date
    valid_until: date
    action: str  # block, monetise, track, or allow
    minimum_ms: int
    show: str  # whom an `allow` is for

    def covers(self, territory: str, day: date) -> bool:
        """Whether the claim holds in a territory (a code or ELSEWHERE) on a day."""
        inside = territory in self.territories or (WORLD in self.territories and territory not in self.excluded)
        return inside and self.valid_from <= day <= self.valid_until


class Rejected(NamedTuple):
    """A row without effect: its line in the file, and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Rights:
    """A snapshot: all claims in the order of the file, and the digest that decisions are filed under."""

    claims: tuple[Claim, ...] = ()
    version: str = field(default="none")

    @cached_property
    def by_reference(self) -> dict[str, list[Claim]]:
        """The claims on each reference."""
        found: dict[str, list[Claim]] = {}
        for claim in self.claims:
            found.setdefault(normalize("NFC", claim.reference), []).append(claim)
        return found

    def on(self, reference: str) -> list[Claim]:
        """The claims on a reference; accents composed or not (as file systems and spreadsheets differ) are the same name."""
        return self.by_reference.get(normalize("NFC", reference), [])

    def unknown(self, references: Iterable[str]) -> list[Rejected]:
        """Claims on references that are not among these: a name that was typed otherwise than the file is called."""
        names = {normalize("NFC", reference) for reference in references}
        lost = (claim for claim in self.claims if normalize("NFC", claim.reference) not in names)
        return [Rejected(claim.row, f"reference: {claim.reference!r} is not in the index") for claim in lost]


class Decision(NamedTuple):
    """What happens with an upload in one territory because of one reference; `because` is the audit line."""

    reference: str
    territory: str
    action: str
    owner: str
    because: str


def decide(matches: Sequence[Match], rights: Rights, show: str, day: date) -> list[Decision]:
    """One decision per reference heard and territory named by a claim on it, and one for ELSEWHERE; by reference, then territory."""
    heard: dict[str, list[Match]] = {}
    for match in matches:
        heard.setdefault(match.reference, []).append(match)
    decisions = []
    for reference, spans in sorted(heard.items()):
        claims, heard_ms = rights.on(reference), _heard_ms(spans)
        named = {code for claim in claims for code in claim.territories | claim.excluded} - {WORLD}
        for territory in [*sorted(named), ELSEWHERE]:
            standing = [claim for claim in claims if claim.covers(territory, day)]
            action, owner, why = _settle(standing, heard_ms, show)
            said = f"{heard_ms / 1000:.1f} s heard in {len(spans)} span{'s' * (len(spans) > 1)}; {why}"
            because = f"{action} in {territory} on {day}: {said}; rights {rights.version}"
            decisions.append(Decision(reference, territory, action, owner, because))
    return decisions


def _heard_ms(matches: Iterable[Match]) -> int:
    """Milliseconds of the upload that lie in at least one match."""
    total = until = 0
    for begin, end in sorted((round(match.start_s * 1000), round(match.end_s * 1000)) for match in matches):
        total += max(end - max(begin, until), 0)
        until = max(until, end)
    return total


def _settle(claims: Sequence[Claim], heard_ms: int, show: str) -> tuple[str, str, str]:
    """(action, owner, reason) among the claims that cover a territory and a day."""
    allowing = [claim for claim in claims if claim.action == ALLOW and claim.show == show]
    licences = {c.owner: c for c in sorted(allowing, key=lambda c: (c.valid_until, c.row))}  # the last to end
    asking, silent = [], []
    for claim in sorted((c for c in claims if c.action != ALLOW), key=_precedence):
        if licence := licences.get(claim.owner):
            silent.append(f"{claim.owner} licensed this show until {licence.valid_until} (row {licence.row})")
        elif heard_ms < claim.minimum_ms:
            silent.append(f"{_asks(claim)}, not reached")
        else:
            asking.append(claim)
    if asking:
        winner, *others = asking
        over = [f"over {claim.action} by {claim.owner} (row {claim.row})" for claim in others]
        return winner.action, winner.owner, "; ".join([_asks(winner), *over, *silent])
    return "none", "", "; ".join(silent) or "no claim covers it"


def _precedence(claim: Claim) -> tuple[int, date, str, int]:
    return -STRICTNESS[claim.action], claim.valid_from, claim.owner, claim.row


def _asks(claim: Claim) -> str:
    return f"{claim.owner} asks {claim.action} from {claim.minimum_ms / 1000:.1f} s (row {claim.row})"


def strictest(actions: Iterable[str]) -> str:
    """The strictest of some actions; none of none."""
    return max(actions, key=STRICTNESS.__getitem__, default="none")


def action_of(decisions: Iterable[Decision], reference: str) -> str:
    """The strictest action that a reference brings about anywhere."""
    return strictest(decision.action for decision in decisions if decision.reference == reference)
