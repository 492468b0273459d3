"""The command that answers over HTTP."""

import os
from pathlib import Path
from typing import Annotated

import typer

from deeptell.cli.app import Asked, app
from deeptell.errors import ConfigError, MissingExtraError

TOKEN = "DEEPTELL_TOKEN"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@app.command(epilog="Example: deeptell serve --allow footage")
def serve(
    data: Annotated[
        Path, typer.Option(help="Folder of the jobs, the files that are sent, and the answers.")
    ] = Path("deeptell-data"),
    bundle: Asked = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8420,
    name: Annotated[
        list[str], typer.Option(help="Another name this server is asked under; repeatable.")
    ] = [],  # noqa: B006 - Typer copies it
    allow: Annotated[
        list[Path], typer.Option(help="Folder whose files may be named; repeatable.")
    ] = [],  # noqa: B006
    workers: Annotated[int, typer.Option(min=1, help="Files examined at the same time.")] = 1,
    upload_mib: Annotated[int, typer.Option(min=1, help="Size of a file, at most.")] = 8192,
    keep_days: Annotated[
        float, typer.Option(min=0.001, help="Jobs, files and answers are erased after so long.")
    ] = 7.0,
) -> None:
    """Open a page and an API on this machine: drop a clip, read the answer. Nothing leaves it.

    Only this machine is listened to unless --host says otherwise; then everybody must know a token,
    that of the environment variable DEEPTELL_TOKEN or a new one that is printed.
    """
    try:
        import uvicorn

        from deeptell.serve.app import create_app
        from deeptell.serve.guard import new_token
        from deeptell.serve.settings import ServeSettings
    except ImportError as error:
        raise MissingExtraError(
            f"'deeptell serve' needs the package {error.name}: pip install 'deeptell[serve]'."
        ) from None
    from deeptell import console
    from deeptell.files import default_bundle

    for folder in allow:
        if not folder.is_dir():
            raise ConfigError(f"--allow {folder}: there is no such folder.")
    alone = host in _LOOPBACK
    token = os.environ.get(TOKEN) or (None if alone else new_token())
    settings = ServeSettings(
        folder=data.resolve(),
        bundle=(bundle or default_bundle()).resolve(),
        roots=tuple(folder.resolve() for folder in allow),
        workers=workers,
        upload_bytes=upload_mib * 2**20,
        keep_seconds=keep_days * 24 * 3600,
    )
    application = create_app(settings, hosts={*_LOOPBACK, host, *name}, token=token)
    shown = f"[{host}]" if ":" in host else host
    console.out.print(f"deeptell answers at http://{shown}:{port}/ (Ctrl+C ends it)")
    if token is not None and TOKEN not in os.environ:
        console.out.print(f"Token: {token}", highlight=False)
    uvicorn.run(application, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
