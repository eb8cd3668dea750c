"""`kill -9` at one numbered moment: moments are counted around every call of some methods, and wherever a run says `died()`."""

import json
import os
import signal
from multiprocessing import get_context
from pathlib import Path

from shared.kernels import call, results

processes = get_context("forkserver")
imported: list[str] = []


def forked(*modules):
    """Processes that are forks of one that has imported `modules`, and those of every other file of tests: there is one for all, and
    it starts with the first of them.
    """
    imported.extend(modules)
    processes.set_forkserver_preload(imported)
    return processes


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
