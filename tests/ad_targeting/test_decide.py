"""A decision: what an obvious program would decide, within every rule, and the same again from its record, byte for byte."""

import os
from collections import Counter
from itertools import combinations

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ad_targeting import calibration, hashed, trees
from ad_targeting.decide import TOP, Decider, read_record
from ad_targeting.filters import reason
from ad_targeting.learn import repriced
from ad_targeting.model import CROSSED, MAINS, START, VALUES, cheap, codes_of, cross, unroll
from ad_targeting.policy import digest, load, save
from ad_targeting.records import ADULT, ALL_AGES, SENSITIVE, Reason
from ad_targeting.world import make_log, request_of
from shared.errors import BadInput, NotFound
from shared.world.ads import CATEGORIES
from tests.ad_targeting.by_hand import HOUR_MS, request

DECISIONS = int(os.environ.get("LINER_AD_DECISIONS", "5000"))
PLENTY = np.iinfo(np.int64).max


def requests_of(market, day=0):
    """Every break of a day, as requests."""
    breaks = make_log(market, day).breaks
    for row in range(breaks.moment.size):
        yield request_of(breaks, row)


def plenty(decider):
    return np.full(len(decider.policy.campaigns.bid), PLENTY)


def obvious(policy, asked, met, left):
    """[(campaign, price)] by the definition: the models on one row at a time, every break tried."""
    campaigns, model = policy.campaigns, policy.model
    value, price = {}, {}
    for ad in range(len(campaigns.bid)):
        if reason(campaigns, ad, asked, met.get(ad, 0)) is Reason.SERVED:
            value[ad], price[ad] = worth(policy, ad, probability(model, campaigns, ad, asked), asked, left)
    for ad in sorted((ad for ad in value if value[ad] > -np.inf), key=lambda ad: (-value[ad], ad))[:TOP]:
        value[ad], price[ad] = worth(policy, ad, probability(model, campaigns, ad, asked, True), asked, left)
    good = [ad for ad in sorted(value, key=lambda ad: (-value[ad], ad)) if value[ad] > 0]
    best = max(breaks(campaigns, good, asked.slots), key=lambda ads: sum(value[ad] for ad in ads))
    return [(ad, price[ad]) for ad in best]


def probability(model, campaigns, ad, asked, careful=False):
    codes = codes_with(campaigns, ad, asked)
    margin, knots = margin_of(model, ad, codes), model.cheap_knots
    if careful:
        row = np.array([*codes[:6], codes[7], margin], np.float64)
        margin, knots = margin + trees.score(model.trees, row), model.careful_knots
    return calibration.apply(knots[0], knots[1], 1 / (1 + np.exp(-margin)))


def codes_with(campaigns, ad, asked):
    codes = np.empty(MAINS + CROSSED, np.int64)
    codes_of(asked, codes)
    cross(codes, campaigns.campaign_id[ad], campaigns.category[ad])
    return codes


def margin_of(model, ad, codes):
    shared = sum(float(model.request[START[field] + codes[field]]) for field in range(len(VALUES)))
    crossed = sum(float(model.campaign[ad, 1 + START[field] + codes[field]]) for field in range(CROSSED))
    return model.bias[0] + shared + (float(model.campaign[ad, 0]) + crossed)


def worth(policy, ad, p, asked, left):
    price = max(int(policy.campaigns.bid[ad] * p + 0.5), 1)
    known = asked.user if asked.user < len(policy.churn) - 1 else -1
    value = price * (1 - policy.shadow[ad]) - (policy.terms[0] + policy.terms[1] * policy.churn[known])
    return (value if price <= left[ad] else -np.inf), price


def breaks(campaigns, good, slots):
    for size in range(slots + 1):
        for ads in combinations(good[:14], size):
            if len({int(campaigns.category[ad]) for ad in ads}) == size:
                yield ads


def test_it_is_what_the_obvious_program_decides(market, decider):
    rng = np.random.default_rng(3)
    for asked in list(requests_of(market))[:60]:
        met = {int(ad): int(rng.integers(1, 4)) for ad in rng.choice(60, 8, replace=False)}
        left = np.where(rng.random(60) < 0.3, rng.integers(0, 60_000, 60), PLENTY)
        assert decider.choose(asked, met, left) == obvious(decider.policy, asked, met, left)


