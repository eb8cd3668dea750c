"""Somebody's own podcasts: RSS feeds and OPML lists of them, from files, with everything that feeds get wrong.

An item needs a title and audio; what else is missing is filled in a stated way, what cannot be used is left out with its reason
and counted. A guid that was there before is the same episode, whatever date it now carries: a repost is not news. Nothing is
fetched: download feeds first.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from podcast_recs.records import HOUR_MS, Kind
from podcast_recs.store import Store
from shared.clock import to_ms
from shared.errors import BadInput
from shared.output import short

MOST_BYTES = 64 << 20
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
TAGS = re.compile(r"<[^>]{0,2000}>")
DAY_MS = 24 * HOUR_MS
UNKNOWN_MS = 30 * 60_000
"""Length of an episode whose feed does not say."""
LONGEST_MS = DAY_MS


class Item(NamedTuple):
    """One usable item of a feed."""

    guid: str
    title: str
    description: str
    published: int  # ms; 0: the feed does not say
    duration_ms: int
    explicit: bool


class Feed(NamedTuple):
    """One feed; items as they stand in it, mostly newest first."""

    title: str
    description: str
    language: str
    kind: Kind
    items: list[Item]
    rejected: Counter[str]


def import_feeds(store_path: Path, files: Sequence[str], now: int) -> dict[str, Any]:
    """Read feeds and add their shows and episodes to the store; a report of what was new, known and left out."""
    feeds = [(path, read_feed(path, now)) for path in every_feed(files)]
    if not feeds:
        raise BadInput(f"{', '.join(files)}: no feed in it; expected RSS files, or OPML that names some beside it")
    store = Store(store_path)
    rejected: Counter[str] = Counter()
    new = known = 0
    try:
        for path, feed in feeds:
            rejected += feed.rejected
            added = store.add_feed(
                str(path.resolve()), feed.title, feed.description, feed.language, feed.kind, feed.items
            )
            new, known = new + added, known + len(feed.items) - added
    finally:
        store.close()
    return {
        "shows": len(feeds),
        "episodes": new,
        "known": known,
        "rejected": dict(rejected),
        "store": str(short(store_path)),
    }


def every_feed(files: Sequence[str]) -> list[Path]:
    """The feeds among the files, and those that OPML lists name as files beside them."""
    found: list[Path] = []
    for file in files:
        root = read_xml(Path(file))
        if root.tag == "opml":
            for outline in root.iter("outline"):
                target = Path(file).parent / outline.get("xmlUrl", "").removeprefix("file://")
                if outline.get("xmlUrl") and target.is_file():
                    found.append(target)
        else:
            found.append(Path(file))
    return list(dict.fromkeys(found))


def read_xml(path: Path) -> Element:
    """The root of an XML file, bounded in size; entities and external references are refused, so no file can swell or read
    others.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path}: {path.stat().st_size:,} bytes; expected a feed of at most {MOST_BYTES:,}")
        root: Element = fromstring(path.read_bytes(), forbid_dtd=False)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; feeds are read from files, download them first") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: a folder; name the feeds in it") from None
    except DefusedXmlException:
        raise BadInput(f"{path}: declares XML entities; a feed has no need of them") from None
    except (ParseError, LookupError, ValueError) as error:
        raise BadInput(f"{path}: not XML ({error}); expected RSS or OPML") from None
    return root


def read_feed(path: Path, now: int) -> Feed:
    """The channel of an RSS file; BadInput when it has none."""
    channel = read_xml(path).find("channel")
    if channel is None:
        raise BadInput(f"{path}: no <channel>; expected an RSS feed")
    rejected: Counter[str] = Counter()
    items: dict[str, Item] = {}
    for element in channel.iter("item"):
        item = _item(element, now, _text(channel, f"{ITUNES}explicit"))
        if isinstance(item, str):
            rejected[item] += 1
        elif item.guid in items:
            rejected["guid stands twice in the feed"] += 1
        else:
            items[item.guid] = item
    language = (_text(channel, "language") or "en").lower()[:2]
    kind = Kind.SERIAL if _text(channel, f"{ITUNES}type").lower() == "serial" else _kind(list(items.values()))
    return Feed(
        _text(channel, "title") or path.stem,
        plain(_text(channel, "description")),
        language,
        kind,
        list(items.values()),
        rejected,
    )


def _item(element: Element, now: int, explicit_show: str) -> Item | str:
    """The item, or why it is left out; what it does not say of being explicit its show says."""
    title = plain(_text(element, "title"))
    if not title:
        return "no title"
    if _text(element, f"{ITUNES}episodeType").lower() in ("trailer", "bonus"):
        return "trailer or bonus"
    published = _published(_text(element, "pubDate"))
    if published > now + DAY_MS:
        return "published in the future"
    duration = _duration(_text(element, f"{ITUNES}duration"))
    if duration > LONGEST_MS:
        return "longer than a day"
    description = plain(_text(element, "description") or _text(element, f"{ITUNES}summary"))
    sound = element.find("enclosure")
    guid = _text(element, "guid") or (sound is not None and sound.get("url")) or f"{title}|{published}|{duration}"
    explicit = (_text(element, f"{ITUNES}explicit") or explicit_show).lower() in ("yes", "true", "explicit")
    return Item(guid, title, description, published, duration or UNKNOWN_MS, explicit)


def plain(text: str) -> str:
    """Text without markup, entities and runs of space."""
    return " ".join(unescape(TAGS.sub(" ", unescape(text))).split())


def _text(element: Element, name: str) -> str:
    found = element.find(name)
    return (found.text or "").strip() if found is not None else ""


def _published(text: str) -> int:
    """ms; 0 when there is no date that can be read."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) if moment.year > 1990 else 0


def _duration(text: str) -> int:
    """`3723`, `62:03` or `1:02:03` in ms; 0 when it is none of them."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(part.strip().isdecimal() and part.isascii() for part in parts):
        return 0
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part.strip()[:9])
    return seconds * 1000


def _kind(items: Sequence[Item]) -> Kind:
    """News where an episode comes at least every other day, by the median gap; evergreen otherwise."""
    dates = sorted(item.published for item in items if item.published)[-20:]
    gaps = sorted(later - earlier for earlier, later in pairwise(dates))
    return Kind.NEWS if gaps and gaps[len(gaps) // 2] <= 2 * DAY_MS else Kind.EVERGREEN
