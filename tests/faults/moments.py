"""`kill -9` at one numbered moment: moments are counted around every call of some methods, and wherever a run says `died()`."""

import os
import signal
from pathlib import Path


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


def dies(processes, target, *arguments):
    """The exit code of a forked process."""
    process = processes.Process(target=target, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def poll(members):
    """Each member of a group takes what the log has for it."""
    for member, subscription in members:
        for partition, received in subscription.poll(0).items():
            member.take(partition, received)
