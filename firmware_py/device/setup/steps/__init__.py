"""The steps of set-up, one a file, in the order in which they are done."""

from firmware_py.device.setup.engine import Step
from firmware_py.device.setup.steps.board import board
from firmware_py.device.setup.steps.calibrate import calibrate
from firmware_py.device.setup.steps.check import check
from firmware_py.device.setup.steps.chips import chips
from firmware_py.device.setup.steps.commission import commission
from firmware_py.device.setup.steps.mqtt import mqtt
from firmware_py.device.setup.steps.network import network
from firmware_py.device.setup.steps.selftest import selftest
from firmware_py.device.setup.steps.sheet import sheet
from firmware_py.device.setup.steps.treadmill import treadmill

STEPS = (
    Step("treadmill", "Is this treadmill suitable?", treadmill, needed=True),
    Step("board", "The Raspberry Pi", board),
    Step("network", "Name and page", network),
    Step("chips", "Find the sensors", chips, needed=True),
    Step("check", "Check the wiring", check),
    Step("selftest", "Prove the stop", selftest, needed=True),
    Step("calibrate", "How the pod sits", calibrate),
    Step("commission", "Measure the treadmill", commission),
    Step("mqtt", "Messages to your home", mqtt),
    Step("sheet", "The sheet for the treadmill", sheet),
)
