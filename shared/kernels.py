"""How a worker runs a kernel, in the process pool and in Spark alike: equal answers come from running the same function.

A kernel is named `module:function`, takes the shard it shall open and JSON arguments, and returns a small JSON result. What goes
wrong in it on purpose (a LinerError) travels back as data, and is raised again by the caller with its class.
"""

import json
from collections.abc import Callable, Iterable
from importlib import import_module

from shared import errors
from shared.ports import Json


def resolve(kernel: str) -> Callable[..., Json]:
    """The function that `module:function` names; ValueError when there is none."""
    module, _, name = kernel.partition(":")
    function = getattr(import_module(module), name, None) if name else None
    if not callable(function):
        raise ValueError(f"kernel {kernel!r}: expected `module:function`, a function that exists")
    found: Callable[..., Json] = function
    return found


def call(kernel: str, shard: str, arguments: str) -> str:
    """Run a kernel in a worker; arguments and outcome are JSON texts."""
    try:
        return json.dumps({"result": resolve(kernel)(shard, **json.loads(arguments))})
    except errors.LinerError as error:
        return json.dumps({"error": type(error).__name__, "message": str(error)})


def results(outcomes: Iterable[str]) -> list[Json]:
    """What the kernels returned, in order; raises the first error among them."""
    found = []
    for outcome in map(json.loads, outcomes):
        if "error" in outcome:
            raise getattr(errors, outcome["error"], errors.LinerError)(outcome["message"])
        found.append(outcome["result"])
    return found
