"""The service: decides and books, answers a retry alike, explains every campaign, and says in one line what is wrong."""

import json
import threading
from contextlib import closing

import numpy as np
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings

from ad_targeting import service
from ad_targeting.live import Live
from ad_targeting.policy import load, save
from ad_targeting.publish import open_ledger
from shared.bootstrap import Engines
from shared.clock import DAY_MS, DEMO_NOW
from shared.console.app import build_app
from shared.settings import Settings
from tests.ad_targeting.by_hand import HOUR_MS, rule

NOON = DEMO_NOW + 12 * HOUR_MS
ASKED = {
    "user": 7,
    "country": "US",
    "age": "25-34",
    "context": "rock",
    "rating": "everyone",
    "consent": True,
    "slots": 2,
}


@pytest.fixture
def client(home):
    with TestClient(build_app(Engines(Settings(home=home), lambda: NOON), "ad_targeting")) as opened:
        yield opened


def decide(client, **changes):
    response = client.post("/ad-targeting/decide", json=ASKED | changes)
    assert response.status_code == 200, response.text
    return response.json()


def refused(client, **changes):
    response = client.post("/ad-targeting/decide", json=ASKED | changes)
    assert response.status_code in (400, 409, 422)
    return response.json().get("error") or response.json()["detail"][0]["msg"]


def reports(client, decision, *kinds, slot=0):
    events = ({"decision": decision, "slot": slot, "kind": kind} for kind in kinds)
    return [client.post("/ad-targeting/events", json=event).json()["outcome"] for event in events]


def spent(client):
    return client.get("/ad-targeting/pacing").json()["spent_micros"][-1]


def test_a_break_is_decided_booked_played_and_paid_once(client):
    made = decide(client)
    assert len(made["ads"]) == 2
    assert reports(client, made["decision"], "played", "played", "skipped") == ["spent", "repeated", "taken"]
    assert spent(client) == made["ads"][0]["micros"]
    assert reports(client, "nobody", "played") == ["unknown"]


def test_a_retry_gets_the_first_answer(client):
    first = decide(client, decision="retry-1")
    assert [decide(client, decision="retry-1") for _ in range(2)] == [first, first]
    assert decide(client, decision="retry-2")["ads"] != []
    assert "another listener" in refused(client, decision="retry-1", user=8)


def test_a_skipped_ad_costs_nothing_and_does_not_count(client, home):
    made = decide(client)
    assert reports(client, made["decision"], "skipped", "skipped") == ["released", "repeated"]
    assert spent(client) == 0
    ledger = open_ledger(home, lambda: NOON)
    ledger.books.check()
    ledger.close()


def test_caps_hold_through_the_service(client, home):
    campaigns = load(home / "ad_targeting" / "policies").campaigns
    cap = dict(zip(campaigns.campaign_id.tolist(), campaigns.cap.tolist(), strict=True))
    met = [ad["campaign"] for _ in range(30) for ad in decide(client, slots=4)["ads"]]
    assert met
    assert all(met.count(campaign) <= cap[campaign] for campaign in met)


def test_a_decision_explains_every_campaign_and_replays(client):
    made = decide(client, user=1234567)
    found = client.get(f"/ad-targeting/decisions/{made['decision']}").json()
    assert found["replays_identically"] is True
    assert len(found["campaigns"]) == 60
    served = [each["campaign"] for each in found["campaigns"] if each["reason"] == "SERVED"]
    assert sorted(served) == sorted(ad["campaign"] for ad in made["ads"])
    assert all(each["because"] for each in found["campaigns"])
    assert client.get("/ad-targeting/decisions").json()["decisions"][0] == made


def instead(client, **changes):
    made = decide(client, **changes)
    assert made["ads"] == []
    assert client.get(f"/ad-targeting/decisions/{made['decision']}").json()["instead"] == made["instead"]
    return made["instead"]


def test_a_house_ad_where_no_campaign_may_play_or_pay(client, home):
    for each in client.get("/ad-targeting/pacing").json()["campaigns"]:
        client.put(f"/ad-targeting/campaigns/{each['campaign_id']}/budget", json={"budget_micros": 0})
    assert instead(client) == "house ad"
    folder = home / "ad_targeting" / "policies"
    over = load(folder).campaigns._replace(ends=load(folder).campaigns.starts + 1)
    save(folder, load(folder)._replace(campaigns=over))
    assert instead(client) == "house ad"


def test_silence_where_staying_is_worth_more_than_any_ad_pays(client, home):
    folder = home / "ad_targeting" / "policies"
    before = decide(client)
    save(folder, load(folder)._replace(terms=np.array([1e12, 1.0])))  # taken up with the next request
    assert instead(client) == "silence"
    found = client.get(f"/ad-targeting/decisions/{before['decision']}").json()
    assert found["replays_identically"] is True  # by the policy that made it


def test_a_budget_edited_mid_day_is_in_force_at_once(client):
    made = decide(client)
    campaign = made["ads"][0]["campaign"]
    edited = client.put(f"/ad-targeting/campaigns/{campaign}/budget", json={"budget_micros": 0})
    assert edited.json() == {"campaign": campaign, "budget_micros": made["ads"][0]["micros"]}
    again = decide(client, user=8)
    assert campaign not in [ad["campaign"] for ad in again["ads"]]
    assert reports(client, made["decision"], "played") == ["spent"]  # the break was under way when the campaign ended
    assert client.put("/ad-targeting/campaigns/5/budget", json={"budget_micros": 1}).status_code == 404


