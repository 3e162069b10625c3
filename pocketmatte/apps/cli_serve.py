"""The ``serve`` verb of the command line; nothing heavy is imported before it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from pocketmatte.apps.cli_options import Device, Model, Runtime, Threads


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    model: Model = None,
    workers: Annotated[int, typer.Option(min=1, help="Pictures worked on at once.")] = 1,
    queue: Annotated[int, typer.Option(min=0, help="Requests that may wait; more are told to come back (429).")] = 16,
    max_mb: Annotated[float, typer.Option(help="Largest request body in MiB.")] = 25.0,
    max_mpx: Annotated[float, typer.Option(help="Largest picture in million pixels.")] = 40.0,
    batch: Annotated[int, typer.Option(min=1, help="Most pictures in one batch.")] = 16,
    timeout: Annotated[float, typer.Option(help="Seconds from a complete request to its answer at most.")] = 60.0,
    api_key: Annotated[
        str | None, typer.Option(envvar="POCKETMATTE_API_KEY", help="Key that clients must send (X-Api-Key).")
    ] = None,
    origin: Annotated[list[str] | None, typer.Option(help="Web page origin that may call (CORS); repeatable.")] = None,
    web: Annotated[bool, typer.Option(help="Serve the web app at /.")] = True,
    runtime: Runtime = "auto",
    device: Device = "auto",
    threads: Threads = 2,
) -> None:
    """Answer HTTP requests: cut-outs, mattes, batches, a remove.bg compatible route, and the web app (server extra)."""
    from pocketmatte.apps.serve import serve as serve_app
    from pocketmatte.apps.server.settings import ServerSettings

    limits = {"max_bytes": int(max_mb * 2**20), "max_pixels": int(max_mpx * 1e6), "batch": batch, "queue": queue}
    settings = ServerSettings(
        model, runtime, device, threads, workers, **limits, work_timeout=timeout, api_key=api_key,
        origins=tuple(origin or ()), web=web,
    )  # fmt: skip
    serve_app(host, port, settings)
