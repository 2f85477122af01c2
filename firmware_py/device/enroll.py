"""Owns `rearguard enroll URL CODE`: a key is made here, and the fleet certifies it for a code that works once.

Must never send the key, never send the code to anybody but the fleet whose mark it carries, and never let the fleet's
answer change more than this device's name and its way to the broker.
"""

import base64
import binascii
import grp
import hashlib
import http.client
import json
import os
import re
import ssl
import subprocess
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import typer

from firmware_py.config import INSTALLED, Config, load, parse
from firmware_py.courier.events.certificate import wrong_dates
from firmware_py.device.language import speak
from firmware_py.device.service import refuse_while_armed
from firmware_py.device.settings import must_be_installed, save, write_whole
from firmware_py.locale import translate as _
from sensors.advice import ConfigError, Failure

SECRET_BYTES, MARK_BYTES = 9, 16  # 72 bits that nobody guesses; 128 bits of the authority's fingerprint
PORT = 8771
TIMEOUT_S = 10.0
OPENSSL_S = 30.0
LARGEST_ANSWER = 64_000  # bytes
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----\n.*?-----END \1-----", re.DOTALL)


class Got(NamedTuple):
    """What the fleet gave: the authority's certificate, the device's own, its key, and what to set."""

    authority: str
    certificate: str
    key: str
    settings: dict[str, dict[str, Any]]


def enroll(
    url: Annotated[
        str, typer.Argument(help="Where `rearguard fleet enroll` listens, such as fleet.example:8771.")
    ],
    code: Annotated[str, typer.Argument(help="What it has printed for this treadmill.")],
    config: Annotated[Path, typer.Option(help="The device's TOML file.")] = INSTALLED,
) -> None:
    """Give this treadmill a certificate of its fleet, and set its name and its broker. The key stays on the device.

    Example: sudo rearguard enroll fleet.example:8771 ab3de-fgh4j-...
    """
    speak(config if config.exists() else None)
    must_be_installed(config, "enroll")
    refuse_while_armed("enroll")
    before = load(config)
    folder = config.resolve().parent / "fleet"
    got = ask(url, code)
    after = _configured(before, got.settings, folder)
    try:
        folder.mkdir(exist_ok=True)
        write_whole(folder / "device.key", got.key, 0o640, _for_the_courier)
        write_whole(folder / "device.pem", got.certificate)
        write_whole(folder / "ca.pem", got.authority)
    except OSError as error:
        raise Failure(
            f"enroll: cannot write into {folder}: {error.strerror}",
            "Usually it belongs to root, or the disk is full",
            "run it with sudo, then ask for a new code: this one has been used",
        ) from None
    save(after, config)
    name, site = after.courier.device_id, after.mqtt.root or _("the fleet")
    typer.echo(_("This treadmill is {name} now, at {site}.").format(name=name, site=site))
    typer.echo(
        _("Restart it once nobody walks: {command}").format(
            command="sudo systemctl restart rearguard-guard rearguard-courier"
        )
    )


def ask(url: str, code: str) -> Got:
    """Enrols at the fleet. Raises Failure."""
    secret, mark = read_code(code)
    host, port = _address(url)
    authority = _who_is_there(host, port)
    if hashlib.sha256(ssl.PEM_cert_to_DER_cert(authority)).digest()[:MARK_BYTES] != mark:
        raise Failure(
            f"enroll: {host} is not the fleet that the code belongs to",
            "Usually the code is mistyped; otherwise somebody stands in between",
            "compare code and address with what `rearguard fleet enroll` printed",
        )
    key, request = _request()
    body = json.dumps({"secret": secret.hex(), "request": request})
    answer = _talk(host, port, _trusting(authority), "POST", "/enroll", body)
    try:
        told = json.loads(answer)
        mqtt = {"host": told["host"] or host, "port": told["port"], "root": told["root"]}
        settings = {"courier": {"device_id": told["device"]}, "mqtt": mqtt}
        return Got(authority, str(told["certificate"]), key, settings)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Failure(f"enroll: {host} answers with something else than a certificate") from None


def code_of(secret: bytes, fingerprint: bytes) -> str:
    """What a person types or pastes: the secret and the mark of the fleet's authority, in groups of five."""
    text = base64.b32encode(secret + fingerprint[:MARK_BYTES]).decode().lower()
    return "-".join(text[n : n + 5] for n in range(0, len(text), 5))


