"""Owns every sentence with which set-up asks for something, in one table. Must never hold an answer's meaning."""

from firmware_py.device.setup.talk import Question
from firmware_py.locale import mark

_KEYS = (
    ("clip", mark("A plug, a clip or a plunger that is pushed in")),
    ("magnet", mark("A magnet that is laid on")),
    ("mains", mark("The key or cord pulls the mains plug or a mains switch")),
    ("rfid", mark("A card, a chip or an app: nothing is pushed in or laid on")),
    ("none", mark("There is no key")),
)

KEY = Question("key", mark("What kind of safety key does this treadmill have?"), "choice", None, _KEYS)
KEY_STOPS = Question(
    "key_stops",
    mark("Run the empty belt slowly and pull the key. Does the belt come to rest by itself?"),
    "yes_no",
)
LOW_VOLTAGE = Question(
    "low_voltage",
    mark(
        "Were the two key wires measured as hardware.md says, and are they below 24 V and apart from the mains?"
    ),
    "yes_no",
)
LANGUAGE = Question("language", "Language / Sprache", "choice", "en", (("en", "English"), ("de", "Deutsch")))
MOTOR = Question("motor", mark("Does a motor drive the belt?"), "yes_no")
DECK = Question(
    "deck", mark("How long is the running surface from end to end?"), "number", None, (), 300, 3000, "mm"
)
BY_THEMSELVES = Question(
    "by_themselves",
    mark("Can everybody who will walk here step off by themselves, and is no walker a child?"),
    "yes_no",
)

WRITE_BOOT = Question(
    "write_boot", mark("Write these lines? The old file is kept beside it."), "yes_no", "yes"
)
REBOOT = Question("reboot", mark("These lines count after a restart. Restart now?"), "yes_no", "yes")

NAME = Question("name", mark("A name for this device: letters, digits and -"), "text", "rearguard")
PAGE = Question(
    "page",
    mark("Show the page to phones and screens in your network? It only shows; it can start nothing."),
    "yes_no",
    "yes",
)
PASSWORD = Question("password", mark("A password for the page, 8 characters or more"), "secret")
PASSWORD_AGAIN = Question("password_again", mark("The same password again"), "secret")

PLUG_IN = Question(
    "plug_in", mark("Plug in the pod and the distance sensor. Press Enter when both are connected.")
)
WHICH_POD = Question("which_pod", mark("More than one motion sensor answers. Which is in the pod?"), "choice")
WHICH_DISTANCE = Question(
    "which_distance", mark("More than one distance sensor answers. Which one sees the walker?"), "choice"
)
MOUNT = Question(
    "mount",
    mark("Where is the distance sensor?"),
    "choice",
    "front",
    (
        ("front", mark("At the console, looking toward the rear edge")),
        ("rear", mark("At the rear edge, looking toward the console")),
    ),
)

LAY_STILL = Question(
    "lay_still",
    mark(
        "Lay the pod down and leave it still. Put the box half a metre in front of the distance sensor. Nobody on the "
        "belt. Press Enter."
    ),
)
PRESS = Question("press", mark("Press the arming button now, and let it go."))
STOP_BUTTON = Question("stop_button", mark("Press the stop button now, then release it."))
WAVE = Question(
    "wave", mark("Take the box away. Move your hand in front of the distance sensor, nearer and farther.")
)
TURN = Question("turn", mark("Take the pod and turn it in your hand."))

KEY_OUT = Question(
    "key_out",
    mark(
        "Nobody on the belt. Pull the treadmill's own safety key, so that the belt cannot start. "
        "The contacts will click three times. Press Enter."
    ),
)

WEAR = Question(
    "wear",
    mark(
        "Clip the pod to the back of your belt. Stand upright and still for ten seconds. Press Enter to begin."
    ),
)
LEAN = Question(
    "lean",
    mark(
        "Now lean forward from the hips, as far as it is easy, and stay there for three seconds. "
        "Press Enter to begin."
    ),
)

DECK_LENGTH = Question(
    "deck_length",
    mark("Length of the running surface from end to end"),
    "number",
    None,
    (),
    800,
    2200,
    "mm",
)
CEILING = Question(
    "ceiling", mark("Fastest belt speed you will ever walk at"), "number", None, (), 0.3, 8.0, "km/h"
)

MQTT = Question(
    "mqtt", mark("Send messages to Home Assistant or another MQTT broker in your network?"), "yes_no", "no"
)
BROKER = Question("broker", mark("Name or address of the broker"), "text", "homeassistant.local")
PORT = Question("port", mark("Its port"), "number", 1883, (), 1, 65535)
BROKER_USER = Question("broker_user", mark("User name; - for none"), "text", "-")
BROKER_PASSWORD = Question("broker_password", mark("Password of that user"), "secret")

ALERTS = Question(
    "alerts",
    mark("Send somebody a message when a walker may have fallen, or the belt was stopped?"),
    "yes_no",
    "no",
)
ALERT_NAME = Question("alert_name", mark("Who gets it? For example: front desk"), "text")
ALERT_CHANNEL = Question(
    "alert_channel",
    mark("Over which way?"),
    "choice",
    "ntfy",
    (
        ("webhook", mark("A web address of a program of yours (webhook)")),
        ("ntfy", mark("The app ntfy on a phone")),
        ("mail", mark("Mail")),
    ),
)
ALERT_ADDRESS = {
    "webhook": Question("alert_address", mark("The web address. It begins with http:// or https://"), "text"),
    "ntfy": Question(
        "alert_address",
        mark("The address of the topic, for example https://ntfy.sh/ and a long name"),
        "text",
    ),
    "mail": Question("alert_address", mark("Mail address of that person"), "text"),
}
ALERT_TOKEN = Question("alert_token", mark("Its access token; only Enter for none"), "secret")
MAIL_SERVER = Question("mail_server", mark("The mail server and its port, such as mail.example:587"), "text")
MAIL_SENDER = Question("mail_sender", mark("Mail address of this device, as sender"), "text")
MAIL_USER = Question("mail_user", mark("User name at the mail server; - for none"), "text", "-")
MAIL_PASSWORD = Question("mail_password", mark("Password of that user"), "secret")
ARRIVED = Question("arrived", mark("A test message was sent. Has it arrived?"), "yes_no")

_AGAIN = (("again", mark("Try this step again")), ("leave", mark("Leave set-up; it goes on here next time")))
NOT_PROVED = Question(
    "not_proved",
    mark("This step is not proved."),
    "choice",
    "again",
    (*_AGAIN, ("next", mark("Go on without it"))),
)
NEEDED = Question("needed", mark("Set-up cannot go on without this step."), "choice", "again", _AGAIN)
