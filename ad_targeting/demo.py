"""What `liner ad-targeting demo`, `simulate` and `frontier` show."""

import json
from typing import Any

import numpy as np

from ad_targeting import frontier as f
from ad_targeting.bound import solve, spots
from ad_targeting.publish import publish
from ad_targeting.simulate import Day, compare, make_day
from shared.bootstrap import engines
from shared.output import print_json, print_next, short, size_of
from shared.svg import Axis, line_plot


def demo(slots: int, campaigns: int, seed: int, as_json: bool) -> None:
    """A day under every policy, then the frontier; what the page and the service need is published beside."""
    with engines() as opened:
        home = opened.settings.home / "ad_targeting"
    home.mkdir(parents=True, exist_ok=True)
    day = make_day(seed, slots, campaigns, "normal")
    report = compare(day)
    if not as_json:
        print_day(day, "normal", report)
    points = draw_frontier(day, seed)
    files = home / "frontier.svg", home / "frontier.json"
    files[0].write_text(frontier_svg(points))
    files[1].write_text(json.dumps(to_json(points), allow_nan=False))
    best = f.summary(points)["beats_fill_all"]
    kappa = best.setting if best else 0.0
    policy = publish(opened.settings.home, day.market, day.yesterday, report["shadow"], 0.0, kappa)
    if as_json:
        paths = list(map(str, files))
        print_json({"day": plain(report), "frontier": to_json(points), "policy": policy, "files": paths})
        return
    print_frontier(points)
    print()
    for file in files:
        print(f"{short(file)}  {size_of(file)}")
    print(f"policy {policy}: models, prices and κ for the service and the page")
    print_next("liner ad-targeting capacity --listeners 1e9", "liner console", "ad_targeting/README.md")


def simulate(scenario: str, caps: bool, slots: int, campaigns: int, seed: int, as_json: bool) -> None:
    """One scenario under every policy."""
    day = make_day(seed, slots, campaigns, scenario, caps)
    report = compare(day)
    if as_json:
        print_json({"scenario": scenario, "seed": seed, "slots": slots, "campaigns": campaigns, **plain(report)})
    else:
        print_day(day, scenario, report)


def frontier(slots: int, campaigns: int, seed: int, as_json: bool) -> None:
    """The frontier alone."""
    points = draw_frontier(make_day(seed, slots, campaigns, "normal"), seed)
    if as_json:
        print_json(to_json(points))
    else:
        print_frontier(points)


def plain(report: dict[str, Any]) -> dict[str, Any]:
    """A report without its arrays."""
    policies = {name: {k: v for k, v in found.items() if k != "outcome"} for name, found in report["policies"].items()}
    return {"bound_micros": report["bound_micros"], "policies": policies}


def print_day(day: Day, scenario: str, report: dict[str, Any]) -> None:
    """One line a policy: revenue, share of the bound, distance from the optimum's spending."""
    breaks = day.today.breaks
    print(f"{scenario} day: {breaks.slots.sum():,} slots in {breaks.moment.size:,} breaks, {day.group.size} campaigns")
    if day.caps:
        print("frequency caps are kept, and a break plays one ad of a category; the bound knows both")
    print(f"nobody can earn more than {report['bound_micros'] / 1e6:,.2f} € (weak duality); earned:\n")
    print(f"{'policy':30}{'revenue €':>12}{'of the bound':>14}{'spend error: mean':>20}{'p95':>8}{'overspent':>12}")
    for name, found in sorted(report["policies"].items(), key=lambda item: item[1]["revenue_micros"]):
        errors = f"{found['spend_error_mean']:>20.2%}{found['spend_error_p95']:>8.1%}"
        earned = f"{found['revenue_micros'] / 1e6:>12,.2f}{found['share_of_bound']:>14.2%}"
        print(f"{name:30}{earned}{errors}{found['overspent_micros']:>12}")


def draw_frontier(day: Day, seed: int) -> dict[str, list[f.Point]]:
    """The points of every policy, for the listeners of the day's yesterday."""
    floor = np.zeros(day.yesterday.breaks.moment.size)
    shadow = solve(day.yesterday, day.market.campaigns.budget, day.group, floor, rounds=20).shadow
    played = spots(day.yesterday, day.group, shadow, floor)
    return f.frontier(f.audience(day.market, day.yesterday, played, shadow), seed)


def to_json(points: dict[str, list[f.Point]]) -> dict[str, Any]:
    """Points by policy: setting (κ for churn prices), micros a listener, retention, ads an hour; `points` are ours."""
    policies = {name: [_as_json(point) for point in found] for name, found in points.items()}
    summary = f.summary(points)
    best = summary["beats_fill_all"]
    found = {"points": policies[f.OURS], "fill_all": policies[f.FILL][0], "beats_fill_all": best and _as_json(best)}
    return found | {"equal_retention": summary["equal_retention"], "policies": policies}


def _as_json(point: f.Point) -> dict[str, float]:
    return {"kappa": point.setting, "revenue_micros": point.revenue, "retention": point.retention, "load": point.load}


def print_frontier(points: dict[str, list[f.Point]]) -> None:
    """Where each policy stands, and what beats filling everything."""
    fill, summary = points[f.FILL][0], f.summary(points)
    print("\nrevenue against retention over half a year, fill every slot = 100:\n")
    for name, found in points.items():
        some = found[:: max(1, len(found) // 5)]
        marks = "  ".join(f"{p.revenue / fill.revenue * 100:5.1f} @ {p.retention:.1%}" for p in some)
        print(f"{name:34}{marks}")
    best = summary["beats_fill_all"]
    if best:
        more, longer = best.revenue / fill.revenue - 1, (best.retention - fill.retention) * 100
        beats = f"{more:+.1%} revenue, {longer:+.1f} points retention"
        print(f"\nκ = {best.setting:g} beats «fill every slot» on both axes: {beats}")
    for level, found in summary["equal_retention"].items():
        reserve, cap = ("–" if found[key] is None else f"{found[key]:+.1%}" for key in ("over_reserve", "over_cap"))
        print(f"at {level}: ours earns {reserve} over the best single reserve, {cap} over a cap on ads an hour")


def frontier_svg(points: dict[str, list[f.Point]]) -> str:
    """Revenue over retention, a line a policy."""
    fill, lines = points[f.FILL][0].revenue, dict[str, Any]()
    for name in (f.OURS, f.RESERVE, f.THINNING, f.CAP):
        lines[name] = [(100 * point.retention, 100 * point.revenue / fill) for point in points[name]]
    return line_plot("", Axis("listeners who stay half a year, %"), Axis("revenue, fill every slot = 100"), lines)
