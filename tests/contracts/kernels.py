"""Kernels that the contract suites run; workers import them by name."""

import os
import signal

import pyarrow.compute as pc

from shared.bootstrap import engines
from shared.errors import BadInput
from shared.lake import read_shard, write_shard
from shared.settings import Settings
from shared.threads import cores


def describe(shard, column):
    """Sum and rows of one column, and how many threads the kernel may use."""
    table = read_shard(shard, [column])
    return {"sum": pc.sum(table[column]).as_py(), "rows": table.num_rows, "threads": cores()}


def double(shard, folder, index_of):
    """Write the shard again with `value` doubled, and return the record of what was written."""
    table = read_shard(shard)
    doubled = table.set_column(0, "value", pc.multiply(table["value"], 2))
    return {"shard": list(write_shard(folder, index_of[shard], doubled))}


def refuse(shard):
    """Raise the error that says whose fault it is."""
    raise BadInput(f"{shard}: row 3, field 'value': got -1; expected a count; mend it")


def die(shard):
    """Die as a process does that the kernel of the machine kills."""
    os.kill(os.getpid(), signal.SIGKILL)


def increment(url, home, key, times):
    """Add one to a counter `times` times, as several processes do at once."""
    with engines(Settings(store=url, home=home)) as opened:
        for _ in range(times):
            while True:
                (old,) = opened.store.get([key])
                if opened.store.compare_and_set(key, old, b"%d" % (int(old or b"0") + 1)):
                    break


def put_rounds(url, home, keys, rounds):
    """Set every key to the number of the round, round after round."""
    with engines(Settings(store=url, home=home)) as opened:
        for i in range(rounds):
            opened.store.put(dict.fromkeys(keys, b"%d" % i))


def append_rounds(url, home, topic, writer, rounds):
    """Append three messages a round and return the offsets that were acknowledged."""
    with engines(Settings(log=url, home=home)) as opened:
        return [
            opened.log.append(topic, 0, [f"{writer}/{i}/{part}".encode() for part in range(3)]) for i in range(rounds)
        ]
