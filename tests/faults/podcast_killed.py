"""What runs in a process that is killed: events are stored batch by batch, each acknowledged after its transaction."""

from pathlib import Path

from podcast_recs.records import Event, What
from podcast_recs.store import Store
from tests.faults.moments import strike

EVENTS = [Event(n, n % 7, n % 11, What.STARTED if n % 2 else What.STOPPED, 1_000 + n // 2, 60_000) for n in range(60)]
BATCH = 6


def store_all(path, acknowledged, moment, report):
    """Store EVENTS from the beginning, as a client does that was never answered; die at the numbered moment."""

    def run(died):
        store = Store(path)

        def each(events):
            for event in events:
                died()  # inside the transaction
                yield event

        for at in range(0, len(EVENTS), BATCH):
            store.add_events(each(EVENTS[at : at + BATCH]))
            with Path(acknowledged).open("a") as file:
                file.write(f"{at + BATCH}\n")
        store.close()

    strike([(Store, "add_events")], run, moment, report)
