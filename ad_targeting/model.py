"""How likely is a response? A cheap model for every ad that may play, a careful one for the best few; both calibrated.

The cheap one is the hashed logistic regression: six codes of the request, two of the campaign, and the campaign crossed with four of the
request. A serving process knows its campaigns, so the hash table is unrolled into one short row a campaign, which stays in the cache.
The careful one adds boosted trees over the codes and the cheap model's margin to that margin. Training and serving make the codes with one
function, so they cannot drift apart. Without consent an age is as unknown as if it had never been said, and no code carries anything else
about a person.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ad_targeting import calibration, hashed, trees
from ad_targeting.records import RATINGS, Campaigns, Floats, Int64
from ad_targeting.trees import Trees
from shared.world.ads import CONTEXTS
from shared.world.countries import CODES
from shared.world.schema import AGE_BANDS

VALUES = np.array([len(CODES) + 1, len(AGE_BANDS) + 1, len(CONTEXTS), 24, len(RATINGS), 2])
"""How many codes each field of the request has: country, age (0: unknown, in both), context, hour, rating, consent."""
CROSSED = 4
"""The first so many are also crossed with the campaign."""
MAINS = len(VALUES) + 2
ROUNDS = 60
CAUTIOUS: dict[str, Any] = {
    "learning_rate": 0.03,
    "num_leaves": 7,
    "min_data_in_leaf": 2_000,
    "lambda_l2": 50.0,
    "num_threads": 1,
}
START = np.concatenate([[0], np.cumsum(VALUES)])
"""Where each field begins in a row of weights."""


class Model(NamedTuple):
    """Weights of the request's codes float32[codes] and, by campaign, of itself and its crosses float32[campaigns, 1 + crossed codes];
    the bias; trees; and the knots of both calibrations, float64[2, knots]."""

    request: NDArray[np.float32]
    campaign: NDArray[np.float32]
    bias: Floats
    trees: Trees
    cheap_knots: Floats
    careful_knots: Floats


@njit(cache=True, nogil=True)
def codes_of(request: Any, out: Any) -> None:
    """The request's codes, into out[:6]: each in [0, VALUES)."""
    out[0] = request.country + 1
    out[1] = request.age + 1 if request.consent else 0
    out[2] = request.context
    out[3] = request.hour
    out[4] = request.rating
    out[5] = request.consent


@njit(cache=True, nogil=True)
def cross(codes: Any, campaign_id: int, category: int) -> None:
    """Complete a row of codes int64[MAINS + CROSSED] from its first six."""
    codes[6] = campaign_id
    codes[7] = category
    for field in range(CROSSED):
        codes[MAINS + field] = (campaign_id << 8) | codes[field]


@njit(cache=True, nogil=True)
def cheap(model: Any, ads: Any, count: int, codes: Any, out: Any) -> None:
    """Calibrated probabilities of ads[:count], into out[ad]; out is float64[campaigns]."""
    table, knots = model.campaign, model.cheap_knots
    shared = _shared(model, codes)
    for k in range(count):
        out[ads[k]] = _probability(knots, shared + _own(table, ads[k], codes))


@njit(cache=True, nogil=True)
def careful(model: Any, ad: int, category: int, codes: Any, row: Any) -> Any:
    """The calibrated probability of one ad; row float64[MAINS] is scratch: seven codes and the cheap margin."""
    margin = _shared(model, codes) + _own(model.campaign, ad, codes)
    row[: len(VALUES)] = codes[: len(VALUES)]
    row[-2], row[-1] = category, margin
    return _probability(model.careful_knots, margin + trees.score(model.trees, row))


@njit(cache=True, nogil=True)
def _shared(model: Any, codes: Any) -> Any:
    margin = model.bias[0]
    for field in range(len(VALUES)):
        margin += model.request[START[field] + codes[field]]
    return margin


@njit(cache=True, nogil=True, inline="always")
def _own(table: Any, ad: int, codes: Any) -> float:
    margin = np.float64(table[ad, 0])
    for field in range(CROSSED):
        margin += table[ad, 1 + START[field] + codes[field]]
    return margin


@njit(cache=True, nogil=True)
def _probability(knots: Any, margin: Any) -> Any:
    """Calibrated; what is not a number stays none."""
    return calibration.apply(knots[0], knots[1], calibration.logistic(margin)) if margin == margin else margin


def unroll(weights: NDArray[np.float32], campaigns: Campaigns) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The hash table as Model.request and Model.campaign."""
    of_request = [[hashed.cell(field, code) for code in range(count)] for field, count in enumerate(VALUES.tolist())]
    rows = []
    for number, category in zip(campaigns.campaign_id.tolist(), campaigns.category.tolist(), strict=True):
        pairs = [(MAINS + field, number << 8 | code) for field in range(CROSSED) for code in range(VALUES[field])]
        crosses = [weights[hashed.cell(*pair)] for pair in pairs]
        rows.append([weights[hashed.cell(6, number)] + weights[hashed.cell(7, category)], *crosses])
    width = 1 + int(START[CROSSED])
    return weights[np.concatenate(of_request)], np.array(rows, np.float32).reshape(len(rows), width)


def fit(early: tuple[Int64, Floats], late: tuple[Int64, Floats], campaigns: Campaigns) -> Model:
    """Both models from impressions (rows of codes int64[n, 12], responses 0.0 or 1.0) of two spans of time.

    The cheap model learns from the early ones. Of the late ones, which it has not seen, every other row teaches the trees what to add to
    its margin (little, unless there is much to be seen: responses are rare), and the rest calibrates both: rows come by time of day,
    and neither half may be a morning.
    """
    weights, bias = hashed.fit(hashed.cells(early[0]), early[1], epochs=1)
    margins = hashed.score(hashed.cells(late[0]), weights, bias)
    x = np.column_stack([late[0][:, : len(VALUES)], late[0][:, len(VALUES) + 1], margins])
    even, odd = np.arange(0, len(x), 2), np.arange(1, len(x), 2)
    grown = trees.fit(x[even], late[1][even], ROUNDS, margins[even], **CAUTIOUS)
    sums, truth = margins[odd] + trees.score_rows(grown, x[odd]), late[1][odd]
    knots = [np.stack(calibration.fit(calibration.logistic(margin), truth)) for margin in (margins[odd], sums)]
    return Model(*unroll(weights, campaigns), np.array([bias]), grown, *knots)
