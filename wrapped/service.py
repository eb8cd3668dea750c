"""The stories over HTTP: which years and users there are, what a year says, and its cards as SVG and PNG."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from shared.bootstrap import Engines
from shared.errors import NotFound
from shared.lake import read_shard
from wrapped.cards.png import draw_png
from wrapped.cards.scene import Card
from wrapped.cards.story import story
from wrapped.cards.svg import draw_svg
from wrapped.store import read_facts

SHOWN_USERS = 12
User = Annotated[int, Path(ge=-(1 << 63), lt=1 << 63)]
Year = Annotated[int, Path(ge=2006, le=2050)]
CACHE = {"Cache-Control": "private, max-age=60"}


def router(engines: Engines) -> APIRouter:
    """The routes, over the lake of `engines`."""
    api = APIRouter(prefix="/wrapped/stories", tags=["wrapped"])

    @api.get("")
    def stories() -> dict[str, Any]:
        """The years that are published, newest first, and some users of the newest whose year says much."""
        years = sorted((int(version) for version in engines.lake.versions("wrapped/years")), reverse=True)
        return {"years": years, "users": talkative(engines, years[0]) if years else []}

    @api.get("/{year}/{user}")
    def read_story(year: Year, user: User) -> dict[str, Any]:
        """What the year says, and its cards in order with their text alternatives."""
        said = read_facts(engines.lake, user, year)
        return {
            **said,
            "user": str(user),  # a JSON number of 64 bits does not survive a browser
            "cards": [{"name": card.name, "alt": card.alt, "ground": card.theme.ground} for card in story(said)],
        }

    @api.get("/{year}/{user}/{name}.svg")
    def card_svg(year: Year, user: User, name: str) -> Response:
        """A card as SVG."""
        return Response(draw_svg(find_card(engines, year, user, name)), media_type="image/svg+xml", headers=CACHE)

    @api.get("/{year}/{user}/{name}.png")
    def card_png(year: Year, user: User, name: str) -> Response:
        """A card as PNG, 1080 × 1920."""
        return Response(draw_png(find_card(engines, year, user, name)), media_type="image/png", headers=CACHE)

    return api


def find_card(engines: Engines, year: int, user: int, name: str) -> Card:
    """A user's card by its name; NotFound when the story has none of it."""
    cards = {card.name: card for card in story(read_facts(engines.lake, user, year))}
    if name not in cards:
        raise NotFound(f"card {name!r}: this story has {', '.join(cards)}")
    return cards[name]


def talkative(engines: Engines, year: int) -> list[str]:
    """A few users of the first bucket that has some, those with the most plays first."""
    shards = engines.lake.dataset("wrapped/years", str(year)).shards
    tables = (read_shard(shard.path, ["user_id", "plays"]) for shard in shards)
    rows: list[dict[str, int]] = next((table.to_pylist() for table in tables if table.num_rows), [])
    return [str(row["user_id"]) for row in sorted(rows, key=lambda row: (-row["plays"], row["user_id"]))[:SHOWN_USERS]]
