"""Owns the access lists of the brokers: a treadmill writes its own topics and hears its own commands, and nothing else.

The name is the one in its certificate. Who is not on the list may nothing: there is no line for everybody.
"""

Place = tuple[str, str]  # site and device; the site may be ""

_MOSQUITTO = """\
# mosquitto: acl_file. Names are those of the certificates (use_identity_as_username true).
# Made by `rearguard fleet acl mosquitto`; make it anew after each enrolment, then reload the broker.

# The fleet page reads everything and writes nothing.
user fleet
{reads}

# Floor staff may ask a treadmill to stop, and say that they are on the way. Nothing starts a belt.
user floor
{commands}
"""

_NATS = """\
# nats-server: topics become subjects, "/" is "."; users are the names in the certificates (verify_and_map).
# Made by `rearguard fleet acl nats`; make it anew after each enrolment, then reload the server.
authorization {{
  users = [
    {{ user: "CN=fleet",
       permissions: {{ publish: {{ deny: ">" }} }} }}
    {{ user: "CN=floor",
       permissions: {{ publish: [{commands}], subscribe: {{ deny: ">" }} }} }}
{devices}
  ]
}}
"""

_NATS_DEVICE = """\
    {{ user: "CN={name}",
       permissions: {{ publish: ["{base}.>"], subscribe: ["{base}.command.>", "$MQTT.sub.>"] }} }}"""

LEVELS = ("", "+/", "+/+/")  # with or without a site, and a chain above it


def _bases(root: str, wildcard: str) -> list[str]:
    """Where "rearguard" may stand below `root`."""
    before = f"{root}/" if root else ""
    return [before + level.replace("+", wildcard) + "rearguard/" for level in LEVELS]


def _base(root: str, place: Place) -> str:
    return "/".join(part for part in (root, place[0], "rearguard", place[1]) if part)


def mosquitto(root: str, places: list[Place]) -> str:
    """The file for mosquitto. `root` is what stands before the site, "" when nothing does."""
    bases = _bases(root, "+")
    text = _MOSQUITTO.format(
        reads="\n".join(f"topic read {base}#" for base in bases),
        commands="\n".join(
            f"topic write {base}+/command/{word}" for base in bases for word in ("stop", "ack")
        ),
    )
    for place in places:
        base = _base(root, place)
        text += f"\nuser {place[1]}\ntopic write {base}/#\ntopic read {base}/command/#\n"
    return text


def nats(root: str, places: list[Place]) -> str:
    """The authorization block for nats-server."""
    commands = ", ".join(
        f'"{base.replace("/", ".")}*.command.{word}"'
        for base in _bases(root, "*")
        for word in ("stop", "ack")
    )
    rows = [_NATS_DEVICE.format(name=place[1], base=_base(root, place).replace("/", ".")) for place in places]
    return _NATS.format(commands=commands, devices="\n".join(rows))