def test_the_unrolled_table_says_what_the_hash_table_says(market, policy):
    weights = np.random.default_rng(2).normal(0, 1, 1 << hashed.BITS).astype(np.float32)
    of_request, of_campaign = unroll(weights, market.campaigns)
    unrolled = policy.model._replace(request=of_request, campaign=of_campaign, bias=np.array([0.5]))
    for asked in list(requests_of(market))[:5]:
        for ad in range(len(market.campaigns.bid)):
            codes = codes_with(market.campaigns, ad, asked)
            (margin,) = hashed.score(hashed.cells(codes[None]), weights, 0.5)
            assert margin == pytest.approx(margin_of(unrolled, ad, codes), abs=1e-5)


def test_no_rule_is_broken_in_many_decisions(market, decider):
    """Caps, separation, consent, age, safety, budgets: counted on what was played, by the campaigns' own words."""
    campaigns, left = decider.policy.campaigns, decider.policy.campaigns.budget // 3
    met, spent, silent, days = {}, np.zeros_like(left), 0, 0
    requests = requests_of(market)
    for _ in range(DECISIONS):
        asked = next(requests, None)
        if asked is None:
            days += 1
            met, left, requests = {}, left + spent, requests_of(market)
            spent[:] = 0
            asked = next(requests)
        mine = met.setdefault(asked.user, {})
        played = decider.choose(asked, mine, left)
        silent += not played
        for ad, micros in played:
            broken = broken_rule(campaigns, ad, asked, mine)
            assert not broken, f"{asked}: campaign {ad}: {broken}"
            assert 0 < micros <= min(left[ad], campaigns.bid[ad])
            left[ad] -= micros
            spent[ad] += micros
            mine[ad] = mine.get(ad, 0) + 1
        ads = [ad for ad, _ in played]
        assert len(ads) <= asked.slots
        assert len({int(campaigns.category[ad]) for ad in ads}) == len(ads)
    assert 0 < silent < DECISIONS / 2


def broken_rule(campaigns, ad, asked, mine):
    """The rule that an ad's playing would break, or nothing; written apart from the filters."""
    profiled = campaigns.ages[ad] != ALL_AGES
    rules = {
        "flight": campaigns.starts[ad] <= asked.moment < campaigns.ends[ad],
        "country": int(campaigns.countries[ad]) >> asked.country & 1 == 1,
        "context": int(campaigns.contexts[ad]) >> asked.context & 1 == 1,
        "hour": int(campaigns.hours[ad]) >> asked.hour & 1 == 1,
        "consent": asked.consent == 1 or not profiled,
        "minor": asked.age >= ADULT or not (profiled or CATEGORIES[campaigns.category[ad]] in CATEGORIES[SENSITIVE:]),
        "age": not profiled or int(campaigns.ages[ad]) >> asked.age & 1 == 1,
        "safety": asked.rating <= campaigns.rating[ad],
        "cap": mine.get(ad, 0) < campaigns.cap[ad],
    }
    return next((rule for rule, held in rules.items() if not held), None)


def test_without_consent_the_age_changes_nothing(market, decider):
    for asked in list(requests_of(market))[:300]:
        hidden = [asked._replace(consent=0, age=age) for age in (1, 2, 5)]
        ways = [decider.choose(one, {}, plenty(decider)) for one in hidden]
        assert ways[0] == ways[1] == ways[2]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_the_record_makes_the_same_bytes_again(market, decider, data):
    asked = data.draw(st.sampled_from(list(requests_of(market))[:500]))
    met = data.draw(st.dictionaries(st.integers(0, 59), st.integers(1, 4), max_size=6))
    left = np.array(data.draw(st.lists(st.sampled_from([0, 20_000, PLENTY]), min_size=60, max_size=60)))
    played = decider.choose(asked, met, left)
    line = decider.record("d-1", asked, met, left, played)
    assert Decider(decider.policy, decider.digest).replay(line) == line
    reasons = decider.explain(read_record(line))
    campaigns = decider.policy.campaigns
    assert [each.campaign_id for each in reasons] == campaigns.campaign_id.tolist()
    served = {int(campaigns.campaign_id[ad]) for ad, _ in played}
    assert {each.campaign_id for each in reasons if each.reason is Reason.SERVED} == served


