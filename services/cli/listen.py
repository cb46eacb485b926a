"""`hearback listen`: a receiver to try alerts with. It takes every webhook, checks its signature, and shows what it says."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Annotated, Any

import typer

from services.cli.stack.ports import HOST

app = typer.Typer(add_completion=False)

LARGEST_BODY = 10 * 1024 * 1024


@app.command()
def listen(
    port: Annotated[int, typer.Option(help="Where to listen, on this machine only.", min=1, max=65535)] = 8090,
    secret: Annotated[str | None, typer.Option(help="`whsec_…` of the receiver: check the signatures.")] = None,
    count: Annotated[int | None, typer.Option(help="End after so many webhooks.", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line each: the headers and the body as they came.")] = False,
) -> None:
    """Receive webhooks and show them, until Ctrl-C."""
    left = count
    handler = type("Handler", (_Receiver,), {"secret": secret, "as_json": as_json})
    with HTTPServer((HOST, port), handler) as server:
        typer.echo(f"listening on http://{HOST}:{port}/", err=True)
        while left is None or left > 0:
            server.handle_request()
            left = None if left is None else left - 1


class _Receiver(BaseHTTPRequestHandler):
    secret: str | None
    as_json: bool

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", 0))
        if length > LARGEST_BODY:
            self.send_error(413)
            return
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        genuine = None if self.secret is None else is_genuine(self.secret, headers, body)
        typer.echo(json.dumps({"headers": headers, "body": body.decode()}) if self.as_json else told(headers, body, genuine))
        self.send_response(401 if genuine is False else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """What came is shown already."""


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the signatures is HMAC-SHA256 over `{id}.{timestamp}.{body}` (Standard Webhooks)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, given) for given in headers.get("webhook-signature", "").split(" "))


def told(headers: Mapping[str, str], body: bytes, genuine: bool | None) -> str:
    """A webhook in a few lines."""
    signature = {None: "not checked", True: "genuine", False: "WRONG"}[genuine]
    lines = [f"webhook {headers.get('webhook-id', 'without id')}, signature {signature}"]
    try:
        alerts = json.loads(body)["alerts"]
    except (ValueError, KeyError, TypeError):
        return "\n".join([*lines, f"  {body.decode(errors='replace')[:500]}"])
    for alert in alerts:
        lines.append(f"  {alert['status']}: {alert.get('annotations', {}).get('summary') or alert['labels']}")
    return "\n".join(lines)
