"""The process that serves the GitHub stand-in; `tiercel.sandbox.github.http.process` starts it."""

from __future__ import annotations

import argparse
import gc
import logging
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from tiercel.sandbox.github.http.api import Api
from tiercel.sandbox.github.http.app import StandInApplication
from tiercel.sandbox.github.http.control import Control
from tiercel.sandbox.github.http.entrance import Secrets
from tiercel.sandbox.github.http.faults import Faults
from tiercel.sandbox.github.http.git_http import GitServer
from tiercel.sandbox.github.http.journal import Journal, Observer
from tiercel.sandbox.github.http.seed import seed
from tiercel.sandbox.github.http.webhooks import Deliverer
from tiercel.sandbox.github.memory.records import RepositoryRecord
from tiercel.sandbox.github.memory.store import Store
from tiercel.sandbox.github.memory.urls import Urls
from tiercel.sandbox.github.memory.world import World
from tiercel.sandbox.github.rules.synchronize import synchronize
from tiercel.sandbox.machine.processes import HOST

_KEEP_ALIVE_SECONDS = 75
_SHUTDOWN_SECONDS = 5


def create_application(
    folder: Path, repositories: Path, port: int, observers: Sequence[Observer] = ()
) -> StandInApplication:
    """Return the application over a state folder and a folder of bare repositories.

    What the folder holds from an earlier start is kept; what was pushed or was to be delivered
    when that one was killed is told and delivered now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    repositories.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "state.sqlite")
    world = World(store, repositories, Urls(f"http://{HOST}:{port}"))
    files = Secrets(folder)
    seed(world, files)
    deliverer = Deliverer(world)
    deliverer.resume()
    world.outbox = deliverer.enqueue
    _catch_up(world)
    journal = Journal(folder / "journal.jsonl")
    faults = Faults()

    def stop() -> None:
        deliverer.close()
        store.close()
        journal.close()

    return StandInApplication(
        api=Api(world),
        git=GitServer(world, folder),
        control=Control(world, faults, files.control.read_text("utf-8")),
        faults=faults,
        observers=[journal, *observers],
        on_stop=stop,
    )


def create_server(application: StandInApplication) -> uvicorn.Server:
    """Return a server that is ready to run on sockets."""
    config = uvicorn.Config(
        application,
        http="h11",
        lifespan="on",
        log_level="warning",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


def _catch_up(world: World) -> None:
    """Tell what moved while nobody looked; whoever did it is not known any more."""
    bot = world.user_of("bot")
    for repository in world.store.all(RepositoryRecord):
        if bot and world.git(repository).path.is_dir():
            with world.change():
                synchronize(world, repository, bot)


def main(arguments: list[str]) -> int:
    """Serve on a socket that the parent process has bound, until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--descriptor", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--repositories", type=Path, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    listener = socket.socket(fileno=options.descriptor)
    port = int(listener.getsockname()[1])
    application = create_application(options.folder, options.repositories, port)
    gc.freeze()  # what was imported stays: it is not to be looked through for garbage
    create_server(application).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
