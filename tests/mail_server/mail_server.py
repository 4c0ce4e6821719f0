"""A mail server for tests: aiosmtpd, with TLS, sign-in, and the ill manners that a test asks for.

Prints a line of JSON when it listens, and one for each attempt to deliver. How it treats a receiver stands
in the address, and holds for the first attempt alone; every later one is taken:

    refuse-421@…  refuse-550@…   this code after the data
    greylist@…                   450 to RCPT
    hang@…                       no answer to the data
    drop@…                       the connection ends after the data, without an answer

Certificates are made at the start with TLS, in --folder: ca.pem signs one for 127.0.0.1; self.pem is signed by itself.
"""

import argparse
import asyncio
import email
import email.policy
import json
import logging
import pathlib
import ssl
import subprocess
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


def tell(**line):
    print(json.dumps(line), flush=True)


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def certificate(folder, name, subject, *more):
    """A key and a certificate that lives for a day."""
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
        "-subj", f"/CN={subject}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", *more,
    )  # fmt: skip


def context(folder, kind):
    """What the server shows: `trusted`, `stranger` (for another host), or `self` (signed by itself)."""
    certificate(folder, "ca", "authority of a test", "-addext", "keyUsage=critical,keyCertSign")
    ca = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key")
    leaf = ("-addext", "basicConstraints=critical,CA:FALSE", "-addext")
    certificate(folder, "trusted", "trusted", *ca, *leaf, "subjectAltName=IP:127.0.0.1")
    certificate(folder, "stranger", "stranger", *ca, *leaf, "subjectAltName=DNS:mail.example.org")
    certificate(folder, "self", "self", *leaf, "subjectAltName=IP:127.0.0.1")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / f"{kind}.pem", folder / f"{kind}.key")
    return tls


class Handler:
    def __init__(self, folder):
        # Remembered in a file: a server that was away and came back knows whom it has seen.
        self.memory = folder / "seen"
        self.seen = set(self.memory.read_text().split()) if self.memory.exists() else set()

    def manner(self, address):
        """How the receiver is treated this time."""
        if address in self.seen:
            return "take"
        self.seen.add(address)
        self.memory.write_text("\n".join(self.seen))
        manner = address.split("@")[0]
        return manner if manner in ("refuse-421", "refuse-550", "greylist", "hang", "drop") else "take"

    async def handle_RCPT(self, server, session, envelope, address, options):
        envelope.manner = self.manner(address)
        envelope.rcpt_tos.append(address)
        if envelope.manner == "greylist":
            self.note(server, session, envelope, None)
            return "450 4.2.0 come again"
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        self.note(server, session, envelope, envelope.content)
        match envelope.manner:
            case "refuse-421":
                return "421 4.3.2 closing"
            case "refuse-550":
                return "550 5.7.1 not wanted"
            case "hang":
                await asyncio.sleep(3600)
            case "drop":
                server.transport.abort()
        return "250 2.0.0 taken"

    def note(self, server, session, envelope, content):
        line = {
            "manner": envelope.manner,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None or server.wrapped,
            "user": session.auth_data.login.decode() if session.authenticated else None,
        }
        if content is not None:
            line |= parsed(content)
        tell(**line)


def parsed(content):
    """The mail, as the standard library's parser reads it."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    defects = [repr(defect) for part in mail.walk() for defect in part.defects]
    defects += [repr(defect) for value in mail.values() for defect in getattr(value, "defects", ())]
    return {
        "headers": {name: str(value) for name, value in mail.items()},
        "names": sorted(mail.keys()),
        "type": mail.get_content_type(),
        "parts": [part.get_content_type() for part in mail.walk()],
        "text": parts.get("text/plain"),
        "html": parts.get("text/html"),
        "longest": max(map(len, content.splitlines())),
        "defects": defects,
    }


class Server(SMTP):
    wrapped = False


async def serve(options):
    handler = Handler(options.folder)
    tls = context(options.folder, options.certificate) if options.tls != "none" else None

    def check(server, session, envelope, mechanism, data):
        right = LoginPassword(options.user.encode(), options.password.encode())
        return AuthResult(success=data == right, handled=False, auth_data=data)

    def protocol():
        server = Server(
            handler,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=tls if options.tls == "starttls" else None,
            require_starttls=options.tls == "starttls",
            authenticator=check if options.user else None,
            auth_required=bool(options.user),
            auth_require_tls=options.tls == "starttls",
        )
        server.wrapped = options.tls == "implicit"
        return server

    listener = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", options.port, ssl=tls if options.tls == "implicit" else None
    )
    tell(port=listener.sockets[0].getsockname()[1])
    await listener.serve_forever()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="an empty folder, for certificates")
    parser.add_argument("--port", type=int, default=0, help="0 picks one")
    parser.add_argument("--tls", choices=["none", "starttls", "implicit"], default="none")
    parser.add_argument("--certificate", choices=["trusted", "stranger", "self"], default="trusted")
    parser.add_argument("--user", default="", help="whoever sends must sign in as this")
    parser.add_argument("--password", default="")
    warnings.simplefilter("ignore")  # about sign-in without TLS, which is what some tests are about
    logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)  # clients that do not trust it are no news
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
