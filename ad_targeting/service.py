"""Ads over HTTP: decide a break, report what became of it, and ask why.

An answer leaves only after the ledger holds it. A decision's id makes a retry harmless: the same id gets the first answer. Reports may
come twice, late, or about what never was; each gets its outcome and moves money at most once.

What is missing in a request is read in the listener's favour: no age is a minor, no consent is none, an unknown country gets only what may
play everywhere. Caps run on the listener's local day, which is 23 or 25 hours long twice a year; so day and hour come from the zone, never
from arithmetic on the moment. Players' clocks are not trusted: the moment is the server's.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from secrets import token_hex
from threading import Thread
from time import sleep
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from ad_targeting.decide import Reasoned, Record, read_record
from ad_targeting.desk import Desk
from ad_targeting.ledger import MAX_MICROS, Report
from ad_targeting.live import Live
from ad_targeting.records import MAX_SLOTS, RATINGS, Reason, Request
from ad_targeting.targeting import member
from shared.bootstrap import Engines
from shared.clock import from_ms
from shared.errors import BadInput, Busy, Conflict, NotFound
from shared.world.ads import CATEGORIES, CONTEXTS
from shared.world.countries import CODES, COUNTRIES
from shared.world.schema import AGE_BANDS

Decision = Annotated[str, InPath(max_length=64)]
Id = Annotated[int, InPath(ge=0, lt=1 << 31)]
SHOWN = 30
DEADLINE_S = 0.25  # a break is about to begin; money that cannot be booked by then is not taken
EPOCH_DAY = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
Explained = tuple[Record, bool, list[Reasoned], dict[int, str]]


class BreakRequest(BaseModel, extra="forbid"):
    """One ad break that asks for ads."""

    decision: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="a retry's gets the same answer")
    user: int = Field(ge=0, lt=1 << 31)
    country: str | None = Field(None, description="ISO code; without one, only campaigns for every country play")
    zone: str | None = Field(None, max_length=64, description="IANA time zone; without one, the country's most common")
    age: str | None = Field(None, description=f"one of {', '.join(AGE_BANDS)}; without one, a minor")
    context: str = Field(description=f"what plays: one of {', '.join(CONTEXTS)}")
    rating: str = Field("explicit", description=f"of what plays: one of {', '.join(RATINGS)}; without one, the worst")
    consent: bool = Field(False, description="whether the profile may be used")
    slots: int = Field(ge=1, le=MAX_SLOTS)


class Event(BaseModel, extra="forbid"):
    """What a player reports of one ad."""

    decision: str = Field(max_length=64)
    slot: int = Field(ge=0, lt=16)
    kind: Literal["played", "skipped"]


class Budget(BaseModel, extra="forbid"):
    """A campaign's new budget of the day."""

    budget_micros: int = Field(ge=0, le=MAX_MICROS)


def to_request(asked: BreakRequest, now: int) -> Request:
    """The names as numbers; now in ms; BadInput names the field."""
    country = _country(asked.country)
    there = from_ms(now).astimezone(_zone(asked.zone, country))
    age = -1 if asked.age is None else AGE_BANDS.index(member(asked.age, "age", AGE_BANDS))
    context = CONTEXTS.index(member(asked.context, "context", CONTEXTS))
    rating = RATINGS.index(member(asked.rating, "rating", RATINGS))
    day = there.toordinal() - EPOCH_DAY
    return Request(day, now, asked.user, country, age, context, there.hour, rating, int(asked.consent), asked.slots)


def _country(code: str | None) -> int:
    if code is None:
        return -1
    if not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):
        raise BadInput(f"country {code!r}: expected two capital letters (ISO 3166) such as SE, or none")
    return CODES.index(code) if code in CODES else -1


def _zone(name: str | None, country: int) -> ZoneInfo:
    if name is None:
        zones = COUNTRIES[country].zones if country >= 0 else {"UTC": 1}
        return ZoneInfo(max(zones, key=lambda zone: zones[zone]))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(f"zone {name!r}: expected an IANA time zone such as Europe/Stockholm") from error


def router(engines: Engines) -> APIRouter:
    """The routes, over what is published under LINER_HOME."""
    live = Live(engines.settings.home, engines.clock)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        yield
        live.close()

    api = APIRouter(prefix="/ad-targeting", tags=["ad-targeting"], lifespan=lifespan)
    _add_decisions(api, live)
    _add_campaigns(api, live)
    _add_page(api, live)
    return api


