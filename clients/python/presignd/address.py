"""Where the daemon listens, as gRPC names it. Never connects."""

import os


def address(socket=None):
    """The target for a gRPC channel: of `socket`, else of $PRESIGND_SOCKET, else of the nearest daemon.

    A socket is a path, or a target already: `unix:/run/…`, `unix-abstract:presignd`.
    """
    socket = socket or os.environ.get("PRESIGND_SOCKET") or _nearest()
    return socket if socket.startswith(("unix:", "unix-abstract:")) else f"unix:{os.path.abspath(socket)}"


def _nearest():
    """This user's own daemon; where there is none, the system's."""
    own = os.path.join(os.environ.get("XDG_RUNTIME_DIR") or "/run", SOCKET)
    system = os.path.join("/run", SOCKET)
    return system if os.path.exists(system) and not os.path.exists(own) else own


SOCKET = "presignd/sign/presignd.sock"
