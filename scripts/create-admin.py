"""Makes the first admin of a server, for installations without a browser.

    .venv/bin/python scripts/create-admin.py admin@example.org [--url http://127.0.0.1:8700]

The one-time code that the server printed and the password are asked for, or come from
STREAMWEAVE_SETUP_CODE and STREAMWEAVE_PASSWORD: arguments would be seen by everybody.
"""

import argparse
import getpass
import os
import sys

from streamweave_sdk.client import ApiProblem, Client, ServerUnreachable
from streamweave_sdk.config import load_connection


def _secret(label: str, variable: str) -> str:
    return os.environ.get(variable) or getpass.getpass(f"{label}: ")


def main() -> int:
    """Ask, make the admin, say what came of it."""
    parser = argparse.ArgumentParser(description="Make the first admin of a StreamWeave server.")
    parser.add_argument("email")
    parser.add_argument("--url", default=load_connection().url)
    given = parser.parse_args()
    body = {
        "email": given.email,
        "code": _secret("One-time code", "STREAMWEAVE_SETUP_CODE"),
        "password": _secret("New password", "STREAMWEAVE_PASSWORD"),
    }
    try:
        with Client(given.url) as client:
            made = client.post("setup", body)
    except ApiProblem as problem:
        fields = [f"  {field.get('pointer')}: {field.get('detail')}" for field in problem.errors]
        sys.stderr.write("\n".join([f"{problem.detail} {problem.remedy}", *fields]) + "\n")
        return 1
    except ServerUnreachable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{made['email']} is an admin. Sign in: streamweave login {given.url}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