def test_a_campaign_is_added_by_its_rule_and_plays_at_once(client):
    added = client.post("/ad-targeting/campaigns", json=rule(5000, countries=["US"], bid_micros=2_000_000_000))
    assert added.status_code == 200, added.text
    made = decide(client)
    assert 5000 in [ad["campaign"] for ad in made["ads"]]
    assert client.get(f"/ad-targeting/decisions/{made['decision']}").json()["replays_identically"] is True
    for wrong, message in [
        (rule(5000), "ids ascend"),
        (rule(6000, countries=[]), "at least one value"),
        (rule(6000) | {"religion": ["any"]}, "the list is closed"),
    ]:
        response = client.post("/ad-targeting/campaigns", json=wrong)
        assert response.status_code == 400
        assert message in response.json()["error"]


@pytest.mark.parametrize("micros", [-1, 1.5, "NaN", 1 << 53, None])
def test_a_budget_is_whole_micros(client, micros):
    assert client.put("/ad-targeting/campaigns/1000/budget", json={"budget_micros": micros}).status_code == 422


def test_one_slot_and_four(client):
    assert len(decide(client, slots=1)["ads"]) == 1
    assert len(decide(client, slots=4, user=8)["ads"]) <= 4


def test_bad_requests_name_field_value_and_remedy(client):
    assert "expected two capital letters" in refused(client, country="Sweden")
    assert "IANA" in refused(client, zone="Mars/Olympus")
    assert "IANA" in refused(client, zone="../../etc/passwd")
    assert "one of 13-17" in refused(client, age="12")
    assert "one of" in refused(client, context="")
    assert "one of everyone" in refused(client, rating="x")
    assert "Extra inputs" in refused(client, moment_ms=NOON)
    assert "greater than or equal to 1" in refused(client, slots=0)
    assert "less than or equal to 4" in refused(client, slots=5)
    assert "Extra inputs" in refused(client, religion="any")
    assert "should match pattern" in refused(client, decision="a b")
    assert client.get("/ad-targeting/decisions/nobody").status_code == 404


def test_before_a_demo_the_answer_says_what_to_do(tmp_path):
    with TestClient(build_app(Engines(Settings(home=tmp_path)), "ad_targeting")) as client:
        for path in ("pacing", "frontier", "decisions"):
            response = client.get(f"/ad-targeting/{path}")
            assert response.status_code == 404
            assert "liner ad-targeting demo" in response.json()["error"]


def test_threads_share_a_desk_and_overspend_nothing(client):
    made = []
    threads = [
        threading.Thread(target=lambda user=user: made.extend(decide(client, user=user) for _ in range(5)))
        for user in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each["decision"] for each in made}) == 40


def test_a_break_does_not_wait_for_a_ledger_that_is_held(client, home, monkeypatch):
    decide(client)
    monkeypatch.setattr(service, "DEADLINE_S", 0.01)
    with closing(open_ledger(home, lambda: NOON)) as other:
        with other.transaction():
            assert decide(client, decision="late") == {"decision": "late", "ads": [], "instead": "silence"}
        monkeypatch.undo()
        assert decide(client, decision="late")["ads"]  # nothing was booked, so the retry decides


def test_the_day_is_played_through_the_same_desk(home):
    live = Live(home, lambda: NOON)
    assert live.begin()
    assert not live.begin()  # one at a time
    live.play_day(lambda _: None)
    assert not live.playing
    pacing = live.pacing()
    desk = live.desk()
    desk.ledger.books.check()
    assert len(pacing["spent_micros"]) == 97
    assert 0.2 < pacing["spent_micros"][-1] / pacing["budget_micros"] <= 1
    assert pacing["spent_micros"][-1] == sum(balance.spent for balance in desk.ledger.books.balances())
    newest = [live.explain(json.loads(line)["decision"]) for line in desk.ledger.books.newest(5)]
    assert all(identical for _, identical, _, _ in newest)
    spent = pacing["spent_micros"]
    assert live.begin()
    live.play_day(lambda _: None)
    assert live.pacing()["spent_micros"] == spent  # from the published λ again, not from the evening's
    live.close()


def test_a_break_at_the_end_of_the_played_day_is_of_that_day(home):
    live = Live(home, lambda: NOON)
    assert live.begin()
    moments = []
    live.play_day(lambda _: moments.append(live.now()))
    assert max(moments) < moments[0] // DAY_MS * DAY_MS + DAY_MS
    live.close()


def test_a_campaign_added_while_the_day_is_played_keeps_its_price_and_the_others_get_theirs(home):
    live = Live(home, lambda: NOON)
    before = live.desk().decider.policy.shadow.copy()
    assert live.begin()
    frames = iter(range(200))
    live.play_day(lambda _: live.add_campaign(rule(5000)) if next(frames) == 10 else None)
    shadow = live.desk().decider.policy.shadow
    assert shadow.size == before.size + 1
    assert shadow[-1] == 0
    assert (shadow[:-1] != before).any()
    live.close()


def test_no_request_makes_the_service_fail(home):
    """Cases drawn from the OpenAPI, over a published home: no 5xx."""
    engines = Engines(Settings(home=home), lambda: NOON)
    schema = schemathesis.openapi.from_asgi("/openapi.json", build_app(engines, "ad_targeting"))
    seen = []
    for operation in (found.ok() for found in schema.get_all_operations()):

        @settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def call(case):
            response = case.call()
            seen.append(response.status_code)
            assert response.status_code < 500, f"{case.method} {case.formatted_path}: {response.text}"

        call()
    assert 200 in seen
