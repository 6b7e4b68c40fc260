"""Signing in and out."""

from typing import Annotated

import typer

from streamweave_sdk.cli.frame import AsJson, SecretFile, connect, read_secret, reported, show_one

Url = Annotated[str | None, typer.Argument(help="The server, for example https://lab.example")]
Email = Annotated[str | None, typer.Option(help="Asked for when left out.")]


@reported
def login(
    url: Url = None,
    email: Email = None,
    password_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign in; the token is kept in a private file of yours.

    The password comes from a prompt, from STREAMWEAVE_PASSWORD or from a file.
    """
    from streamweave_sdk.client import Client
    from streamweave_sdk.config import Connection, load_connection, save_connection

    server = url or load_connection().url
    name = email or typer.prompt("E-mail", err=True)
    password = read_secret("Password", "STREAMWEAVE_PASSWORD", password_file)
    with Client(server) as client:
        form = {"username": name, "password": password}
        token = client.request("POST", "auth/token", data=form).json()["access_token"]
    path = save_connection(Connection(server, token))
    show_one({"url": server, "email": name, "kept_in": str(path)}, as_json)


@reported
def logout(as_json: AsJson = False) -> None:
    """Revoke the token and forget it."""
    from streamweave_sdk.client import ApiProblem
    from streamweave_sdk.config import forget_connection

    revoked = True
    with connect() as client:
        try:
            client.post("auth/logout")
        except ApiProblem as problem:
            if problem.status != 401:
                raise
            revoked = False  # it was not valid any more
    forget_connection()
    show_one({"signed_out": True, "token_revoked": revoked}, as_json)
