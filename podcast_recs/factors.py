"""Taste for shows: implicit matrix factorisation (Hu, Koren and Volinsky 2008) of who listened to which show, by the library
`implicit`.
"""

import numpy as np
from scipy.sparse import csr_matrix

from podcast_recs.moment import ShowFactors
from podcast_recs.state import State
from shared.threads import blas_threads, cores

FACTORS = 24


def show_factors(state: State) -> ShowFactors:
    """Factors from all plays so far; zeros while there are none. A listener's weight for a show grows with the logarithm of the
    plays.
    """
    from implicit.als import AlternatingLeastSquares  # half a second to import

    shows, users = len(state.catalogue.kind), 1 + max(state.listeners, default=-1)
    entries = [(user, show, n) for user, own in state.listeners.items() for show, n in own.plays_of_show.items()]
    if not entries:
        return ShowFactors(np.zeros((users, FACTORS), np.float32), np.zeros((shows, FACTORS), np.float32))
    user, show, plays = (np.array(column) for column in zip(*sorted(entries), strict=True))
    weights = csr_matrix((10 * np.log1p(plays).astype(np.float32), (user, show)), (users, shows))
    with blas_threads(1):
        model = AlternatingLeastSquares(
            FACTORS, regularization=0.1, iterations=8, num_threads=cores(), random_state=1, use_gpu=False
        )
        model.fit(weights, show_progress=False)
    return ShowFactors(np.array(model.user_factors), np.array(model.item_factors))
