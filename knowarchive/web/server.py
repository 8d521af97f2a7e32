"""Serves the reading room over HTTP until it is told to stop."""

import socket
import sys
from collections.abc import Callable, Collection
from ipaddress import ip_address

import uvicorn

from knowarchive.config import Config
from knowarchive.errors import KnowarchiveError, UsageError
from knowarchive.web.app import build_app
from knowarchive.web.room import Room

CONNECTIONS = 200  # at once
TURN = 0.0005  # seconds that the thread which keeps up with the archive may hold up those that answer
LONGEST_HEAD = 256 * 1024  # bytes of a request's head that are read, so that what is too long can be told so


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Open the socket.

    Raises:
        UsageError: there is no such address on this machine.
        KnowarchiveError: the port is taken, or not ours to take.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--host {host!r} is no address of this machine; leave it out for 127.0.0.1") from error
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()  # who comes before we are ready waits
    except OSError as error:
        opened.close()
        raise KnowarchiveError(f"{host} port {port}: {error.strerror}; choose another with --port or --host") from error
    return opened


def serve(
    config: Config,
    opened: socket.socket,
    names: Collection[str],
    token: str | None,
    *,
    on_ready: Callable[[], None],
) -> None:
    """Answer requests at an open socket until a signal says stop; to those who show a token, if there is one."""
    sys.setswitchinterval(TURN)
    server = make_server(Room(config, public=not is_loopback(str(opened.getsockname()[0]))), names, token)
    on_ready()
    server.run(sockets=[opened])


def make_server(room: Room, names: Collection[str] = (), token: str | None = None) -> uvicorn.Server:
    """The server of a room, with bounds to what anybody can ask of it."""
    settings = uvicorn.Config(
        build_app(room, names, token),
        access_log=False,
        log_config=None,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        http="h11",
        ws="none",
        proxy_headers=False,
        server_header=False,
    )
    return uvicorn.Server(settings)
