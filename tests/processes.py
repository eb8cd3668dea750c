"""Processes of tests: forks of one that is warm, since a Python that imports and compiles takes seconds to start."""

from multiprocessing import get_context

processes = get_context("forkserver")
imported: list[str] = []


def forked(*modules):
    """Processes that are forks of one that has imported `modules`, and those of every other file of tests: there is one for all, and
    it starts with the first of them.
    """
    imported.extend(modules)
    processes.set_forkserver_preload(imported)
    return processes


def dies(processes, target, *arguments):
    """The exit code of a forked process."""
    process = processes.Process(target=target, args=arguments)
    process.start()
    process.join()
    return process.exitcode
