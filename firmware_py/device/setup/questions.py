"""Owns every sentence with which set-up asks for something, in one table. Must never hold an answer's meaning."""

from firmware_py.device.setup.talk import Question

_KEYS = (
    ("clip", "A plug, a clip or a plunger that is pushed in"),
    ("magnet", "A magnet that is laid on"),
    ("mains", "The key or cord pulls the mains plug or a mains switch"),
    ("rfid", "A card, a chip or an app: nothing is pushed in or laid on"),
    ("none", "There is no key"),
)

KEY = Question("key", "What kind of safety key does this treadmill have?", "choice", None, _KEYS)
KEY_STOPS = Question(
    "key_stops",
    "Run the empty belt slowly and pull the key. Does the belt come to rest by itself?",
    "yes_no",
)
LOW_VOLTAGE = Question(
    "low_voltage",
    "Were the two key wires measured as hardware.md says, and are they below 24 V and apart from the mains?",
    "yes_no",
)
MOTOR = Question("motor", "Does a motor drive the belt?", "yes_no")
DECK = Question(
    "deck", "How long is the running surface from end to end?", "number", None, (), 300, 3000, "mm"
)
BY_THEMSELVES = Question(
    "by_themselves",
    "Can everybody who will walk here step off by themselves, and is no walker a child?",
    "yes_no",
)

WRITE_BOOT = Question("write_boot", "Write these lines? The old file is kept beside it.", "yes_no", "yes")
REBOOT = Question("reboot", "These lines count after a restart. Restart now?", "yes_no", "yes")

NAME = Question("name", "A name for this device: letters, digits and -", "text", "rearguard")
PAGE = Question(
    "page",
    "Show the page to phones and screens in your network? It only shows; it can start nothing.",
    "yes_no",
    "yes",
)
PASSWORD = Question("password", "A password for the page, 8 characters or more", "secret")
PASSWORD_AGAIN = Question("password_again", "The same password again", "secret")

PLUG_IN = Question("plug_in", "Plug in the pod and the distance sensor. Press Enter when both are connected.")
WHICH = Question("which", "More than one motion sensor answers. Which is in the pod?", "choice")
MOUNT = Question(
    "mount",
    "Where is the distance sensor?",
    "choice",
    "front",
    (
        ("front", "At the console, looking toward the rear edge"),
        ("rear", "At the rear edge, looking toward the console"),
    ),
)

LAY_STILL = Question(
    "lay_still",
    "Lay the pod down and leave it still. Put the box half a metre in front of the distance sensor. Nobody on the "
    "belt. Press Enter.",
)
PRESS = Question("press", "Press the arming button now, and let it go.")
STOP_BUTTON = Question("stop_button", "Press the stop button now, then release it.")
WAVE = Question(
    "wave", "Take the box away. Move your hand in front of the distance sensor, nearer and farther."
)
TURN = Question("turn", "Take the pod and turn it in your hand.")

KEY_OUT = Question(
    "key_out",
    "Nobody on the belt. Pull the treadmill's own safety key, so that the belt cannot start. The contacts will click "
    "three times. Press Enter.",
)

WEAR = Question(
    "wear",
    "Clip the pod to the back of your belt. Stand upright and still for ten seconds. Press Enter to begin.",
)
LEAN = Question(
    "lean",
    "Now lean forward from the hips, as far as it is easy, and stay there for three seconds. Press Enter to begin.",
)

DECK_LENGTH = Question(
    "deck_length",
    "Length of the running surface from end to end",
    "number",
    None,
    (),
    800,
    2200,
    "mm",
)
CEILING = Question(
    "ceiling", "Fastest belt speed you will ever walk at", "number", None, (), 0.3, 8.0, "km/h"
)

MQTT = Question(
    "mqtt", "Send messages to Home Assistant or another MQTT broker in your network?", "yes_no", "no"
)
BROKER = Question("broker", "Name or address of the broker", "text", "homeassistant.local")
PORT = Question("port", "Its port", "number", 1883, (), 1, 65535)
BROKER_USER = Question("broker_user", "User name; - for none", "text", "-")
BROKER_PASSWORD = Question("broker_password", "Password of that user", "secret")

_AGAIN = (("again", "Try this step again"), ("leave", "Leave set-up; it goes on here next time"))
NOT_PROVED = Question(
    "not_proved", "This step is not proved.", "choice", "again", (*_AGAIN, ("next", "Go on without it"))
)
NEEDED = Question("needed", "Set-up cannot go on without this step.", "choice", "again", _AGAIN)

BY_KEY = {question.key: question for question in list(globals().values()) if isinstance(question, Question)}
