"""Processes that work for a command."""

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """End this process when the command that started it is killed: nobody waits for it then."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
