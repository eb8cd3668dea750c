"""Ads on the free tier: the most revenue that does not drive listeners away, within every budget."""

from shared.systems import System

SYSTEM = System(
    name="ad_targeting",
    title="Ad targeting",
    answer="One rule: serve the best price·(1−λ) when it exceeds reserve + κ·LTV·hazard; λ paces budgets, κ trades revenue for retention.",
    commands="ad_targeting.commands:add_verbs",
    router="ad_targeting.service:router",
    page="page",
)
