"""The same thing on several machines at once, so that Ctrl-C ends all of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from lab.machines import Machine


def each(machines: Iterable[Machine], work: Callable[[Machine], object], stop: threading.Event | None = None) -> None:
    """Run `work` for every machine. The first error, or an interrupt, sets `stop` for the others and is raised."""
    stop = stop or threading.Event()
    chosen = list(machines)
    if not chosen:
        return
    with ThreadPoolExecutor(len(chosen)) as pool:
        futures = [pool.submit(work, machine) for machine in chosen]
        try:
            done, dummy = wait(futures, return_when=FIRST_EXCEPTION)
        except BaseException:
            stop.set()
            raise
        errors = [error for future in done if (error := future.exception())]
        if errors:
            stop.set()
            raise errors[0]
