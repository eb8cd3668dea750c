"""`liner podcast-recs`: demo, ablate, recommend, search, import, forget, evaluate-impressions, serve, capacity."""

import argparse
from typing import Any

from podcast_recs.capacity import Assumptions, estimate
from shared.capacity import add_capacity_verb
from shared.console.serve import add_address, serve
from shared.errors import BadInput
from shared.output import print_json

SIZES = ("tiny", "small", "medium")
INTENTS = ("commute", "learn", "relax")


def add_verbs(verbs: Any) -> None:
    """Add this system's verbs."""
    for name, what, run in (
        ("demo", "learn from a world, publish an episode, see it in the right slates at once", _demo),
        ("ablate", "what each difference from music is worth", _ablate),
    ):
        verb = verbs.add_parser(name, help=what)
        verb.add_argument("--size", default="small", choices=SIZES)
        verb.add_argument("--seed", type=int, default=1)
        verb.add_argument("--json", action="store_true")
        verb.set_defaults(run=run)
    recommend = verbs.add_parser("recommend", help="a listener's slate, with reasons")
    recommend.add_argument("user", type=int)
    recommend.add_argument("--intent", default="commute", choices=INTENTS)
    recommend.add_argument("--minutes", type=float, default=0, help="the time they have; 0: not said")
    recommend.add_argument("--json", action="store_true")
    recommend.set_defaults(run=_recommend)
    search = verbs.add_parser("search", help="episodes about something, by words and by meaning")
    search.add_argument("text")
    search.add_argument("--json", action="store_true")
    search.set_defaults(run=_search)
    feeds = verbs.add_parser("import", help="RSS feeds or an OPML list of them, from files")
    feeds.add_argument("feeds", nargs="+", metavar="FEED")
    feeds.add_argument("--json", action="store_true")
    feeds.set_defaults(run=_import)
    forget = verbs.add_parser("forget", help="delete a listener and all that they did")
    forget.add_argument("user", type=int)
    forget.add_argument("--json", action="store_true")
    forget.set_defaults(run=_forget)
    impressions = verbs.add_parser("evaluate-impressions", help="learn and judge a log in MIND's format")
    impressions.add_argument(
        "--behaviors", required=True, metavar="FILE", help="id, user, time, history, impressions by tabs"
    )
    impressions.add_argument("--news", metavar="FILE", help="id, category, subcategory, title, abstract by tabs")
    impressions.add_argument("--json", action="store_true")
    impressions.set_defaults(run=_impressions)
    service = verbs.add_parser("serve", help="GET /podcast-recs/slate, and the page")
    add_address(service)
    service.set_defaults(run=lambda arguments: serve(arguments, "podcast_recs", "podcast-recs/"))
    add_capacity_verb(verbs, Assumptions, estimate)


def _demo(arguments: argparse.Namespace) -> None:
    from podcast_recs.demo import demo

    demo(arguments.size, arguments.seed, arguments.json)


def _ablate(arguments: argparse.Namespace) -> None:
    from dataclasses import asdict

    from podcast_recs.ablate import SESSIONS, ablate, print_rows
    from podcast_recs.setting import make_setting

    rows = ablate(make_setting(arguments.size, arguments.seed), SESSIONS[arguments.size])
    if arguments.json:
        print_json({"variants": [asdict(row) for row in rows]})
    else:
        print_rows(rows)


def _opened() -> Any:
    from podcast_recs.serving import Serving
    from podcast_recs.store import path_of
    from shared.settings import Settings

    return Serving(path_of(Settings().home))


def _recommend(arguments: argparse.Namespace) -> None:
    from podcast_recs.views import slate_view

    serving, user = _opened(), _checked(arguments.user)
    slots = serving.slate(user, INTENTS.index(arguments.intent), arguments.minutes, 10, serving.now)
    view = slate_view(serving, user, slots)
    if arguments.json:
        print_json(view)
        return
    for slot in view["slots"]:
        print(
            f"{slot['rank']:>2}. {slot['title'][:40]:<40}  {slot['show'][:28]:<28}  {slot['minutes']:>3} min  {slot['reason']}"
        )


def _checked(user: int) -> int:
    if user < 0:
        raise BadInput(f"listener {user}: expected 0 or more")
    return user


def _search(arguments: argparse.Namespace) -> None:
    from podcast_recs.views import episode_view

    serving = _opened()
    found = [
        episode_view(serving, episode) | {"score": round(score, 3)}
        for episode, score in serving.search(arguments.text, 10)
    ]
    if arguments.json:
        print_json({"query": arguments.text, "episodes": found})
        return
    for rank, episode in enumerate(found, 1):
        print(f"{rank:>2}. {episode['title'][:48]:<48}  {episode['show'][:30]:<30}  {episode['score']:.2f}")


def _import(arguments: argparse.Namespace) -> None:
    from podcast_recs.feeds import import_feeds
    from podcast_recs.store import path_of
    from shared.clock import system_clock
    from shared.settings import Settings

    report = import_feeds(path_of(Settings().home), arguments.feeds, system_clock())
    if arguments.json:
        print_json(report)
        return
    print(f"{report['shows']} shows, {report['episodes']} new episodes, {report['known']} known already")
    for reason, count in sorted(report["rejected"].items()):
        print(f"  left out: {count} × {reason}")
    print(f"store {report['store']}; next: liner podcast-recs search TEXT, liner podcast-recs recommend 0")


def _forget(arguments: argparse.Namespace) -> None:
    from podcast_recs.store import forget, path_of
    from shared.settings import Settings

    user = _checked(arguments.user)
    count = forget(path_of(Settings().home), user)
    if arguments.json:
        print_json({"user": user, "events": count})
    else:
        print(f"listener {user}: {count:,} events deleted; nothing of theirs is taken any more")


def _impressions(arguments: argparse.Namespace) -> None:
    from podcast_recs.behaviors import read_behaviors, read_news
    from podcast_recs.impressions import evaluate

    log = read_behaviors(arguments.behaviors)
    found = evaluate(log, read_news(arguments.news, log.items) if arguments.news else None)
    if arguments.json:
        print_json(found)
        return
    print("  ".join(f"{name} {found[name]:.4f}" for name in ("auc", "mrr", "ndcg@5", "ndcg@10")))
    print(f"{found['tested']:,} of {found['impressions']:,} impressions tested; learned in {found['fit_s']} s")
    for reason, count in sorted(found["rejected"].items()):
        print(f"  left out: {count} × {reason}")
