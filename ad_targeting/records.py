"""What goes in and out: campaigns, one request, the log of a day, and why an ad did not play.

Money is int64 micros of the account's currency (1,000,000 = 1 €); moments are ms since the epoch, UTC. Columns are arrays of one length,
because kernels walk them; one request is a tuple of integers. An advertiser bids for a response (a tap, a visit) and pays, for each
impression, bid × predicted probability in whole micros: charges are known at the decision, so a budget can be kept to the micro.
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.world.ads import CATEGORIES
from shared.world.countries import CODES
from shared.world.schema import AGE_BANDS

Floats = NDArray[np.float64]
Int64 = NDArray[np.int64]
Ints = NDArray[np.integer[Any]]
Masks = NDArray[np.uint64]

SENSITIVE = CATEGORIES.index("alcohol")
"""This category and those after it never play to minors."""
ADULT = AGE_BANDS.index("18-24")
"""Below this band, or of unknown age (-1), a listener is a minor."""
RATINGS = ("everyone", "mild", "explicit")
"""Brand safety of the content around the break; a campaign names the highest that it accepts."""
MAX_SLOTS = 4
NOBODY = -1
"""Whose decisions those of a deleted user are."""


class Campaigns(NamedTuple):
    """Columns [campaigns]; a mask's bit v stands for value v of COUNTRIES, AGE_BANDS, CONTEXTS or local hour 0–23."""

    campaign_id: Ints  # int64, unique, ascending
    advertiser: Ints  # int32
    category: Ints  # int16, index into CATEGORIES
    budget: Ints  # int64, micros of the day
    bid: Ints  # int64, micros for a response
    starts: Ints  # int64, ms; first moment of the flight
    ends: Ints  # int64, ms; first moment after it
    countries: Masks
    ages: Masks
    contexts: Masks
    hours: Masks
    cap: Ints  # int16, most impressions to one user in a day
    rating: Ints  # int8, highest rating of content that it accepts


class Request(NamedTuple):
    """One ad break that asks for ads."""

    day: int  # the listener's own, counted from the epoch: caps run on it
    moment: int  # ms
    user: int
    country: int  # index into CODES, -1 unknown: only campaigns for every country may play
    age: int  # index into AGE_BANDS, -1 unknown: a minor
    context: int  # index into CONTEXTS
    hour: int  # local, 0–23
    rating: int  # index into RATINGS
    consent: int  # 1: the profile (age, taste) may be used; 0: only country, context and hour
    slots: int  # 1 to MAX_SLOTS


class Breaks(NamedTuple):
    """Columns [breaks] of a day's requests, ascending in moment: the fields of Request, and the churn price."""

    moment: Ints  # int64, ms
    user: Ints  # int32, dense
    country: Ints  # int8
    age: Ints  # int8
    context: Ints  # int8
    hour: Ints  # int8
    rating: Ints  # int8
    consent: Ints  # int8
    slots: Ints  # int8
    churn: Floats  # micros: LTV × the hazard that one more ad adds


class Log(NamedTuple):
    """Breaks with their candidates: break b may play ad[first[b]:first[b + 1]] at those prices, the dearest first; caps and budgets
    apart."""

    breaks: Breaks
    first: Ints  # int64[breaks + 1]
    ad: Ints  # int16[candidates], index into Campaigns
    price: Ints  # int32[candidates], micros charged for an impression


class Reason(IntEnum):
    """Why an ad plays or does not, and how a person would say it."""

    because: str

    def __new__(cls, number: int, because: str) -> "Reason":
        """A member from its number and its words."""
        member = int.__new__(cls, number)
        member._value_, member.because = number, because
        return member

    SERVED = 0, "played"
    FLIGHT = 1, "its flight has not begun, or is over"
    COUNTRY = 2, "it is for other countries"
    CONTEXT = 3, "it is for another context"
    HOUR = 4, "it is for other hours"
    AGE = 5, "it is for other ages"
    CONSENT = 6, "it is for certain ages, and the listener gave no consent to use theirs"
    MINOR = 7, "the listener is, or may be, under 18"
    SAFETY = 8, "what plays is beyond the brand's rating"
    CAP = 9, "the listener had it often enough today"
    BUDGET = 10, "less is left than it would cost"
    SEPARATION = 11, "a better ad of its category is in this break"
    FLOOR = 12, "what it pays, less what its budget is worth elsewhere, is below what the listener's staying is worth"
    OUTBID = 13, "others were worth more"


ALL_COUNTRIES = np.uint64((1 << len(CODES)) - 1)
ALL_AGES = np.uint64((1 << len(AGE_BANDS)) - 1)