def read_code(code: str) -> tuple[bytes, bytes]:
    """Secret and mark. Raises Failure."""
    try:
        found = base64.b32decode("".join(code.replace("-", "").split()), casefold=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != SECRET_BYTES + MARK_BYTES:
        raise Failure(
            "enroll: this is no code",
            "It has eight groups of five letters and digits",
            "copy the whole of it",
        )
    return found[:SECRET_BYTES], found[SECRET_BYTES:]


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url if "//" in url else f"https://{url}")
    try:
        if parts.scheme != "https" or not parts.hostname:
            raise ValueError
        return parts.hostname, parts.port or PORT
    except ValueError:
        raise Failure(f"enroll: {url} is no address", "", "write it as fleet.example:8771") from None


def _request() -> tuple[str, str]:
    """A new key, and a request that proves it: both as PEM, made by the computer's own openssl. Raises Failure."""
    words = "openssl req -new -batch -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /"
    try:
        made = subprocess.run(
            [*words.split(), "-keyout", "/dev/stdout", "-out", "/dev/stdout"],
            capture_output=True,
            check=True,
            text=True,
            timeout=OPENSSL_S,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise Failure(
            f"enroll: openssl cannot make a key ({type(error).__name__})",
            "Usually it is not installed",
            "install it: sudo apt install openssl",
        ) from None
    found = [match[0] for match in _PEM.finditer(made)]
    if len(found) != 2:  # noqa: PLR2004
        raise Failure("enroll: openssl has made something else than a key and a request")
    key, request = sorted(found, key=lambda text: "REQUEST" in text)
    return key + "\n", request + "\n"


def _who_is_there(host: str, port: int) -> str:
    """The authority's certificate, from whoever answers: nothing is believed before its mark fits the code."""
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    answer = _talk(host, port, anybody, "GET", "/ca").decode("ascii", "replace")
    try:
        ssl.PEM_cert_to_DER_cert(answer)
    except ValueError:
        raise Failure(f"enroll: nobody enrols at {host}:{port}", "", "check the address") from None
    return answer


def _trusting(authority: str) -> ssl.SSLContext:
    """Only a server of this authority. It certifies no treadmill as a server, so any name of its servers will do."""
    context = ssl.create_default_context(cadata=authority)
    context.check_hostname = False
    return context


def _talk(
    host: str, port: int, context: ssl.SSLContext, method: str, path: str, body: str | None = None
) -> bytes:
    """One request. Raises Failure with what the fleet says, or why it is not reached."""
    wire = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    try:
        wire.request(method, path, body)
        answer = wire.getresponse()
        data = answer.read(LARGEST_ANSWER)
    except ssl.SSLCertVerificationError as error:
        if advice := wrong_dates(f"enroll: the certificate of {host}", error):
            raise Failure(*advice) from None
        raise Failure(
            f"enroll: the certificate of {host} cannot be believed ({error.verify_message})"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise Failure(
            f"enroll: {host}:{port} does not answer ({error})",
            "`rearguard fleet enroll` listens for 15 minutes only",
            "start it there, and try again",
        ) from None
    finally:
        wire.close()
    if answer.status != http.client.OK:
        raise Failure(f"enroll: {_said(data)}", "", "ask for a new code at the fleet")
    return data


def _said(data: bytes) -> str:
    """A short sentence of the fleet, without anything that a terminal could obey."""
    try:
        text = str(json.loads(data)["what"])[:200]
    except (ValueError, KeyError, TypeError, RecursionError):
        return "the fleet refuses"
    return "".join(c for c in text if c.isprintable()).rstrip(".")


def _configured(before: Config, settings: dict[str, dict[str, Any]], folder: Path) -> Config:
    """The configuration with the fleet's name and broker and nothing else changed. Raises Failure."""
    raw = before.model_dump(mode="json")
    raw["courier"]["device_id"] = settings["courier"]["device_id"]
    raw["mqtt"] |= settings["mqtt"] | {
        "enabled": True,
        "tls": True,
        "ca_file": str(folder / "ca.pem"),
        "cert_file": str(folder / "device.pem"),
        "key_file": str(folder / "device.key"),
        "profile": "fleet",
        "home_assistant": False,
    }
    try:
        return parse(raw)
    except ConfigError as error:
        raise Failure(f"enroll: what the fleet sends cannot be set: {error}") from None


def _for_the_courier(path: Path) -> None:
    """Only root and the courier's group may read the key."""
    if os.geteuid() == 0:
        try:
            os.chown(path, 0, grp.getgrnam("rearguard").gr_gid)
        except KeyError:
            os.chown(path, 0, 0)  # not installed: root alone
