"""Ads over HTTP: decide a break, report what became of it, and ask why.

An answer leaves only after the ledger holds it. A decision's id makes a retry harmless: the same id gets the first answer. Reports may
come twice, late, or about what never was; each gets its outcome and moves money at most once.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from threading import Thread
from time import sleep
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from ad_targeting.ask import BreakRequest, to_ask
from ad_targeting.decide import Reasoned, Record, read_record
from ad_targeting.desk import Desk
from ad_targeting.ledger import MAX_MICROS, Report
from ad_targeting.live import Live
from ad_targeting.publish import folder_of
from ad_targeting.records import RATINGS, Reason
from shared.bootstrap import Engines
from shared.errors import Conflict, NotFound
from shared.world.ads import CATEGORIES, CONTEXTS
from shared.world.countries import CODES
from shared.world.schema import AGE_BANDS

Decision = Annotated[str, InPath(max_length=64)]
Campaign = Annotated[int, InPath(ge=0, lt=1 << 31)]
SHOWN = 30
Explained = tuple[Record, bool, list[Reasoned], dict[int, str]]


class Event(BaseModel, extra="forbid"):
    """What a player reports of one ad."""

    decision: str = Field(max_length=64)
    slot: int = Field(ge=0, lt=16)
    kind: Literal["played", "skipped"]


class Budget(BaseModel, extra="forbid"):
    """A campaign's new budget of the day."""

    budget_micros: int = Field(ge=0, le=MAX_MICROS)


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
        """The ads of one break, best first, booked; none means a house ad (nobody may play and pay) or silence (nobody pays enough)."""
        desk = live.desk()
        ask = to_ask(asked, asked.decision or token_hex(8), live.now())
        made = brief(read_record(desk.answer([ask])[0]))
        return made if made["ads"] else made | {"instead": instead(live.explain(ask.decision))}

    @api.post("/events")
    def events(event: Event) -> dict[str, str]:
        """Report that an ad was played or skipped; the outcome says what that changed."""
        (outcome,) = live.desk().ledger.settle([Report(event.decision, event.slot, event.kind == "played")])
        return {"outcome": outcome}

    @api.get("/decisions")
    def decisions() -> dict[str, Any]:
        """The newest decisions."""
        return {"decisions": [brief(read_record(line)) for line in live.desk().ledger.books.newest(SHOWN)]}

    @api.get("/decisions/{decision}")
    def explain(decision: Decision) -> dict[str, Any]:
        """Why each campaign was or was not in a break: the decision made again from its audit record."""
        return explained(live.desk(), live.explain(decision))


def _add_campaigns(api: APIRouter, live: Live) -> None:
    @api.get("/campaigns")
    def campaigns() -> dict[str, Any]:
        """Every campaign with its price λ and where its budget is."""
        desk = live.desk()
        columns, shadow = desk.decider.policy.campaigns, desk.decider.policy.shadow.tolist()
        balances = {balance.campaign: balance._asdict() for balance in desk.ledger.books.balances()}
        rows = zip(columns.campaign_id.tolist(), columns.category.tolist(), shadow, strict=True)
        found = [balances[number] | {"category": CATEGORIES[at], "shadow": price} for number, at, price in rows]
        return {"campaigns": found}

    @api.post("/campaigns")
    def add(rule: dict[str, Any]) -> dict[str, str]:
        """Add a campaign; its fields and what they may target are a closed list (`targeting.FIELDS`)."""
        return {"policy": live.add_campaign(rule)}

    @api.put("/campaigns/{campaign}/budget")
    def edit(campaign: Campaign, budget: Budget) -> dict[str, int]:
        """Edit a budget; a cut below what is spent and promised stops the campaign there. Returns the budget in force."""
        desk = live.desk()
        if campaign not in desk.decider.policy.campaigns.campaign_id:
            raise NotFound(f"campaign {campaign}: not in the policy; GET /ad-targeting/campaigns lists them")
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
        path = folder_of(live.home) / "frontier.json"
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
    ads = [{"slot": at, "campaign": ad.campaign, "micros": ad.micros} for at, ad in enumerate(record.played)]
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
