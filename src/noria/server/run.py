"""A service in this process."""

from __future__ import annotations

from noria.api import Session, desk
from noria.server.app import create_app

__all__ = ["serve"]


def serve(
    *models: str,
    host: str = "127.0.0.1",
    port: int = 8000,
    log: bool = True,
    session: Session | None = None,
) -> None:
    """Serve the champions of some names over HTTP until the process is told to stop.

    Parameters
    ----------
    *models : str
    host : str
    port : int
    log : bool
        Whether every answer is kept in the state database before it goes out.
    session : Session, optional

    Raises
    ------
    NotFoundError
        If there is no such model.
    """
    import uvicorn

    session = session or Session()
    app = create_app(desk(*models, log=log, session=session), files=session.settings.cache / "files")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
