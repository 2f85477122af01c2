"""Owns the access lists of the brokers: a device writes its own topics and hears its own commands, and nothing else."""

MOSQUITTO = """\
# mosquitto: acl_file. The user name is the device's certificate name (use_identity_as_username true).
# A device writes its own topics and hears its own commands; nobody else may command it.
pattern write {root}rearguard/%u/#
pattern read {root}rearguard/%u/command/#

# The fleet page reads everything and writes nothing.
user fleet
topic read {root}#
topic read {root}+/rearguard/#

# Floor staff may ask a treadmill to stop, and say that they are on the way. Nothing starts a belt.
user floor
topic write {root}rearguard/+/command/stop
topic write {root}rearguard/+/command/ack
"""

NATS = """\
# nats-server: topics become subjects, "/" is ".". Names of devices: letters, digits, - and _.
authorization {{
  users = [
    {{ user: fleet, password: $FLEET_PASSWORD,
       permissions: {{ publish: {{ deny: "{root}rearguard.*.command.>" }}, subscribe: "{root}>" }} }}
{devices}
  ]
}}
"""

_NATS_DEVICE = """\
    {{ user: {name}, password: ${variable},
       permissions: {{ publish: ["{root}rearguard.{name}.>", "$MQTT.>"],
                      subscribe: ["{root}rearguard.{name}.command.>", "$MQTT.>", "_INBOX.>"] }} }}"""


def mosquitto(root: str) -> str:
    """The file for mosquitto. `root` is what stands before "rearguard", "" when nothing does."""
    return MOSQUITTO.format(root=f"{root}/" if root else "")


def nats(root: str, devices: list[str]) -> str:
    """The authorization block for nats-server; passwords come from its environment."""
    dotted = f"{root.replace('/', '.')}." if root else ""
    rows = [
        _NATS_DEVICE.format(name=name, root=dotted, variable=f"{name.upper().replace('-', '_')}_PASSWORD")
        for name in devices
    ]
    return NATS.format(root=dotted, devices="\n".join(rows))