def _add_decisions(api: APIRouter, live: Live) -> None:
    @api.post("/decide")
    def decide(asked: BreakRequest) -> dict[str, Any]:
        """The ads of one break, best first, booked; none means a house ad (nobody may play and pay) or silence (nobody pays enough, or
        the ledger is not free in time: then nothing is booked, and a retry decides anew)."""
        desk = live.desk()
        decision = asked.decision or token_hex(8)
        try:
            (line,) = desk.answer([(decision, to_request(asked, live.now()))], DEADLINE_S)
        except Busy:
            return {"decision": decision, "ads": [], "instead": "silence"}
        made = brief(read_record(line))
        return made if made["ads"] else made | {"instead": instead(live.explain(decision))}

    @api.post("/events")
    def events(event: Event) -> dict[str, str]:
        """Report that an ad was played or skipped; the outcome says what that changed."""
        (outcome,) = live.desk().ledger.settle([Report(event.decision, event.slot, event.kind == "played")])
        return {"outcome": outcome}

    @api.delete("/listeners/{user}")
    def forget(user: Id) -> dict[str, int]:
        """Delete a listener; the decisions that were theirs stay as nobody's."""
        return {"decisions": live.desk().forget(user)}

    @api.get("/decisions")
    def decisions() -> dict[str, Any]:
        """The newest decisions."""
        return {"decisions": [brief(read_record(line)) for line in live.desk().ledger.books.newest(SHOWN)]}

    @api.get("/decisions/{decision}")
    def explain(decision: Decision) -> dict[str, Any]:
        """Why each campaign was or was not in a break: the decision made again from its audit record."""
        return explained(live.desk(), live.explain(decision))


def _add_campaigns(api: APIRouter, live: Live) -> None:
    @api.post("/campaigns")
    def add(rule: dict[str, Any]) -> dict[str, str]:
        """Add a campaign; its fields and what they may target are a closed list (`targeting.FIELDS`)."""
        return {"policy": live.add_campaign(rule)}

    @api.put("/campaigns/{campaign}/budget")
    def edit(campaign: Id, budget: Budget) -> dict[str, int]:
        """Edit a budget; a cut below what is spent and promised stops the campaign there. Returns the budget in force."""
        desk = live.desk()
        if campaign not in desk.decider.policy.campaigns.campaign_id:
            raise NotFound(f"campaign {campaign}: not in the policy; GET /ad-targeting/pacing lists them")
        in_force = desk.ledger.set_budgets({campaign: budget.budget_micros})
        return {"campaign": campaign, "budget_micros": in_force[campaign]}


def _add_page(api: APIRouter, live: Live) -> None:
    @api.get("/pacing")
    def pacing() -> dict[str, Any]:
        """Spending by quarter of an hour, live."""
        return live.pacing()

    @api.get("/frontier")
    def frontier() -> dict[str, Any]:
        """Revenue against retention, a point for each κ."""
        path = live.folder / "frontier.json"
        try:
            found: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError as error:
            raise NotFound(f"{path}: not there; make it with `liner ad-targeting demo`") from error
        return found

    @api.get("/names")
    def names() -> dict[str, Any]:
        """What requests may name."""
        return {"countries": CODES, "ages": AGE_BANDS, "contexts": CONTEXTS, "ratings": RATINGS}

    @api.post("/play", status_code=202, include_in_schema=False)
    def play() -> dict[str, str]:
        """Play the demo's day through this service, from full budgets. One at a time."""
        if not live.begin():
            raise Conflict("the day is being played; watch it on /ad-targeting/pacing")
        Thread(target=live.play_day, args=(sleep,), daemon=True).start()
        return {"status": "started"}


def brief(record: Record) -> dict[str, Any]:
    """A decision as a player needs it."""
    ads = [{"slot": at, "campaign": ad, "micros": micros} for at, (ad, micros) in enumerate(record.played)]
    _, moment, user, country, age, context, hour, rating, consent, slots = record.request
    asked = {
        "moment_ms": moment, "user": user, "country": CODES[country] if country >= 0 else None, "hour": hour,
        "age": AGE_BANDS[age] if age >= 0 else None, "context": CONTEXTS[context], "rating": RATINGS[rating],
        "consent": bool(consent), "slots": slots,
    }  # fmt: skip
    return {"decision": record.decision, "ads": ads, "request": asked}


def explained(desk: Desk, found: Explained) -> dict[str, Any]:
    """A decision with every campaign's reason, the played and the nearest losers first."""
    record, identical, reasons, slots = found
    columns = desk.decider.policy.campaigns
    category = dict(zip(columns.campaign_id.tolist(), (CATEGORIES[at] for at in columns.category), strict=True))
    rows = [
        {
            "campaign": each.campaign_id, "category": category.get(each.campaign_id), "reason": each.reason.name,
            "because": each.reason.because, "price_micros": each.price, "value_micros": each.value,
        }
        for each in sorted(reasons, key=lambda each: (each.reason is not Reason.SERVED, -each.value, each.campaign_id))
    ]  # fmt: skip
    about = {"policy": record.policy, "prices": record.prices, "replays_identically": identical, "slots": slots}
    return {**brief(record), **about, "instead": instead(found), "campaigns": rows}


def instead(found: Explained) -> str | None:
    """What plays when no ad does: silence where someone would have paid, but not enough; else a house ad."""
    if found[0].played:
        return None
    return "silence" if any(each.reason is Reason.FLOOR for each in found[2]) else "house ad"
