"""`kill -9` at one numbered moment: moments are counted around every call of some methods, and wherever a run says `died()`."""

import json
import os
import signal
from pathlib import Path

from shared.kernels import call, results


def strike(methods, run, moment, report):
    """Run `run(died)` and die at the numbered moment (0: never, write how many there were). methods: (class, name) of what is counted."""
    seen = 0

    def tick():
        nonlocal seen
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in methods:
        setattr(owner, name, ticking(getattr(owner, name), tick))
    run(tick)
    Path(report).write_text(str(seen))


def ticking(method, tick):
    def ticks(*arguments, **named):
        tick()
        result = method(*arguments, **named)
        tick()
        return result

    return ticks


def inline(_engine, kernel, shards, arguments):
    """`map_shards` in this process, so that it dies in the middle of a kernel."""
    return results(call(kernel, shard, json.dumps(arguments)) for shard in shards)


def poll(members):
    """Each member of a group takes what the log has for it."""
    for member, subscription in members:
        for partition, received in subscription.poll(0).items():
            member.take(partition, received)