def test_every_reason_is_given(market, decider):
    """Over a day each reason occurs, and each is true."""
    found, left = Counter(), plenty(decider)
    left[:20] = 10_000
    campaigns = decider.policy.campaigns
    for number, asked in enumerate(list(requests_of(market))[:400]):
        asked = asked._replace(moment=asked.moment + (400 * 24 * HOUR_MS if number % 40 == 0 else 0))
        met = dict.fromkeys(range(20, 30), 9)
        line = decider.record("d", asked, met, left, decider.choose(asked, met, left))
        for ad, each in enumerate(decider.explain(read_record(line))):
            found[each.reason] += 1
            assert each.reason is not Reason.BUDGET or each.price > left[ad]
            assert each.reason is not Reason.CAP or campaigns.cap[ad] <= 9
            assert each.reason is not Reason.FLOOR or each.value <= 0
            assert each.reason not in (Reason.OUTBID, Reason.SEPARATION) or each.value > 0
    assert set(found) == set(Reason)


@pytest.mark.parametrize("bias", [float("nan"), -float("inf")])
def test_what_is_no_probability_is_worth_nothing(policy, bias):
    knots = np.array([[-1.0, 1.0], [-np.inf, np.inf]]) if bias < 0 else policy.model.cheap_knots
    model = policy.model._replace(bias=np.array([bias]), cheap_knots=knots, careful_knots=knots)
    decider = Decider(policy._replace(model=model), "0" * 16)
    assert decider.choose(request(), {}, plenty(decider)) == []


def test_a_careful_model_that_says_nothing_leaves_the_cheap_ones_word(policy):
    knots = np.array([[0.0, 1.0], [np.nan, np.nan]])
    decider = Decider(policy._replace(model=policy.model._replace(careful_knots=knots)), "0" * 16)
    ((ad, price), *_) = decider.choose(request(), {}, plenty(decider))
    p = probability(policy.model, policy.campaigns, ad, request())
    assert price == worth(policy, ad, p, request(), plenty(decider))[1]


def test_a_policy_comes_back_from_its_file_as_it_was(policy, tmp_path):
    name = save(tmp_path, policy)
    assert digest(load(tmp_path)) == digest(load(tmp_path, name)) == name == digest(policy)


def test_a_policy_that_was_touched_is_refused(policy, tmp_path):
    name = save(tmp_path, policy)
    save(tmp_path, policy._replace(terms=np.array([0.0, 0.0])))
    other = next(path for path in tmp_path.glob("*.npz") if path.stem != name)
    other.rename(tmp_path / f"{name}.npz")
    with pytest.raises(BadInput, match="not those of"):
        load(tmp_path, name)
    with pytest.raises(NotFound, match="no policy is published"):
        load(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="not a policy"):
        load(tmp_path, "../../etc/passwd")
    (tmp_path / f"{name}.npz").write_bytes(b"torn")
    with pytest.raises(BadInput, match="not a policy"):
        load(tmp_path, name)


def test_a_record_of_another_policy_or_none_is_refused(decider):
    line = decider.record("d", request(), {}, plenty(decider), [])
    other = Decider(decider.policy, "f" * 16)
    with pytest.raises(BadInput, match="made by policy"):
        other.replay(line)
    for broken in (b"", b"{}", line[:-3], line.replace(b'"met":[]', b'"met":"x"')):
        with pytest.raises(BadInput, match="audit record"):
            read_record(broken)
    assert msgspec.json.decode(line)["decision"] == "d"


def test_a_log_at_the_models_prices_has_the_dearest_first(market, policy):
    log = make_log(market, -1)
    found = repriced(log, market.campaigns, policy.model)
    same_break = np.repeat(np.arange(len(log.first) - 1), np.diff(log.first))
    assert (np.diff(found.price)[np.diff(same_break) == 0] <= 0).all()
    assert (np.sort(same_break * 1000 + found.ad) == np.sort(same_break * 1000 + log.ad)).all()
    probability, codes = np.empty(len(market.campaigns.bid)), np.empty(MAINS, np.int64)
    for row in range(20):
        ads = found.ad[found.first[row] : found.first[row + 1]]
        codes_of(request_of(log.breaks, row), codes)
        cheap(policy.model, ads, len(ads), codes, probability)
        prices = np.maximum((market.campaigns.bid[ads] * probability[ads] + 0.5).astype(int), 1)
        assert (prices == found.price[found.first[row] : found.first[row + 1]]).all()
